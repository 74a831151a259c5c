"""Inner products of gradients, over some of their constant axes.

    <x|y>[kept] = sum over the other axes of <x[...]|y[...]>

Both kets are taken apart first, into sums of kets times scalars: the gradient of a first weight U
is dh xi.T, so that

    sum over i of <dU_i|dU'_i> = <dh|dh'> * (xi . xi'),

one number for a pair of inputs where <dU|dU'> would be an array.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import Node
from tpc.program.products import Axes, Axis, Named, aligned, axes, contraction


@dataclass(frozen=True, slots=True)
class Term:
    """A ket times scalars; axes that are missing from the sum are summed over."""

    ket: Named
    factors: tuple[Named, ...] = ()

    @property
    def axes(self) -> set[Axis]:
        """All axes."""
        return {axis for part in (self.ket, *self.factors) for axis in part.axes}

    def times(self, factor: Named) -> "Term":
        """Return the term times one more scalar."""
        return Term(self.ket, (*self.factors, factor))


def covariance(b: Builder, x: Node, y: Node) -> Node:
    """Return <x|y> with all axes of x, then those of y."""
    left, right = (Named(ket, axes("own", len(ket.shape))) for ket in (x, y))
    return inner_product(b, left.axes + right.axes, left, right)


def inner_product(b: Builder, kept: Axes, x: Named, y: Named) -> Node:
    """Return <x|y>, summed over the axes that are not kept; an axis of both is their diagonal."""
    sizes = x.sizes | y.sizes
    apart = _Apart(b)
    total: Node | None = None
    for left in apart.terms(x):
        for right in apart.terms(y):
            part = _of_terms(b, left, right, kept, sizes)
            total = part if total is None else b.add(total, part)
    assert total is not None
    return total


def whole_inner_product(b: Builder, kept: Axes, x: Named, y: Named) -> Node:
    """Return <x|y> of kets without a common axis as they are, summed over what is not kept."""
    return contraction(b, kept, Named(b.inner(x.node, y.node), x.axes + y.axes))


def _of_terms(b: Builder, left: Term, right: Term, kept: Axes, sizes: dict[Axis, int]) -> Node:
    x, y = left.ket, right.ket
    factors = [*left.factors, *right.factors]
    # An axis of both kets has two names in <x|y>, which an identity matrix joins.
    twins = {axis: Axis(axis.name) for axis in y.axes if axis in x.axes}
    own = x.sizes
    for axis, twin in twins.items():
        identity = b.constant(np.eye(sizes.get(axis, own[axis])))
        factors.append(Named(identity, (axis, twin)))
    moved = tuple(twins.get(axis, axis) for axis in y.axes)
    factors.append(Named(b.inner(x.node, y.node), x.axes + moved))
    present = {axis for factor in factors for axis in factor.axes}
    for axis in (*kept, *(axis for axis in sizes if axis not in kept)):
        if axis not in present:
            factors.append(Named(b.constant(np.ones(sizes[axis])), (axis,)))
    return contraction(b, kept, *factors)


class _Apart:
    """Takes kets apart."""

    def __init__(self, b: Builder) -> None:
        self._b = b

    def terms(self, ket: Named) -> Iterator[Term]:
        """Yield the terms of a ket."""
        b, node = self._b, ket.node
        match node:
            case op.Elementwise(function="add" | "sub", operands=(x, y)) if x.coords == y.coords:
                yield from self._placed(x, ket)
                for term in self._placed(y, ket):
                    yield term if node.function == "add" else term.times(Named(b.number(-1)))
            case op.Elementwise(function="neg", operands=(x,)):
                for term in self.terms(Named(x, ket.axes)):
                    yield term.times(Named(b.number(-1)))
            case op.Elementwise(function="mul", operands=(x, y)) if x.is_scalar or y.is_scalar:
                scalar, other = (x, y) if x.is_scalar else (y, x)
                yield from self._scaled(other, scalar, ket)
            case op.Elementwise(function="div", operands=(x, y)) if y.is_scalar:
                yield from self._scaled(x, b.div(b.number(1), y), ket)
            case op.Elementwise(function="mul", operands=(x, y)) if _mixes(x) or _mixes(y):
                rest = list(self._placed(y, ket))
                for left in self._placed(x, ket):
                    for right in rest:
                        yield self._product(left, right)
            case op.Contract(left=x, right=a, axes=count) if a.is_scalar and not _is_initial(x):
                outer, summed = len(x.shape) - count, axes("summed", count)
                for term in self.terms(Named(x, ket.axes[:outer] + summed)):
                    yield term.times(Named(a, summed + ket.axes[outer:]))
            case op.Reduce(reduction="sum", operand=x, axes=over):
                yield from self._summed(x, over, ket.axes)
            case op.Permute(operand=x, order=order):
                before = tuple(ket.axes[order.index(i)] for i in range(len(order)))
                yield from self.terms(Named(x, before))
            case op.Expand(operand=x, axes=new):
                old = tuple(axis for place, axis in enumerate(ket.axes) if place not in new)
                yield from self.terms(Named(x, old))
            case op.Take(operand=op.Expand(operand=x, axes=new), keys=keys) if not any(
                keys[place] for place in new
            ):  # a broadcast axis that `_narrowed` has dropped
                yield from self.terms(self._without_new(x, new, keys, ket.axes))
            case _:
                yield Term(ket)

    def _summed(self, x: Node, over: tuple[int, ...], kept: Axes) -> Iterator[Term]:
        """Yield the terms of a sum over some axes; one that a term lacks counts its length."""
        sums = dict(zip(over, axes("summed", len(over)), strict=True))
        rest = iter(kept)
        whole = tuple(sums[i] if i in sums else next(rest) for i in range(len(x.shape)))
        for term in self.terms(Named(x, whole)):
            alike = [x.shape[i] for i, axis in sums.items() if axis not in term.axes]
            yield term.times(Named(self._b.number(prod(alike))))

    def _without_new(
        self, x: Node, new: tuple[int, ...], keys: tuple[int | None, ...], own: Axes
    ) -> Named:
        """Return an index of an expanded ket without the axes that it inserted and then dropped."""
        rest = iter(own)
        names = [None if key is not None else next(rest) for key in keys]
        inside = [place for place in range(len(keys)) if place not in new]
        taken = self._b.take(x, tuple(keys[place] for place in inside))
        return Named(taken, tuple(axis for axis in (names[i] for i in inside) if axis is not None))

    def _product(self, x: Term, y: Term) -> Term:
        """Return the product of two terms, entry by entry."""
        b, order = self._b, tuple(dict.fromkeys(x.ket.axes + y.ket.axes))
        ket = b.mul(aligned(b, x.ket, order), aligned(b, y.ket, order))
        return Term(Named(ket, order), x.factors + y.factors)

    def _placed(self, operand: Node, ket: Named) -> Iterator[Term]:
        """Yield the terms of an operand, whose axes broadcast to those of a ket."""
        yield from self.terms(self._narrowed(operand, ket))

    def _scaled(self, operand: Node, scalar: Node, ket: Named) -> Iterator[Term]:
        factor = self._narrowed(scalar, ket)
        for term in self._placed(operand, ket):
            yield term.times(factor)

    def _narrowed(self, operand: Node, ket: Named) -> Named:
        """Drop the axes of length 1 along which an operand is broadcast to a ket."""
        rank = len(operand.shape)
        own, whole = ket.axes[len(ket.axes) - rank :], ket.node.shape[len(ket.axes) - rank :]
        gone = [n == 1 and size > 1 for n, size in zip(operand.shape, whole, strict=True)]
        taken = self._b.take(operand, tuple(0 if drop else None for drop in gone))
        return Named(taken, tuple(axis for axis, drop in zip(own, gone, strict=True) if not drop))


def _is_initial(node: Node) -> bool:
    """Whether a contraction of a ket is Gaussian, with a covariance that is a matrix product."""
    return isinstance(node, op.InitialVector)


def _mixes(node: Node) -> bool:
    """Whether a ket is a sum over constant axes, or linear in such a sum."""
    match node:
        case op.Reduce(reduction="sum"):
            return True
        case op.Contract(left=left, right=right):
            return right.is_scalar and not _is_initial(left)
        case op.Elementwise(function="add" | "sub" | "neg" | "mul" | "div", operands=parts):
            return not node.is_scalar and any(_mixes(part) for part in parts)
        case op.Permute(operand=x) | op.Expand(operand=x):
            return _mixes(x)
        case _:
            return False
