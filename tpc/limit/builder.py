"""Makes nodes of a limit: expectations in closed form where they have one, constants folded.

What depends on one iid copy alone is made once, as a ket: f(x[j]) is the row at j of the ket f(x),
so it is computed sample by sample, not pair by pair, and its expectation is E f(|x>).
"""

from math import prod

import numpy as np

from tpc.diagnostics import NOWHERE
from tpc.limit.integrals import Integrals
from tpc.limit.limit_nodes import Diagonal
from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Coordinates, Node, Shape
from tpc.program.operations import LARGEST_CONSTANT, Array, folded

_ARITHMETIC = frozenset({"add", "sub", "mul", "div", "neg", "pow", "square", "sqrt"})
"""The functions of constants that are computed."""

LARGEST_ZERO = 10**6
"""How many entries a zero may have."""


class LimitBuilder(Builder):
    """A builder that integrates, folds constants and moves operations on rows inside the `Row`.

    Attributes:
        integrals: What is known of expectations, where it integrates.
    """

    def __init__(self, integrate: bool = False) -> None:
        super().__init__()
        self.integrals = Integrals(self, super().make) if integrate else None
        self._zeros: set[Node] = set()

    def make(self, kind: type[Node], coords: Coordinates, shape: Shape, *own: object) -> Node:
        """Return the node, an expectation by its closed form, a function of one copy as its row."""
        if kind is op.Inner or (kind is op.Mean and own[1] == (FREE,)):
            kets = tuple(part for part in own if isinstance(part, Node))
            known = self.integrals.of(kets) if self.integrals else None
            return super().make(kind, coords, shape, *own) if known is None else known
        if kind is op.Contract and (product := self._product_of_copies(*own)) is not None:
            return product
        folded = _fold(kind, shape, own)
        if folded is not None:
            return self.constant(folded)
        if self._is_product_with_zero(kind, own):
            return self._zero(kind, coords, shape, *own)
        match own:
            case (op.Permute(operand=inner, order=first), tuple() as then) if kind is op.Permute:
                return self.permute(inner, tuple(first[axis] for axis in then))
        if kind is op.Elementwise and (other := self._beside_zero(coords, shape, own)) is not None:
            return other
        if kind is op.Mean and isinstance(own[0], op.Row):
            return self.make(op.Mean, (), shape, own[0].operand, (FREE,))
        if kind is op.Row or len(coords) != 1 or coords[0][0] == FREE:
            return super().make(kind, coords, shape, *own)
        ((coordinate, dim),) = coords
        ket = self.make(kind, ((FREE, dim),), shape, *map(_without_rows, own))
        return super().make(op.Row, coords, shape, ket, coordinate)

    def _is_zero(self, node: object) -> bool:
        """Whether a node is zero, or a product with zero."""
        return node in self._zeros or (isinstance(node, op.Constant) and not node.value.any())

    def _is_product_with_zero(self, kind: type[Node], own: tuple[object, ...]) -> bool:
        match own:
            case ("mul", (x, y)) if kind is op.Elementwise:
                return self._is_zero(x) or self._is_zero(y)
            case ("div" | "neg", (x, *_)) if kind is op.Elementwise:
                return self._is_zero(x)
            case (x, y, _) if kind is op.Contract:
                return self._is_zero(x) or self._is_zero(y)
            case _:
                return False

    def _zero(self, kind: type[Node], coords: Coordinates, shape: Shape, *own: object) -> Node:
        """Return a product with zero: a constant, or for a ket the node, which sums leave out."""
        if not coords and prod(shape) <= LARGEST_ZERO:
            return self.constant(np.zeros(shape))
        node = super().make(kind, coords, shape, *own)
        self._zeros.add(node)
        return node

    def _beside_zero(
        self, coords: Coordinates, shape: Shape, own: tuple[object, ...]
    ) -> Node | None:
        """Return the other term of a sum with zero, or None."""
        match own:
            case ("add", (Node() as x, Node() as y)):
                pairs = [(x, y), (y, x)]
            case ("sub", (Node() as x, Node() as y)):
                pairs = [(x, y)]
            case _:
                return None
        for other, term in pairs:
            if self._is_zero(term) and (other.coords, other.shape) == (coords, shape):
                return other
        return None

    def _product_of_copies(self, left: object, right: object, axes: object) -> Node | None:
        """Return the contraction of two kets at different coordinates as a sum of products."""
        assert isinstance(left, Node) and isinstance(right, Node) and isinstance(axes, int)
        if not left.coords or not right.coords:
            return None
        kept, new = len(left.shape) - axes, len(right.shape) - axes
        wide = self.expand(left, tuple(range(len(left.shape), len(left.shape) + new)))
        return self.reduce("sum", self.mul(wide, right), tuple(range(kept, kept + axes)))


def _without_rows(value: object) -> object:
    match value:
        case op.Row(operand=ket):
            return ket
        case tuple():
            return tuple(map(_without_rows, value))
        case _:
            return value


def _fold(kind: type[Node], shape: Shape, own: tuple[object, ...]) -> Array | None:
    """Return the value of an operation on constants, where it has one and is not too large."""
    node = kind((), shape, NOWHERE, *own)
    match node:
        case Diagonal(operand=op.Constant(value=value)) if prod(shape) <= LARGEST_CONSTANT:
            return np.asarray(np.einsum(node.subscripts, value))
        case _:
            return folded(node, _ARITHMETIC)
