"""Values of parametric nodes at the defaults of the parameters: node -> float64 array.

Serves the checks that need numbers, such as that of a covariance, and turns a node that holds no
parameter back into a static.
"""

import numpy as np
import numpy.typing as npt

from tpc.program.builder import ShapeMismatch
from tpc.program.checking import statics
from tpc.program.checking.sorts import parametric_order
from tpc.program.checking.values import Static
from tpc.program.nodes import (
    Constant,
    Contract,
    Elementwise,
    Expand,
    LinearAlgebra,
    Node,
    Parameter,
    Permute,
    Reduce,
    Softmax,
    Take,
)
from tpc.program.numeric import elementwise

Floats = npt.NDArray[np.float64]


def at_defaults(node: Node) -> Floats:
    """Return the value of a parametric node at the defaults; NaN where there is none."""
    order = parametric_order(node)
    assert order is not None
    values: dict[Node, Floats] = {}
    with np.errstate(all="ignore"):
        for part in order:
            values[part] = np.asarray(_value(part, values), dtype=np.float64)
    return values[node]


def as_static(node: Node) -> Static | None:
    """Return a node as a static where it holds constants alone, and a finite value."""
    order = parametric_order(node)
    if order is None or any(isinstance(part, Parameter) for part in order):
        return None
    value = at_defaults(node)
    return Static(statics.settle(value)) if np.isfinite(value).all() else None


def _value(node: Node, values: dict[Node, Floats]) -> npt.ArrayLike:
    match node:
        case Constant(value=value) | Parameter(default=value):
            return value
        case Elementwise(function=function, operands=operands):
            return elementwise(function, *(values[operand] for operand in operands))
        case Contract(left=left, right=right, axes=axes):
            return np.tensordot(values[left], values[right], axes)
        case Take(operand=operand, keys=keys):
            return values[operand][tuple(slice(None) if key is None else key for key in keys)]
        case Permute(operand=operand, order=order):
            return np.transpose(values[operand], order)
        case Expand(operand=operand, axes=axes):
            return np.expand_dims(values[operand], axes)
        case Reduce(reduction=reduction, operand=operand, axes=axes):
            return statics.reduce(reduction, values[operand], axes)
        case Softmax(operand=operand):
            return statics.softmax(values[operand])
        case LinearAlgebra(function=function, operand=operand):
            try:
                return statics.linear_algebra(function, values[operand])
            except (statics.NoValue, ShapeMismatch):
                return np.full(node.shape, np.nan)
        case _:
            raise AssertionError(f"{node} is not parametric")
