"""PyTorch's numbers, kept so that comparing with them does not take PyTorch: see `make`."""
