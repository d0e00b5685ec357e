"""Tests of the command line's trainings; the others are in `tests/test_cli.py`."""
