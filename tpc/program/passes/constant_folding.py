"""Values of operations on static arrays.

Input: a node. Output: its array, where all operands are constants and the result is finite and not
larger than they are together (an outer product of data stays an outer product).
"""

import numpy as np
import numpy.typing as npt

from tpc.program.nodes import (
    Constant,
    Contract,
    Elementwise,
    Expand,
    Node,
    Permute,
    Reduce,
    Take,
    operands,
)
from tpc.program.numeric import elementwise

Array = npt.NDArray[np.float64]

_FOLDABLE = frozenset({
    "add", "sub", "mul", "div", "pow", "neg", "square", "abs", "sqrt", "exp", "log", "max", "min",
})  # fmt: skip


def fold(node: Node) -> Array | None:
    """Return the value of an operation on constants, or None where it stays an operation."""
    arrays = [operand.value for operand in operands(node) if isinstance(operand, Constant)]
    if not arrays or len(arrays) < len(operands(node)):
        return None
    if int(np.prod(node.shape)) > sum(array.size for array in arrays):
        return None
    with np.errstate(all="ignore"):
        value = _value(node, arrays)
    return value if value is not None and bool(np.all(np.isfinite(value))) else None


def _value(node: Node, arrays: list[Array]) -> Array | None:
    match node:
        case Elementwise(function=function) if function in _FOLDABLE:
            return elementwise(function, *arrays)
        case Contract(axes=axes):
            return np.asarray(np.tensordot(arrays[0], arrays[1], axes))
        case Take(keys=keys):
            index = tuple(slice(None) if key is None else key for key in keys)
            return np.asarray(arrays[0][index])
        case Permute(order=order):
            return np.transpose(arrays[0], order)
        case Expand(axes=axes):
            return np.expand_dims(arrays[0], axes)
        case Reduce(reduction="sum", axes=axes):
            return np.asarray(np.sum(arrays[0], axis=axes))
        case Reduce(axes=axes):
            return np.asarray(np.max(arrays[0], axis=axes))
        case _:
            return None
