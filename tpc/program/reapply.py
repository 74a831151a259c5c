"""Operations of the graph on other operands than their own, as linear maps act on many things.

Input is a node and what stands for its operands. The constant axes of a stand-in are those of the
operand, behind `leading` others (those over inputs, or of a hat); more may follow.
"""

from collections.abc import Callable, Sequence

from tpc.program.builder import Builder
from tpc.program.nodes import (
    Contract,
    Elementwise,
    Expand,
    LinearAlgebra,
    Mean,
    Node,
    Permute,
    Reduce,
    Row,
    Softmax,
    Take,
)

_SIMPLIFIED: dict[str, Callable[..., Node]] = {
    "add": Builder.add,
    "sub": Builder.sub,
    "mul": Builder.mul,
    "div": Builder.div,
    "neg": Builder.neg,
}


def reapply(b: Builder, node: Node, parts: Sequence[Node], leading: int = 0) -> Node:
    """Return the operation of a node on other operands, with the simplifications of the builder.

    Args:
        b: Makes the nodes.
        node: An operation of one operand, or of several without leading axes, or an `Elementwise`
            on operands that broadcast.
        parts: What stands for its operands, in order.
        leading: How many axes stand before those of the operands.
    """

    def behind(axes: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(leading + axis for axis in axes)

    x, rank = parts[0], len(parts[0].shape)
    match node:
        case Elementwise(function=function) if function in _SIMPLIFIED:
            return _SIMPLIFIED[function](b, *parts)
        case Elementwise(function=function):
            return b.apply(function, *parts)
        case Take(keys=keys):
            return b.take(x, (None,) * leading + keys)
        case Permute(order=order):
            last = range(leading + len(order), rank)
            return b.permute(x, (*range(leading), *behind(order), *last))
        case Expand(axes=axes):
            return b.expand(x, behind(axes))
        case Reduce(reduction=reduction, axes=axes):
            return b.reduce(reduction, x, behind(axes))
        case Contract(axes=axes) if not leading:
            return b.contract(x, parts[1], axes)
        case Softmax():
            return b.softmax(x)
        case LinearAlgebra(function=function):
            return b.linear_algebra(function, x)
        case Row(coordinate=coordinate):
            return b.row(x, coordinate)
        case Mean(over=over):
            return b.mean(x, over)
        case _:
            raise AssertionError(f"{node!r} is not applied to other operands")
