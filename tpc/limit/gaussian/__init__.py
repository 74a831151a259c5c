"""Expectations of functions of Gaussian variables in closed form."""
