"""Expectations of smooth functions of one or two Gaussians, as numbers: Hermite series."""
