"""Rules: an operation of a framework -> a value of the language, one file for each kind.

To import a file registers its rules, so who takes `RULES` from here has all of them.
"""

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
from tpc.importing.translation import RULES

__all__ = [
    "RULES",
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
