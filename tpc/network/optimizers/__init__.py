"""Optimizers: update functions Q_t of the gradients so far, as graphs [Tensor Programs IVb, 2.1].

A use of an optimizer, nodes of gradients -> nodes of the update
"""
