"""Optimizers: update functions Q_t of the gradients so far, as graphs.

A use of an optimizer, nodes of gradients -> nodes of the update

Reference:
    Tensor Programs IVb, Section 2.1, equation (2.1).
"""
