"""Makes nodes of a limit: what depends on one iid copy alone is made once, as a ket.

f(x[j]) is the row at j of the ket f(x), so it is computed sample by sample, not pair by pair, and
its expectation over the copy is E f(|x>).
"""

from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Coordinates, Mean, Node, Row, Shape


class LimitBuilder(Builder):
    """A builder that moves operations on rows inside the `Row`."""

    def make(self, kind: type[Node], coords: Coordinates, shape: Shape, *own: object) -> Node:
        """Return the node; an operation at one bound coordinate alone becomes the row of a ket."""
        if kind is Mean and isinstance(own[0], Row):
            return self.make(Mean, (), shape, own[0].operand, (FREE,))
        if kind is Row or len(coords) != 1 or coords[0][0] == FREE:
            return super().make(kind, coords, shape, *own)
        ((coordinate, dim),) = coords
        ket = self.make(kind, ((FREE, dim),), shape, *map(_without_rows, own))
        return super().make(Row, coords, shape, ket, coordinate)


def _without_rows(value: object) -> object:
    match value:
        case Row(operand=ket):
            return ket
        case tuple():
            return tuple(map(_without_rows, value))
        case _:
            return value
