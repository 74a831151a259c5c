"""Values of operations on static arrays.

Input: a node. Output: its array, where all operands are constants and the result is finite and not
larger than they are together (an outer product of data stays an outer product).
"""

from math import prod

from tpc.program.nodes import Constant, Node, operands
from tpc.program.operations import Array, folded

_FOLDABLE = frozenset({
    "add", "sub", "mul", "div", "pow", "neg", "square", "abs", "sqrt", "exp", "log", "max", "min",
})  # fmt: skip


def fold(node: Node) -> Array | None:
    """Return the value of an operation on constants, or None where it stays an operation."""
    sizes = [operand.value.size for operand in operands(node) if isinstance(operand, Constant)]
    return folded(node, _FOLDABLE) if prod(node.shape) <= sum(sizes) else None
