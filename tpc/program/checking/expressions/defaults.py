"""Values of parametric nodes at the defaults of the parameters: node -> float64 array.

Serves the checks that need numbers, such as that of a covariance, and turns a node that holds no
parameter back into a static.
"""

import numpy as np

from tpc.program.checking import statics
from tpc.program.checking.sorts import parametric_order
from tpc.program.checking.values import Static
from tpc.program.nodes import Constant, Node, Parameter, operands
from tpc.program.operations import Array, operation


def at_defaults(node: Node) -> Array:
    """Return the value of a parametric node at the defaults; NaN where there is none."""
    order = parametric_order(node)
    assert order is not None
    values: dict[Node, Array] = {}
    with np.errstate(all="ignore"):
        for part in order:
            values[part] = _value(part, values)
    return values[node]


def as_static(node: Node) -> Static | None:
    """Return a node as a static where it holds constants alone, and a finite value."""
    order = parametric_order(node)
    if order is None or any(isinstance(part, Parameter) for part in order):
        return None
    value = at_defaults(node)
    return Static(statics.settle(value)) if np.isfinite(value).all() else None


def _value(node: Node, values: dict[Node, Array]) -> Array:
    match node:
        case Constant(value=value) | Parameter(default=value):
            return value
        case _:
            return operation(node)(*(values[operand] for operand in operands(node)))
