"""Makes nodes of a limit: expectations in closed form where they have one, constants folded.

What depends on one iid copy alone is made once, as a ket: f(x[j]) is the row at j of the ket f(x),
so it is computed sample by sample, not pair by pair, and its expectation is E f(|x>).
"""

from collections.abc import Mapping
from math import prod
from typing import TypeVar

import numpy as np

from tpc.diagnostics import NOWHERE
from tpc.limit.closed_forms import ClosedForms
from tpc.limit.nodes import Diagonal, HermiteSeries, Integral
from tpc.program.builder import Builder
from tpc.program.nodes import (
    FREE,
    Constant,
    Contract,
    Coordinates,
    Elementwise,
    Inner,
    Mean,
    Node,
    Row,
    Shape,
    operands,
)
from tpc.program.operations import Array, folded
from tpc.program.traversal import fold

Kets = TypeVar("Kets", bound=tuple[Node, ...])

_ARITHMETIC = frozenset({"add", "sub", "mul", "div", "neg", "pow", "square", "sqrt"})
"""The functions of constants that are computed."""

LARGEST_CONSTANT = 10**6
"""How many entries a folded constant may have."""


MAX_NESTING = 500
"""How deep closed forms may need one another, as those of a network with tied weights do."""


class LimitBuilder(Builder):
    """A builder that integrates, folds constants and moves operations on rows inside the `Row`."""

    def __init__(self, integrate: bool = False) -> None:
        super().__init__()
        self._closed_forms = ClosedForms(self) if integrate else None
        self._integrals: dict[tuple[Node, ...], Node | None] = {}
        self._serial: dict[Node, bool] = {}
        self._nested = 0

    def make(self, kind: type[Node], coords: Coordinates, shape: Shape, *own: object) -> Node:
        """Return the node, an expectation by its closed form, a function of one copy as its row."""
        if kind is Inner or (kind is Mean and own[1] == (FREE,)):
            return self._integral(kind, coords, shape, own)
        if kind is Contract and (product := self._product_of_copies(*own)) is not None:
            return product
        folded = _fold(kind, shape, own)
        if folded is not None:
            return self.constant(folded)
        if kind is Elementwise and (other := _beside_zero(coords, shape, own)) is not None:
            return other
        if kind is Mean and isinstance(own[0], Row):
            return self.make(Mean, (), shape, own[0].operand, (FREE,))
        if kind is Row or len(coords) != 1 or coords[0][0] == FREE:
            return super().make(kind, coords, shape, *own)
        ((coordinate, dim),) = coords
        ket = self.make(kind, ((FREE, dim),), shape, *map(_without_rows, own))
        return super().make(Row, coords, shape, ket, coordinate)

    def _product_of_copies(self, left: object, right: object, axes: object) -> Node | None:
        """Return the contraction of two kets at different coordinates as a sum of products."""
        assert isinstance(left, Node) and isinstance(right, Node) and isinstance(axes, int)
        if not left.coords or not right.coords:
            return None
        kept, new = len(left.shape) - axes, len(right.shape) - axes
        wide = self.expand(left, tuple(range(len(left.shape), len(left.shape) + new)))
        return self.reduce("sum", self.mul(wide, right), tuple(range(kept, kept + axes)))

    @property
    def covariances(self) -> Mapping[Node, tuple[Node, Node]]:
        """The Gaussian kets of which a scalar is the covariance."""
        if self._closed_forms is None:
            return {}
        return self._without_factors(self._closed_forms.gaussians.asked)

    @property
    def moments(self) -> Mapping[Node, tuple[Node, ...]]:
        """The kets of which a scalar in closed form is E|x> or <x|y>."""
        found: dict[Node, tuple[Node, ...]] = {}
        for kets, moment in self._integrals.items():
            if moment is not None:
                found.setdefault(moment, kets)
        if self._closed_forms is not None:
            for ket, mean in self._closed_forms.gaussians.means():
                found.setdefault(mean, (ket,))
        return self._without_factors(found)

    def _without_factors(self, found: dict[Node, Kets]) -> dict[Node, Kets]:
        """Leave out scalars that are older than their kets, which may be made of them.

        E|h + c> is c where |h> has mean zero, and <v|c v> is c: that says nothing about c.
        """
        made = {node: number for number, node in enumerate(self.nodes)}
        return {
            node: kets
            for node, kets in found.items()
            if made[node] > max(made[ket] for ket in kets)
        }

    def _integral(
        self, kind: type[Node], coords: Coordinates, shape: Shape, own: tuple[object, ...]
    ) -> Node:
        """Return E|x> or <x|y>: what is known of it, else itself."""
        kets = tuple(ket for ket in own if isinstance(ket, Node))
        if kets not in self._integrals:
            self._integrals[kets] = None  # what it depends on cannot depend on it
            found = self._known_integral(kets)
            if found is not None and self._uses_series(found):
                average = super().make(kind, coords, shape, *own)
                found = super().make(Integral, (), shape, average, found)
            self._integrals[kets] = found
        known = self._integrals[kets]
        return super().make(kind, coords, shape, *own) if known is None else known

    def _known_integral(self, kets: tuple[Node, ...]) -> Node | None:
        """Return E|x> or <x|y> in closed forms and series, or None."""
        forms = self._closed_forms
        if forms is None or self._nested >= MAX_NESTING or not all(ket.is_vector for ket in kets):
            return None
        self._nested += 1
        found = forms.mean(*kets) if len(kets) == 1 else forms.moment(*kets)
        self._nested -= 1
        return found

    def _uses_series(self, root: Node) -> bool:
        """Whether a scalar is made of series, other than by integrals that are."""

        def inside(node: Node) -> tuple[Node, ...]:
            through = node.is_scalar and not isinstance(node, Integral | Inner | Mean)
            return operands(node) if through else ()

        def rule(node: Node, serial: dict[Node, bool]) -> bool:
            return isinstance(node, HermiteSeries) or any(map(serial.__getitem__, inside(node)))

        return fold((root,), rule, inside, self._serial)[root]


def _beside_zero(coords: Coordinates, shape: Shape, own: tuple[object, ...]) -> Node | None:
    """Return the other term of a sum with a multiple of zero, or None."""
    match own:
        case ("add", (Node() as x, Node() as y)):
            pairs = [(x, y), (y, x)]
        case ("sub", (Node() as x, Node() as y)):
            pairs = [(x, y)]
        case _:
            return None
    for other, term in pairs:
        if _is_zero(term) and (other.coords, other.shape) == (coords, shape):
            return other
    return None


def _is_zero(node: Node) -> bool:
    """Whether a node is zero, or a product with zero."""
    match node:
        case Constant(value=value):
            return not value.any()
        case Elementwise(function="mul", operands=factors):
            return any(isinstance(x, Constant) and not x.value.any() for x in factors)
        case _:
            return False


def _without_rows(value: object) -> object:
    match value:
        case Row(operand=ket):
            return ket
        case tuple():
            return tuple(map(_without_rows, value))
        case _:
            return value


def _fold(kind: type[Node], shape: Shape, own: tuple[object, ...]) -> Array | None:
    """Return the value of an operation on constants, where it has one and is not too large."""
    if prod(shape) > LARGEST_CONSTANT:
        return None
    node = kind((), shape, NOWHERE, *own)
    match node:
        case Diagonal(operand=Constant(value=value)):
            return np.asarray(np.einsum(node.subscripts, value))
        case _:
            return folded(node, _ARITHMETIC)
