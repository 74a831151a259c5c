"""Limit equations -> NumPy source."""
