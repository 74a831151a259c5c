"""Inner products of gradients, over some of their constant axes.

    <x|y>[kept] = sum over the other axes of <x[...]|y[...]>

Axes are named by integers, as in `tpc.network.products`. Both kets are taken apart first, into
sums of kets times scalars: the gradient of a first weight U is dh xi.T, so that

    sum over i of <dU_i|dU'_i> = <dh|dh'> * (xi . xi'),

one number for a pair of inputs where <dU|dU'> would be an array.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from tpc.network.products import Axes, aligned, sum_products
from tpc.program.builder import Builder
from tpc.program.nodes import (
    Contract,
    Elementwise,
    Expand,
    InitialVector,
    Node,
    Permute,
    Reduce,
    Take,
)

Named = tuple[Node, Axes]
"""A node with the names of its constant axes."""


@dataclass(frozen=True, slots=True)
class Term:
    """A ket times scalars; axes that are missing from the sum are summed over.

    Attributes:
        ket: The ket.
        factors: The scalars.
    """

    ket: Named
    factors: tuple[Named, ...] = ()

    @property
    def axes(self) -> set[int]:
        """The names of all axes."""
        return {name for _, names in (self.ket, *self.factors) for name in names}


def covariance(b: Builder, x: Node, y: Node) -> Node:
    """Return <x|y> with all axes of x, then those of y."""
    products = InnerProducts(b)
    x_axes, y_axes = products.fresh(len(x.shape)), products.fresh(len(y.shape))
    return products.inner(x, x_axes, y, y_axes, x_axes + y_axes)


class InnerProducts:
    """Makes inner products with one builder; every call has names of its own for what it sums."""

    def __init__(self, b: Builder) -> None:
        self._b = b
        self._names = 0

    def fresh(self, count: int) -> Axes:
        """Return names that occur nowhere else."""
        self._names += count
        return tuple(range(self._names - count, self._names))

    def inner(self, x: Node, x_axes: Axes, y: Node, y_axes: Axes, kept: Axes) -> Node:
        """Return <x|y>, with the axes that are kept.

        Args:
            x: A ket.
            x_axes: Its axes, named by `fresh`.
            y: Another.
            y_axes: Its axes.
            kept: The axes of the result; the others are summed over. An axis of both is their
                diagonal.
        """
        sizes = dict(zip(x_axes + y_axes, x.shape + y.shape, strict=True))
        total: Node | None = None
        for left in self._terms(x, x_axes):
            for right in self._terms(y, y_axes):
                part = self._of_terms(left, right, kept, sizes)
                total = part if total is None else self._b.add(total, part)
        assert total is not None
        return total

    # ------------------------------------------------------------------------- taking kets apart

    def _terms(self, node: Node, axes: Axes) -> Iterator[Term]:
        """Yield the terms of a ket."""
        b = self._b
        match node:
            case Elementwise(function="add" | "sub", operands=(x, y)) if x.coords == y.coords:
                yield from self._placed(x, node, axes)
                for term in self._placed(y, node, axes):
                    minus = (b.number(-1), ())
                    yield term if node.function == "add" else _times(term, minus)
            case Elementwise(function="neg", operands=(x,)):
                for term in self._terms(x, axes):
                    yield _times(term, (b.number(-1), ()))
            case Elementwise(function="mul", operands=(x, y)) if x.is_scalar or y.is_scalar:
                scalar, ket = (x, y) if x.is_scalar else (y, x)
                yield from self._scaled(ket, scalar, node, axes)
            case Elementwise(function="div", operands=(x, y)) if y.is_scalar:
                yield from self._scaled(x, b.div(b.number(1), y), node, axes)
            case Elementwise(function="mul", operands=(x, y)) if _mixes(x) or _mixes(y):
                rest = list(self._placed(y, node, axes))
                for left in self._placed(x, node, axes):
                    for right in rest:
                        yield self._product(left, right)
            case Contract(left=x, right=a, axes=count) if a.is_scalar and not _is_initial(x):
                outer = len(x.shape) - count
                summed = self.fresh(count)
                for term in self._terms(x, axes[:outer] + summed):
                    yield _times(term, (a, summed + axes[outer:]))
            case Reduce(reduction="sum", operand=x, axes=over):
                sums = dict(zip(over, self.fresh(len(over)), strict=True))
                kept = iter(axes)
                places = range(len(x.shape))
                whole = tuple(sums[i] if i in sums else next(kept) for i in places)
                for term in self._terms(x, whole):
                    alike = [x.shape[i] for i, name in sums.items() if name not in term.axes]
                    yield _times(term, (b.number(prod(alike)), ()))
            case Permute(operand=x, order=order):
                yield from self._terms(x, tuple(axes[order.index(i)] for i in range(len(order))))
            case Expand(operand=x, axes=new):
                old = tuple(name for place, name in enumerate(axes) if place not in new)
                yield from self._terms(x, old)
            case Take(operand=Expand(operand=x, axes=new), keys=keys) if not any(
                keys[place] for place in new
            ):  # a broadcast axis that `_narrowed` has dropped
                yield from self._terms(*self._without_new(x, new, keys, axes))
            case _:
                yield Term((node, axes))

    def _without_new(self, x: Node, new: Axes, keys: tuple[int | None, ...], axes: Axes) -> Named:
        """Return an index of an expanded ket without the axes that it inserted and then dropped."""
        rest = iter(axes)
        names = [None if key is not None else next(rest) for key in keys]
        inside = [place for place in range(len(keys)) if place not in new]
        taken = self._b.take(x, tuple(keys[place] for place in inside))
        return taken, tuple(name for name in (names[i] for i in inside) if name is not None)

    def _product(self, x: Term, y: Term) -> Term:
        """Return the product of two terms, entry by entry."""
        b = self._b
        (left, left_axes), (right, right_axes) = x.ket, y.ket
        order = tuple(dict.fromkeys(left_axes + right_axes))
        ket = b.mul(
            aligned(b, left, left_axes, order),
            aligned(b, right, right_axes, order),
        )
        return Term((ket, order), x.factors + y.factors)

    def _placed(self, operand: Node, node: Node, axes: Axes) -> Iterator[Term]:
        """Yield the terms of an operand, whose axes broadcast to those of a result."""
        yield from self._terms(*self._narrowed(operand, node, axes))

    def _scaled(self, ket: Node, scalar: Node, node: Node, axes: Axes) -> Iterator[Term]:
        factor = self._narrowed(scalar, node, axes)
        for term in self._placed(ket, node, axes):
            yield _times(term, factor)

    def _narrowed(self, operand: Node, node: Node, axes: Axes) -> Named:
        """Drop the axes of length 1 along which an operand is broadcast."""
        own = axes[len(axes) - len(operand.shape) :]
        sizes = node.shape[len(node.shape) - len(operand.shape) :]
        gone = [n == 1 and size > 1 for n, size in zip(operand.shape, sizes, strict=True)]
        taken = self._b.take(operand, tuple(0 if drop else None for drop in gone))
        return taken, tuple(name for name, drop in zip(own, gone, strict=True) if not drop)

    # ------------------------------------------------------------------------ putting them together

    def _of_terms(self, left: Term, right: Term, kept: Axes, sizes: dict[int, int]) -> Node:
        b = self._b
        (x, x_axes), (y, y_axes) = left.ket, right.ket
        factors = [*left.factors, *right.factors]
        # An axis of both kets has two names in <x|y>, which an identity matrix joins.
        joined = tuple(name for name in y_axes if name in x_axes)
        names = dict(zip(joined, self.fresh(len(joined)), strict=True))
        for name, other in names.items():
            factors.append((b.constant(np.eye(sizes.get(name, _size(x, x_axes, name)))),
                            (name, other)))  # fmt: skip
        moved = tuple(names.get(name, name) for name in y_axes)
        factors.append((b.inner(x, y), x_axes + moved))
        present = {name for _, axes in factors for name in axes}
        for name in (*kept, *(n for n in sizes if n not in kept)):
            if name not in present:
                factors.append((b.constant(np.ones(sizes[name])), (name,)))
        return self._multiplied(factors, kept)

    def _multiplied(self, factors: list[Named], kept: Axes) -> Node:
        """Multiply scalars, and sum over each axis as soon as no other factor has it.

        Factors that share an axis come next to each other, so that no outer products arise.
        """
        product, axes = factors[0]
        waiting = factors[1:]
        while waiting:
            linked = (place for place, (_, own) in enumerate(waiting) if set(own) & set(axes))
            factor, own = waiting.pop(next(linked, 0))
            later = {name for _, names in waiting for name in names}
            still = tuple(dict.fromkeys(n for n in axes + own if n in later or n in kept))
            product = sum_products(self._b, product, axes, factor, own, still)
            axes = still
        return sum_products(self._b, product, axes, self._b.number(1), (), kept)


def _is_initial(node: Node) -> bool:
    """Whether a contraction of a ket is Gaussian, with a covariance that is a matrix product."""
    return isinstance(node, InitialVector)


def _mixes(node: Node) -> bool:
    """Whether a ket is a sum over constant axes, or linear in such a sum."""
    match node:
        case Reduce(reduction="sum"):
            return True
        case Contract(left=left, right=right):
            return right.is_scalar and not _is_initial(left)
        case Elementwise(function="add" | "sub" | "neg" | "mul" | "div", operands=parts):
            return not node.is_scalar and any(_mixes(part) for part in parts)
        case Permute(operand=x) | Expand(operand=x):
            return _mixes(x)
        case _:
            return False


def _times(term: Term, factor: Named) -> Term:
    return Term(term.ket, (*term.factors, factor))


def _size(node: Node, axes: Axes, name: int) -> int:
    return node.shape[axes.index(name)]
