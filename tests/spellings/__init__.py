"""Spellings of NumPy and PyTorch: a call in ours, in PyTorch's, and what it comes to in plain NumPy."""
