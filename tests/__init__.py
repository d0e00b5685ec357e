"""The tests. Each compares what the engine says with a witness that does not share its code."""
