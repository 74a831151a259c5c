"""A PyTorch or JAX model -> a readable network: captures, and their translation."""
