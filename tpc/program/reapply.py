"""Operations of the graph on other operands than their own, and graphs on stand-ins.

As linear maps act on many things, an operation is applied to what stands for its operands. The
constant axes of a stand-in are those of the operand, behind `leading` others (those over inputs, or
of a hat); more may follow.
"""

from collections.abc import Mapping, Sequence

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import Node, is_detached, operands
from tpc.program.traversal import fold


def reapply(b: Builder, node: Node, parts: Sequence[Node], leading: int = 0) -> Node:
    """Return the operation of a node on other operands.

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
        case op.Elementwise(function=function):
            return b.apply(function, *parts)
        case op.Take(keys=keys):
            return b.take(x, (None,) * leading + keys)
        case op.Permute(order=order):
            last = range(leading + len(order), rank)
            return b.permute(x, (*range(leading), *behind(order), *last))
        case op.Expand(axes=axes):
            return b.expand(x, behind(axes))
        case op.Reduce(reduction=reduction, axes=axes):
            return b.reduce(reduction, x, behind(axes))
        case op.Contract(axes=axes) if not leading:
            return b.contract(x, parts[1], axes)
        case op.Softmax():
            return b.softmax(x)
        case op.LinearAlgebra(function=function):
            return b.linear_algebra(function, x)
        case op.Spectral(function=function, rows=rows, values=values):
            return b.spectral(function, x, rows, None if values is None else parts[1])
        case op.Row(coordinate=coordinate):
            return b.row(x, coordinate)
        case op.Mean(over=over):
            return b.mean(x, over)
        case _:
            raise AssertionError(f"{node!r} is not applied to other operands")


def transplant(b: Builder, root: Node, stand_ins: Mapping[Node, Node] | None = None) -> Node:
    """Return the node of `b` that computes what `root` does in another graph.

    Args:
        b: Makes the nodes.
        root: A graph of constants, parameters, operations and stand-ins.
        stand_ins: Nodes of `b` for placeholders of the graph. What is made of one with growing axes
            is elementwise, so that it takes the coordinates of what it stands for.
    """

    def image(node: Node, images: dict[Node, Node]) -> Node:
        b.span = node.span
        if is_detached(node):
            return b.detached(images[operands(node)[0]])
        if isinstance(node, op.Elementwise):
            return b.apply(node.function, *(images[argument] for argument in node.operands))
        return b.copy(node, images)

    return fold((root,), image, operands, dict(stand_ins or {}))[root]
