"""Graphs from one builder into another, with stand-ins replaced by what they stand for."""

from collections.abc import Mapping

from tpc.program.builder import Builder
from tpc.program.nodes import Elementwise, Node, operands
from tpc.program.traversal import fold


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
        if isinstance(node, Elementwise):
            return b.apply(node.function, *(images[argument] for argument in node.operands))
        return b.copy(node, images)

    return fold((root,), image, operands, dict(stand_ins or {}))[root]
