"""Models of PyTorch as networks: captures that were recorded once, and their translations."""
