"""Tests of `microgradrnn.loops`."""
