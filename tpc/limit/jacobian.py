"""The derivative of a ket in a hat, d|x> / d hat(W y), sample by sample.

Kets are mostly elementwise in their constant axes, so most entries of the full array, of shape
hat.shape + x.shape, vanish. A Jacobian is a sum of *terms* in which every axis of the hat is either
free, tied to an axis of x (zero off the diagonal) or pinned to one index (zero elsewhere); a term
stores an array over the free axes of the hat, then all axes of x. A multi-vector of k columns
through elementwise functions so costs k numbers a sample, not k^2.

The derivative runs through elementwise functions by the chain rule, through dots (linear in kets)
and through order-r nonlinearities in their free slot; scalars and iid copies are constants.

Reference:
    Tensor Programs IVb, Definition 2.6.5, Dot, equation (2.19).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, reduce
from math import inf, prod
from operator import or_
from typing import TypeAlias

import numpy as np

from tpc.limit.limit_nodes import Hat, SteinDot
from tpc.limit.stein import stein_sum
from tpc.program import nodes as op
from tpc.program.builder import Builder, broadcast
from tpc.program.exchange import Unfolding
from tpc.program.nodes import FREE, Node, Shape, operands
from tpc.program.partials import partial as partial_derivative
from tpc.program.products import Named, axes, contraction
from tpc.program.reapply import reapply
from tpc.program.traversal import fold


@dataclass(frozen=True, slots=True)
class Tied:
    """This axis of the hat equals an axis of x."""

    axis: int


@dataclass(frozen=True, slots=True)
class Pinned:
    """This axis of the hat has one index."""

    index: int


@dataclass(frozen=True, slots=True)
class Free:
    """This axis of the hat is an axis of the stored array."""


Slot: TypeAlias = Tied | Pinned | Free


@dataclass(frozen=True, slots=True)
class JacobianTerm:
    """One term of a Jacobian.

    Attributes:
        value: The stored array, of shape (free axes of the hat) + x.shape; a number stands for the
            constant array where no axis is free.
        layout: What each axis of the hat is.
    """

    value: Node
    layout: tuple[Slot, ...]

    @property
    def free(self) -> int:
        """How many axes of the hat are free, so lead the stored array."""
        return sum(isinstance(slot, Free) for slot in self.layout)

    def tie_of(self, axis: int) -> int | None:
        """Return the axis of the hat that is tied to an axis of x."""
        ties = (i for i, slot in enumerate(self.layout) if slot == Tied(axis))
        return next(ties, None)

    def placed(self, value: Node, slot: Callable[[int], Slot]) -> "JacobianTerm":
        """Return the term of something made of x, with what becomes of the axes that are tied."""
        return JacobianTerm(
            value, tuple(slot(s.axis) if isinstance(s, Tied) else s for s in self.layout)
        )


Jacobian: TypeAlias = tuple[JacobianTerm, ...]


class TooLarge(Exception):
    """A derivative would take more floats a sample than there is room for."""


class Differentiator:
    """Derivatives of kets in hats, each computed once."""

    def __init__(self, builder: Builder) -> None:
        self._b = builder
        self._known: dict[Hat, dict[Node, Jacobian]] = {}
        self._reach: dict[Node, int] = {}
        self._bits: dict[Hat, int] = {}
        self._unfolding = Unfolding(builder)
        self._too_large: dict[Hat, set[Node]] = {}

    def watch(self, hat: Hat) -> None:
        """Announce a hat in which later kets will be differentiated, before any ket uses it."""
        self._bits[hat] = 1 << len(self._bits)

    def reaches(self, hat: Hat, ket: Node) -> bool:
        """Whether the ket depends on the hat other than through scalars and iid copies."""
        return bool(self._reached(ket) & self._bits[hat])

    def jacobian(self, ket: Node, hat: Hat, room: float = inf) -> Jacobian:
        """Return d|ket> / d hat.

        Raises:
            NotDifferentiable: It holds the derivative of a delta or of an indicator.
            TooLarge: The derivative of something that the ket is made of has an array of more
                than `room` floats a sample.
        """
        too_large = self._too_large.setdefault(hat, set())

        def reached(node: Node) -> tuple[Node, ...]:
            if node in too_large:
                raise TooLarge
            return tuple(x for x in self._differentiable(node) if self.reaches(hat, x))

        def rule(node: Node, known: dict[Node, Jacobian]) -> Jacobian:
            found = self._of(node, hat, known)
            if any(prod(term.value.shape) > room for term in found):
                too_large.add(node)
                raise TooLarge
            return found

        return fold((ket,), rule, reached, self._known.setdefault(hat, {}))[ket]

    # -------------------------------------------------------------------------------- dependence

    def _reached(self, ket: Node) -> int:
        """Return the set of watched hats, as bits, that the ket depends on."""

        def rule(node: Node, reach: dict[Node, int]) -> int:
            own = self._bits.get(node, 0) if isinstance(node, Hat) else 0
            return reduce(or_, (reach[operand] for operand in self._differentiable(node)), own)

        return fold((ket,), rule, self._differentiable, self._reach)[ket]

    # --------------------------------------------------------------------------------- the rules

    def _of(self, node: Node, hat: Hat, known: dict[Node, Jacobian]) -> Jacobian:
        def of(operand: Node) -> Jacobian:
            return known.get(operand, ())

        match node:
            case Hat():
                if node is not hat:
                    return ()
                layout = tuple(Tied(axis) for axis in range(len(hat.shape)))
                return (JacobianTerm(self._b.number(1), layout),)
            case op.Elementwise():
                terms = [
                    self._chain(node, slot, term)
                    for slot, operand in enumerate(node.operands)
                    for term in of(operand)
                ]
            case op.Mean(operand=body, over=over):
                terms = [replace(t, value=self._mean(t.value, over)) for t in of(body)]
            case (
                op.Take(operand=operand) | op.Permute(operand=operand) | op.Expand(operand=operand)
            ):
                terms = [self._moved(term, node) for term in of(operand)]
            case op.Reduce(reduction="sum", operand=operand, axes=axes):
                terms = [self._sum(t, operand.shape, axes) for t in of(operand)]
            case op.Reduce(operand=operand, axes=axes):
                terms = [self._maximum(t, node, operand, axes) for t in of(operand)]
            case op.Softmax(operand=operand):
                terms = [piece for t in of(operand) for piece in self._softmax(t, node)]
            case op.Contract(left=left, right=right, axes=count):
                terms = [self._contract(t, left.shape, right, count) for t in of(left)]
            case op.Exchange():
                terms = list(of(self._unfolding.of(node)))
            case SteinDot():
                terms = list(of(stein_sum(self._b, node)))
            case _:
                raise AssertionError(f"no derivative for {node!r}")
        return self._merged(terms)

    def _merged(self, terms: list[JacobianTerm]) -> Jacobian:
        merged: dict[tuple[Slot, ...], Node] = {}
        for term in terms:
            known = merged.get(term.layout)
            merged[term.layout] = term.value if known is None else self._b.add(known, term.value)
        return tuple(JacobianTerm(value, layout) for layout, value in merged.items())

    def _chain(self, node: op.Elementwise, slot: int, term: JacobianTerm) -> JacobianTerm:
        """Return (d f / d x) dx, with the axes of x aligned to those of the result."""
        own, out = node.operands[slot].shape, node.shape
        shift = len(out) - len(own)

        def aligned(axis: int) -> Slot:
            return Tied(axis + shift) if own[axis] == out[axis + shift] else Pinned(0)

        value = term.value
        if term.free:
            value = self._b.expand(value, tuple(range(term.free, term.free + shift)))
        inner = partial_derivative(self._b, node.function, node.operands, slot)
        return term.placed(self._full(self._b.mul(inner, value), out, term.free), aligned)

    def _full(self, value: Node, shape: Shape, free: int) -> Node:
        """Broadcast a stored array to its full shape, but for a number without free axes."""
        whole = value.shape[:free] + shape
        if value.shape == whole or (value.shape == () and not free):
            return value
        return self._times(self._b.constant(np.ones(whole)), value)

    def _times(self, x: Node, y: Node) -> Node:
        """Return x * y, without the factor that is all ones where it broadcasts nothing."""
        for factor, other in ((x, y), (y, x)):
            ones = isinstance(factor, op.Constant) and bool((factor.value == 1).all())
            if ones and broadcast((x, y)) == other.shape:
                return other
        return self._b.mul(x, y)

    def _spread(self, term: JacobianTerm, shape: Shape) -> Node:
        """Return the stored array with all axes of x, even where it is one number."""
        if term.value.shape == () and shape:
            return self._times(self._b.constant(np.ones(shape)), term.value)
        return term.value

    def _mean(self, value: Node, over: tuple[str, ...]) -> Node:
        present = tuple(name for name in over if name in dict(value.coords))
        return self._b.mean(value, present) if present else value

    def _moved(self, term: JacobianTerm, node: op.Take | op.Permute | op.Expand) -> JacobianTerm:
        """Index, permute or expand the axes of x."""
        value = reapply(self._b, node, [term.value], term.free) if term.value.shape else term.value
        return term.placed(value, partial(_slot, node))

    def _sum(self, term: JacobianTerm, shape: Shape, over: tuple[int, ...]) -> JacobianTerm:
        """Sum over axes of x; one that is tied becomes a free axis of the hat."""
        hat, x = axes("hat", len(term.layout)), axes("x", len(shape))
        free = tuple(hat[place] for place, s in enumerate(term.layout) if isinstance(s, Free))
        ties = {axis: tie for axis in over if (tie := term.tie_of(axis)) is not None}
        own = tuple(hat[ties[axis]] if axis in ties else x[axis] for axis in range(len(shape)))
        rest = [axis for axis in range(len(shape)) if axis not in over]
        kept = tuple(axis for axis in hat if axis in free + own) + tuple(x[axis] for axis in rest)
        value = contraction(self._b, kept, Named(self._spread(term, shape), free + own))
        return term.placed(value, lambda axis: Free() if axis in over else Tied(rest.index(axis)))

    def _maximum(
        self, term: JacobianTerm, node: Node, operand: Node, axes: tuple[int, ...]
    ) -> JacobianTerm:
        """Route the derivative to where the maximum is."""
        hit = self._b.apply("equal", operand, self._b.expand(node, axes))
        value = self._times(hit, self._spread(term, operand.shape))
        return self._sum(replace(term, value=value), operand.shape, axes)

    def _softmax(self, term: JacobianTerm, node: op.Softmax) -> tuple[JacobianTerm, JacobianTerm]:
        """Return the two terms of dp = p dx - p sum(p dx) along the last axis."""
        last = len(node.shape) - 1
        weighted = replace(term, value=self._times(node, self._spread(term, node.shape)))
        total = self._sum(weighted, node.shape, (last,))
        wide = self._b.expand(total.value, (total.free + last,))
        drawn = self._b.neg(self._b.mul(node, wide))
        return weighted, replace(total, value=drawn)

    def _contract(self, term: JacobianTerm, shape: Shape, right: Node, count: int) -> JacobianTerm:
        """Contract the last axes of x with the first of a scalar array."""
        kept = len(shape) - count
        ties = {axis: term.tie_of(axis) for axis in range(kept, len(shape))}
        value = self._spread(term, shape)
        if all(tie is None for tie in ties.values()):
            return replace(term, value=self._b.contract(value, right, count))
        # A tied axis is not summed: align both arrays as free + kept + contracted + new, multiply,
        # then sum what was not tied.
        new = len(right.shape) - count
        value = self._b.expand(value, tuple(range(len(value.shape), len(value.shape) + new)))
        product = JacobianTerm(self._times(value, right), term.layout)
        width = shape + right.shape[count:]
        return self._sum(product, width, tuple(range(kept, len(shape))))

    def _differentiable(self, node: Node) -> tuple[Node, ...]:
        """Return what a derivative runs through: nothing for scalars, copies and hats."""
        if isinstance(node, Hat | op.Constant) or FREE not in dict(node.coords):
            return ()
        match node:
            case op.Contract(left=left):
                return (left,)
            case op.Exchange():
                return (self._unfolding.of(node),)
            case SteinDot():
                return (stein_sum(self._b, node),)
            case _:
                return tuple(operand for operand in operands(node) if FREE in dict(operand.coords))


def _slot(node: op.Take | op.Permute | op.Expand, axis: int) -> Slot:
    """Return what an axis of the hat is in a node, where it is tied to this axis of the operand."""
    match node:
        case op.Take(keys=keys):
            key = keys[axis]
            return Tied(keys[:axis].count(None)) if key is None else Pinned(key)
        case op.Permute(order=order):
            return Tied(order.index(axis))
        case op.Expand(axes=new):
            old = [place for place in range(len(node.shape)) if place not in new]
            return Tied(old[axis])
