"""Makes nodes of a limit: arithmetic of constants is done, and copies are moved outwards.

f(x[j]) is the row at j of the ket f(x), so it is computed sample by sample, not pair by pair, and
its expectation over the copy is E f(|x>).
"""

import numpy as np

from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Constant, Coordinates, Mean, Node, Row, Shape

_ARITHMETIC: dict[str, np.ufunc] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "neg": np.negative,
    "pow": np.power,
    "square": np.square,
    "sqrt": np.sqrt,
}


class LimitBuilder(Builder):
    """A builder that folds constants and moves operations on rows inside the `Row`."""

    def apply(self, function: str, *arguments: Node) -> Node:
        """Return an elementwise function; that of constants is a constant where it is finite."""
        values = [argument.value for argument in arguments if isinstance(argument, Constant)]
        if function in _ARITHMETIC and len(values) == len(arguments):
            with np.errstate(all="ignore"):
                folded = _ARITHMETIC[function](*values)
            if np.isfinite(folded).all():
                return self.constant(folded)
        return super().apply(function, *arguments)

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
