"""Finite networks that are trained: real weights, real gradients, the same optimizers.

A network with a `train` block, a width -> outputs and tracked scalars at every step
"""
