"""Graphs from one builder into another, with stand-ins replaced by what they stand for."""

from collections.abc import Mapping

from tpc.program.builder import Builder
from tpc.program.nodes import Constant, Elementwise, Node, Parameter, operands, with_operands


def transplant(b: Builder, root: Node, stand_ins: Mapping[Node, Node] | None = None) -> Node:
    """Return the node of `b` that computes what `root` does in another graph.

    Args:
        b: Makes the nodes.
        root: A graph of constants, parameters, operations and stand-ins.
        stand_ins: Nodes of `b` for placeholders of the graph. What is made of one with growing axes
            is elementwise, so that it takes the coordinates of what it stands for.
    """
    images = dict(stand_ins or {})
    pending = [root]
    while pending:
        node = pending[-1]
        missing = [x for x in operands(node) if x not in images] if node not in images else []
        if missing:
            pending.extend(missing)
            continue
        pending.pop()
        if node not in images:
            b.span = node.span
            images[node] = _image(b, node, images)
    return images[root]


def _image(b: Builder, node: Node, images: Mapping[Node, Node]) -> Node:
    match node:
        case Constant(value=value):
            return b.constant(value)
        case Parameter(name=name, default=default):
            return b.parameter(name, default)
        case Elementwise(function=function, operands=arguments):
            return b.apply(function, *(images[argument] for argument in arguments))
        case _:
            return b.make(
                type(node), node.coords, node.shape, *with_operands(node, dict(images), {})
            )
