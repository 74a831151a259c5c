"""Expectations of kets that are linear in Gaussians independent of all else that they are made of.

    x = sum over s of d_s g_s,    <x|y> = sum over s, t of Cov(d_s, e_t) <g_s|h_t>

where the d and e are polynomials in Gaussian kets, and g and h functions of other Gaussians,
independent of these. A backward pass is such a sum: it is linear in the hats of the transposes,
whose covariances are known, and what is left are expectations of the forward pass. So is what an
output weight multiplies, and, with no d, a linear map over constant axes: <xP|yQ> = P.T <x|y> Q.

Reference:
    Tensor Programs IVb, Definition 2.6.5 (hats of different matrices are independent).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from math import prod

import numpy as np

from tpc.limit.gaussians import Gaussians
from tpc.limit.limit_nodes import Hat
from tpc.program.apart import Apart, Part, Term, is_linear, opened, product_of
from tpc.program.builder import Builder
from tpc.program.nodes import (
    Constant,
    Contract,
    Elementwise,
    InitialVector,
    Node,
    Reduce,
    operands,
)
from tpc.program.products import Axes, Axis, Named, axes, contraction, ordered
from tpc.program.traversal import fold, walk

MOST_NODES = 2000
"""How many operations kets may have that are taken apart."""

MOST_LEAVES = 200
"""How many Gaussians they may be made of."""

MOST_PAIRS = 10**4
"""How many pairs of these may have to be independent."""

MOST_TERMS = 256
"""How many products of terms an expectation may have."""

MOST_ENTRIES = 10**6
"""How many entries each of these may have."""

Known = Callable[[tuple[Node, ...]], Node | None]


@dataclass(frozen=True, slots=True)
class LinearParts:
    """Takes expectations apart.

    Attributes:
        builder: That of the limit.
        gaussians: Its Gaussian kets.
        known: Gives E|x> or <x|y> of others, where it has a form.
    """

    builder: Builder
    gaussians: Gaussians
    known: Known

    def needs(self, kets: tuple[Node, ...]) -> list[tuple[Node, ...]]:
        """Return the pairs of kets whose inner products tell which Gaussians are independent."""
        if shared := _shared(kets):
            return [part for _, part in shared]
        leaves, curved = _leaves(kets) or ([], set())
        pairs = [(x, y) for x in leaves if x not in curved for y in leaves]
        return [*self.gaussians.needs(pairs)]

    def of(self, kets: tuple[Node, ...], alone: bool = False, joined: bool = False) -> Node | None:
        """Return E|x> or <x|y>, or None where it cannot be taken apart to what is known.

        Args:
            kets: x, or x and y.
            alone: Whether to take apart only what is one product with Gaussians of its own.
            joined: Whether to leave sums of what the same Gaussians multiply together.
        """
        if shared := _shared(kets):
            return self._of_parts(shared)
        apart = self._apart(kets)
        if apart is None or (alone and not apart.linear):
            return None
        named = [Named(ket, axes("own", len(ket.shape))) for ket in kets]
        sums = [list(Apart(self.builder, apart.opens).terms(ket)) for ket in named]
        if joined:
            sums = [self._joined(terms, apart) for terms in sums]
        count = prod(map(len, sums))
        if count > (1 if alone else MOST_TERMS):
            return None
        kept = tuple(axis for ket in named for axis in ket.axes)
        sizes = {axis: size for ket in named for axis, size in ket.sizes.items()}
        parts = []
        for terms in product(*sums):
            found = self._product(tuple(kets), terms, apart, kept, sizes, alone=count == 1)
            if found is None:
                return None
            if not _is_zero(found):
                parts.append(found)
        shape = tuple(sizes[axis] for axis in kept)
        return reduce(self.builder.add, parts) if parts else self.builder.constant(np.zeros(shape))

    def _joined(self, terms: list[Term], split: "_Split") -> list[Term]:
        """Return a sum with one term a factor of Gaussians, d g + d h = d (g + h).

        So poles stay together that the sum has not, as those of both terms of (tanh(h) / h)'.
        """
        b = self.builder
        groups: dict[tuple[tuple[Node, Axes], ...], list[tuple[Named, ...]]] = {}
        for term in terms:
            hats = tuple((x.node, x.axes) for x in term.kets if split.is_integrated(x.node))
            rest = tuple(ket for ket in term.kets if not split.is_integrated(ket.node))
            groups.setdefault(hats, []).append((*rest, *term.factors))
        found = []
        for hats, rests in groups.items():
            first, *others = (product_of(b, (*rest, Named(b.number(1)))) for rest in rests)
            if any(set(other.axes) != set(first.axes) for other in others):
                return terms
            total = reduce(b.add, (ordered(b, x, first.axes) for x in others), first.node)
            whole = Named(total, first.axes)
            kets = tuple(Named(*hat) for hat in hats)
            scalar = total.is_scalar
            found.append(Term(kets, (whole,)) if scalar else Term((*kets, whole)))
        return found

    def _of_parts(self, parts: Sequence[Part]) -> Node | None:
        """Return a sum of inner products times numbers, or None where one is not known."""
        b = self.builder
        known = [(factors, self.known(pair)) for factors, pair in parts]
        found = [reduce(b.mul, factors, one) for factors, one in known if one is not None]
        return reduce(b.add, found) if len(found) == len(known) else None

    def _apart(self, kets: Sequence[Node]) -> "_Split | None":
        """Return which Gaussians are integrated out, or None where nothing is to be done."""
        found = _leaves(kets)
        if found is None:
            return None
        leaves, curved = found
        bound = {x for x in leaves if x in curved or self._depends(x, curved)}
        linear = frozenset(x for x in leaves if x not in bound)
        split = _Split(linear, self.gaussians, {})
        return split if any(map(split.opens, kets)) else None

    def _depends(self, x: Node, curved: set[Node]) -> bool:
        covariances = (self.gaussians.covariance(x, y) for y in curved)
        return any(c is not None and not _is_zero(c) for c in covariances)

    def _product(
        self,
        kets: tuple[Node, ...],
        terms: tuple[Term, ...],
        split: "_Split",
        kept: Axes,
        sizes: dict[Axis, int],
        alone: bool,
    ) -> Node | None:
        """Return the expectation of a product of terms, with the axes that are kept."""
        b = self.builder
        hats = [ket for term in terms for ket in term.kets if split.is_integrated(ket.node)]
        rests = [
            tuple(ket for ket in term.kets if not split.is_integrated(ket.node)) for term in terms
        ]
        moment = self._moment(hats)
        if not moment:
            return b.number(0)
        factors = [factor for term in terms for factor in term.factors]
        left = [product_of(b, rest) for rest in rests if rest]
        if left:
            nodes = tuple(ket.node for ket in left)
            inner = self.known(nodes) if self._is_small(nodes) and nodes != kets else None
            if inner is None:
                if not (alone and hats):
                    return None
                inner = b.inner(*nodes) if len(nodes) == 2 else b.mean(nodes[0])
            factors.append(Named(inner, tuple(axis for ket in left for axis in ket.axes)))
        total = [self._contracted(kept, sizes, [*factors, *one]) for one in moment]
        return reduce(b.add, total)

    def _is_small(self, kets: tuple[Node, ...]) -> bool:
        return prod(size for ket in kets for size in ket.shape) <= MOST_ENTRIES

    def _contracted(self, kept: Axes, sizes: dict[Axis, int], factors: list[Named]) -> Node:
        present = {axis for factor in factors for axis in factor.axes}
        ones = [
            Named(self.builder.constant(np.ones(sizes[axis])), (axis,))
            for axis in kept
            if axis not in present
        ]
        return contraction(self.builder, kept, *factors, *ones, Named(self.builder.number(1)))

    def _moment(self, hats: list[Named]) -> list[tuple[Named, ...]]:
        """Return E of a product of Gaussian kets as a sum of products (Isserlis)."""
        if not hats:
            return [()]
        first, *others = hats
        found = []
        mean = self.gaussians.mean(first.node)
        if mean is not None:
            found += [(Named(mean, first.axes), *rest) for rest in self._moment(others)]
        for at, other in enumerate(others):
            covariance = self.gaussians.covariance(first.node, other.node)
            if covariance is not None and not _is_zero(covariance):
                pair = self._pair(covariance, first, other)
                rest = self._moment(others[:at] + others[at + 1 :])
                found += [(*pair, *more) for more in rest]
        return found

    def _pair(self, covariance: Node, x: Named, y: Named) -> tuple[Named, ...]:
        """Name the axes of a covariance; those of both are a diagonal."""
        twins = {axis: Axis(axis.name) for axis in y.axes if axis in x.axes}
        joined = tuple(
            Named(self.builder.constant(np.eye(x.sizes[axis])), (axis, twin))
            for axis, twin in twins.items()
        )
        moved = tuple(twins.get(axis, axis) for axis in y.axes)
        return (*joined, Named(covariance, x.axes + moved))


@dataclass(frozen=True, slots=True)
class _Split:
    """Which parts of kets are integrated out, and what has to be opened to get at them."""

    linear: frozenset[Node]
    gaussians: Gaussians
    made_of: dict[Node, tuple[bool, bool, bool]]

    def is_integrated(self, node: Node) -> bool:
        """Whether a ket is Gaussian and of leaves that are integrated out alone."""
        return self.gaussians.is_gaussian(node) and self._parts(node)[:2] == (True, False)

    def opens(self, node: Node) -> bool:
        """Whether a ket holds leaves of both kinds, or mixes constant axes of what is curved."""
        linear, other, mixes = self._parts(node)
        if self.gaussians.is_gaussian(node):
            return linear and other
        return _passes(node) and (linear or mixes)

    def _parts(self, ket: Node) -> tuple[bool, bool, bool]:
        """Return whether a ket has integrated leaves, other ones, and sums over constant axes."""

        def rule(node: Node, of: dict[Node, tuple[bool, bool, bool]]) -> tuple[bool, bool, bool]:
            if node in self.linear:
                return True, False, False
            if _is_leaf(node):
                return False, True, False
            below = [of[part] for part in _kets(node)]
            mixes = _passes(node) and any(mixed for _, _, mixed in below)
            own = isinstance(node, Contract) or (
                isinstance(node, Reduce) and node.reduction == "sum"
            )
            curved = not self.gaussians.is_gaussian(node)
            return (
                any(x for x, _, _ in below),
                any(x for _, x, _ in below),
                (own and curved) or mixes,
            )

        return fold((ket,), rule, _kets, self.made_of)[ket]


def _shared(kets: tuple[Node, ...]) -> Sequence[Part]:
    """Return what the inner product of two long sums is the sum of."""
    if len(kets) < 2 or prod(map(_length, kets)) <= MOST_TERMS:
        return ()
    return opened(kets[0], kets[1])


def _length(ket: Node) -> int:
    """Return how many terms a sum has."""

    def below(node: Node) -> tuple[Node, ...]:
        if isinstance(node, Elementwise) and node.function in ("add", "mul"):
            return _kets(node)
        return ()

    return sum(not below(node) for node in walk((ket,), below))


def _leaves(kets: Sequence[Node]) -> tuple[list[Node], set[Node]] | None:
    """Return the leaves of kets, and those that stand inside a function; None for too many.

    What is no leaf and has no ket below, as a dot by Stein's lemma, is none of both.
    """
    found: list[Node] = []
    curved: set[Node] = set()
    inside: set[Node] = set()
    for count, node in enumerate(walk(kets, _kets)):
        if count > MOST_NODES or len(found) > MOST_LEAVES:
            return None
        if _is_leaf(node):
            found.append(node)
        elif not _kets(node):
            return None
        elif not _passes(node):
            inside.update(_kets(node))
        elif isinstance(node, Elementwise) and node.function == "div":
            inside.update(part for part in node.operands[1:] if not part.is_scalar)
    curved.update(node for node in walk(inside, _kets) if _is_leaf(node))
    return (found, curved) if (len(found) - len(curved)) * len(found) <= MOST_PAIRS else None


def _passes(node: Node) -> bool:
    """Whether an operation is a sum, a product or linear in its kets."""
    product = isinstance(node, Elementwise) and node.function in ("mul", "div", "square")
    return product or is_linear(node)


def _kets(node: Node) -> tuple[Node, ...]:
    if _is_leaf(node):
        return ()
    return tuple(part for part in operands(node) if not part.is_scalar)


def _is_leaf(node: Node) -> bool:
    return isinstance(node, InitialVector | Hat)


def _is_zero(node: Node) -> bool:
    return isinstance(node, Constant) and not node.value.any()
