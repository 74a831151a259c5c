"""Rules: an operation of a framework -> a value of the language, one file for each kind."""

from tpc.importing.rules import (
    attention,
    constant_axes,
    convolutions,
    elementwise,
    linear,
    norms,
    products,
    recurrent,
    reductions,
)

__all__ = [
    "attention",
    "constant_axes",
    "convolutions",
    "elementwise",
    "linear",
    "norms",
    "products",
    "recurrent",
    "reductions",
]
