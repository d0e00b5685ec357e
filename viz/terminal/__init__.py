"""Stepping in a terminal: keys and screens as pure functions, and the console that shows them."""
