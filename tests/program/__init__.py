"""Tests of recorded graphs as NumPy source."""
