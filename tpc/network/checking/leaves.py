"""What a graph is made of, beyond statics, params and operations on numbers."""

from tpc.program import nodes as op
from tpc.program.nodes import Matrix, Node, operands
from tpc.program.traversal import walk


def leaves(node: Node) -> list[Node]:
    """Return the placeholders, initial scalars and growing things that a node is made of."""

    def below(part: Node) -> tuple[Node, ...]:
        return () if part.coords or isinstance(part, op.InitialScalar) else operands(part)

    return [
        part
        for part in walk((node,), below)
        if not below(part) and not isinstance(part, op.Constant | op.Parameter)
    ]


def placeholders(node: Node) -> list[op.Placeholder]:
    """Return the placeholders that a node is made of, through anything."""
    return [part for part in walk((node,), operands) if isinstance(part, op.Placeholder)]


def matrices(node: Node) -> list[Matrix]:
    """Return the matrices of the products that a node is made of."""
    return [part.matrix for part in walk((node,), operands) if isinstance(part, op.MatMul)]
