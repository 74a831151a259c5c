"""Exchanges of two coordinates -> the same without them: vectors and their rows change places.

    exchange(f(x, y[j]))  =  f(x[j], y)

This is how derivatives and finite networks read an `Exchange`; generated code transposes an array.
"""

from tpc.program.builder import Builder, exchange_coords
from tpc.program.nodes import FREE, Exchange, MatMul, Mean, Node, Row, operands
from tpc.program.passes.rebuild import rebuild
from tpc.program.program import Program
from tpc.program.region import Carried
from tpc.program.traversal import fold


def without_exchanges(program: Program) -> Program:
    """Return the program with every exchange unfolded, equal at every width."""
    if not any(isinstance(node, Exchange) for node in program.nodes):
        return program
    builder = Builder()
    unfolding = Unfolding(builder)

    def rewrite(_: Node, node: Node) -> Node:
        return unfolding.of(node) if isinstance(node, Exchange) else node

    return rebuild(program, builder, rewrite)


class Unfolding:
    """Unfolds exchanges of one graph, each node once.

    >>> b = Builder()
    >>> v = b.initial_vector("v", "n", (), None, b.number(1))
    >>> e = b.mul(b.exp(v), b.row(v, "j"))
    >>> Unfolding(b).of(b.exchange(e, "j")) is b.mul(b.row(b.exp(v), "j"), v)
    True
    """

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self._exchanged: dict[str, dict[Node, Node]] = {}

    def of(self, node: Exchange) -> Node:
        """Return what an exchange is, with its operand's vectors and rows exchanged."""
        return self.exchanged(node.operand, node.coordinate)

    def exchanged(self, node: Node, coordinate: str) -> Node:
        """Return a node with the free coordinate and a bound one exchanged."""
        known = self._exchanged.setdefault(coordinate, {})

        def below(part: Node) -> tuple[Node, ...]:
            return () if _is_end(part, coordinate) else operands(part)

        def rule(part: Node, images: dict[Node, Node]) -> Node:
            if _is_end(part, coordinate):
                return self._b.exchange(part, coordinate)
            if isinstance(part, Mean):
                swap = {FREE: coordinate, coordinate: FREE}
                return self._b.mean(images[part.operand], tuple(swap.get(x, x) for x in part.over))
            return self._b.copy(part, images, exchange_coords(part.coords, coordinate))

        return fold((node,), rule, below, known)[node]


def _is_end(node: Node, coordinate: str) -> bool:
    """Whether a node changes places as a whole: vectors, rows, what has neither coordinate.

    So does a function of both that goes from round to round.
    """
    if node.is_vector or isinstance(node, Row | Carried):
        return True
    if isinstance(node, Exchange) and node.coordinate == coordinate:
        return True
    assert not isinstance(node, MatMul)
    return not {FREE, coordinate} & dict(node.coords).keys()
