"""Takes kets apart into sums of products, whose constant axes are named.

    ket = sum over terms of ket * ket * ... * scalar * scalar * ...

Products of sums are multiplied out and linear operations are moved outwards, as far as one asks:
what is not opened is one ket. Axes of a term that the ket has not are summed over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import prod
from typing import TypeAlias

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import Node
from tpc.program.products import Axes, Axis, Named, aligned, axes
from tpc.program.traversal import walk

Pair: TypeAlias = tuple[Node, Node]

Part: TypeAlias = tuple[tuple[Node, ...], Pair]
"""An inner product, and what it is multiplied by."""


@dataclass(frozen=True, slots=True)
class Term:
    """A product of kets and scalars; axes that are missing from the sum are summed over."""

    kets: tuple[Named, ...]
    factors: tuple[Named, ...] = ()

    @property
    def axes(self) -> set[Axis]:
        """All axes."""
        return {axis for part in (*self.kets, *self.factors) for axis in part.axes}

    def times(self, factor: Named) -> "Term":
        """Return the term times one more scalar."""
        return Term(self.kets, (*self.factors, factor))

    def beside(self, other: "Term") -> "Term":
        """Return the product with another term, entry by entry."""
        return Term(self.kets + other.kets, self.factors + other.factors)


MOST_FACTORS = 64
"""So many factors of a sum are looked at for poles."""


def product_of(b: Builder, kets: tuple[Named, ...]) -> Named:
    """Return the product of some kets as one, entry by entry."""
    first, *others = kets
    for other in others:
        order = tuple(dict.fromkeys(first.axes + other.axes))
        first = Named(b.mul(aligned(b, first, order), aligned(b, other, order)), order)
    return first


def opened(x: Node, y: Node) -> list[Part]:
    """Return <x|y> as a sum of numbers times inner products of parts, or nothing.

    Sums that grow from layer to layer have theirs in common:

        <p + q|p' + q'> = <p|p'> + <p|q'> + <q|p' + q'>.
    """
    match x, y:
        case op.Elementwise(function="mul", operands=(z, c)), _ if c.is_scalar and not c.shape:
            return [((c,), (z, y))]
        case _, op.Elementwise(function="mul", operands=(z, c)) if c.is_scalar and not c.shape:
            return [((c,), (x, z))]
    left, right = _summands(x), _summands(y)
    if left and right:
        return [((), (left[0], right[0])), ((), (left[0], right[1])), ((), (left[1], y))]
    return [((), (z, y)) for z in left] or [((), (x, z)) for z in right]


def _summands(node: Node) -> tuple[Node, ...]:
    """Return the terms of a sum of two kets of one shape, or nothing."""
    match node:
        case op.Elementwise(function="add", operands=(x, y)):
            alike = (x.coords, x.shape) == (y.coords, y.shape)
            return (x, y) if alike and not is_divided(node) else ()
        case _:
            return ()


def is_divided(ket: Node) -> bool:
    """Whether something in a sum of products is divided by a ket: poles of terms may cancel."""
    return any(map(has_pole, islice(walk((ket,), _in_products), MOST_FACTORS)))


def has_pole(node: Node) -> bool:
    """Whether an operation divides by a ket, or raises it to a negative power."""
    match node:
        case op.Elementwise(function="div", operands=(_, below)):
            return not below.is_scalar
        case op.Elementwise(function="pow", operands=(base, op.Constant(value=power))):
            return not base.is_scalar and bool((power < 0).any())
        case _:
            return False


def _in_products(node: Node) -> tuple[Node, ...]:
    match node:
        case op.Elementwise(function="add" | "sub" | "neg" | "mul" | "div", operands=parts):
            return tuple(part for part in parts if not part.is_scalar)
        case _:
            return ()


def is_linear(node: Node) -> bool:
    """Whether an operation keeps affine kets affine."""
    match node:
        case op.Take() | op.Expand() | op.Permute() | op.Reduce(reduction="sum"):
            return True
        case op.Elementwise(function="add" | "sub" | "neg"):
            return True
        case op.Elementwise(function="mul", operands=(x, y)):
            return x.is_scalar or y.is_scalar
        case op.Elementwise(function="div", operands=(_, y)):
            return y.is_scalar
        case op.Contract(right=right):
            return right.is_scalar
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Apart:
    """Takes kets apart.

    Attributes:
        builder: Makes the nodes.
        opens: Whether to take a ket apart that is a sum, a product or linear in another.
    """

    builder: Builder
    opens: Callable[[Node], bool]

    def terms(self, ket: Named) -> Iterator[Term]:
        """Yield the terms of a ket, or of a scalar."""
        b, node = self.builder, ket.node
        if node.is_scalar:
            yield Term((), (ket,))
            return
        if not self.opens(node):
            yield Term((ket,))
            return
        match node:
            case op.Elementwise(function="add" | "sub", operands=(x, y)):
                yield from self._placed(x, ket)
                for term in self._placed(y, ket):
                    yield term if node.function == "add" else term.times(Named(b.number(-1)))
            case op.Elementwise(function="neg", operands=(x,)):
                for term in self.terms(Named(x, ket.axes)):
                    yield term.times(Named(b.number(-1)))
            case op.Elementwise(function="mul" | "square", operands=parts):
                right = list(self._placed(parts[-1], ket))
                for left in self._placed(parts[0], ket):
                    for other in right:
                        yield left.beside(other)
            case op.Elementwise(function="div", operands=(x, y)):
                inverse = self._narrowed(b.div(b.number(1), y), ket)
                factor = Term((), (inverse,)) if y.is_scalar else Term((inverse,))
                for term in self._placed(x, ket):
                    yield term.beside(factor)
            case op.Contract(left=x, right=a, axes=count) if a.is_scalar:
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
            case op.Take(operand=x, keys=keys):
                yield from self._taken(x, keys, ket.axes)
            case _:
                yield Term((ket,))

    def _summed(self, x: Node, over: tuple[int, ...], kept: Axes) -> Iterator[Term]:
        """Yield the terms of a sum over some axes; one that a term lacks counts its length."""
        sums = dict(zip(over, axes("summed", len(over)), strict=True))
        rest = iter(kept)
        whole = tuple(sums[i] if i in sums else next(rest) for i in range(len(x.shape)))
        for term in self.terms(Named(x, whole)):
            alike = [x.shape[i] for i, axis in sums.items() if axis not in term.axes]
            yield term.times(Named(self.builder.number(prod(alike)))) if alike else term

    def _taken(self, x: Node, keys: tuple[int | None, ...], kept: Axes) -> Iterator[Term]:
        """Yield the terms of an entry: the entries of kets and scalars."""
        rest = iter(kept)
        whole = tuple(next(rest) if key is None else Axis("taken") for key in keys)
        index = {axis: key for axis, key in zip(whole, keys, strict=True) if key is not None}

        def entry(part: Named) -> Named:
            own = tuple(index.get(axis) for axis in part.axes)
            node = self.builder.take(
                part.node,
                tuple(
                    key and min(key, size - 1)
                    for key, size in zip(own, part.node.shape, strict=True)
                ),
            )
            return Named(node, tuple(axis for axis in part.axes if axis not in index))

        for term in self.terms(Named(x, whole)):
            yield Term(tuple(map(entry, term.kets)), tuple(map(entry, term.factors)))

    def _placed(self, operand: Node, ket: Named) -> Iterator[Term]:
        """Yield the terms of an operand, whose axes broadcast to those of a ket."""
        yield from self.terms(self._narrowed(operand, ket))

    def _narrowed(self, operand: Node, ket: Named) -> Named:
        """Drop the axes of length 1 along which an operand is broadcast to a ket."""
        rank = len(operand.shape)
        own, whole = ket.axes[len(ket.axes) - rank :], ket.node.shape[len(ket.axes) - rank :]
        gone = [n == 1 and size > 1 for n, size in zip(operand.shape, whole, strict=True)]
        taken = self.builder.take(operand, tuple(0 if drop else None for drop in gone))
        return Named(taken, tuple(axis for axis, drop in zip(own, gone, strict=True) if not drop))
