"""Sums of products over named constant axes: what backward passes, batches and kernels multiply by.

    contraction(b, kept, x, y, ...)[kept] = sum over the other axes of x[...] y[...] ...

as `numpy.einsum` has it, with axes for letters. An axis of length 1 stands for any length, as in
broadcasting.
"""

from dataclasses import dataclass
from typing import TypeAlias

from tpc.program.builder import Builder
from tpc.program.nodes import Node


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """The name of a constant axis; equal names do not make two axes one."""

    name: str


Axes: TypeAlias = tuple[Axis, ...]
"""The constant axes of a node, in order."""


def axes(name: str, count: int = 1) -> Axes:
    """Return new axes, of which every name says what they run over."""
    return tuple(Axis(name) for _ in range(count))


@dataclass(frozen=True, slots=True)
class Named:
    """A node with the names of its constant axes."""

    node: Node
    axes: Axes = ()

    def __post_init__(self) -> None:
        assert len(self.axes) == len(self.node.shape), (self.axes, self.node.shape)

    @property
    def sizes(self) -> dict[Axis, int]:
        """How long each axis is."""
        return dict(zip(self.axes, self.node.shape, strict=True))


def contraction(b: Builder, kept: Axes, *factors: Named) -> Node:
    """Return the product of some nodes, summed over all axes that are not kept.

    An axis is summed as soon as no other factor has it, and factors that share one come next to
    each other, so that no outer products arise.

    Args:
        b: Makes the nodes.
        kept: The axes of the result, each an axis of some factor.
        factors: At least one.
    """
    product, *waiting = factors
    waiting = waiting or [Named(b.number(1))]
    while waiting:
        linked = (at for at, other in enumerate(waiting) if set(other.axes) & set(product.axes))
        factor = waiting.pop(next(linked, 0))
        wanted = kept
        if waiting:
            later = {*kept, *(axis for other in waiting for axis in other.axes)}
            own = dict.fromkeys((*product.axes, *factor.axes))
            wanted = tuple(axis for axis in own if axis in later)
        product = Named(_product(b, product, factor, wanted), wanted)
    return product.node


def aligned(b: Builder, x: Named, wanted: Axes) -> Node:
    """Return a node whose axes broadcast to those that are wanted; leading ones may be missing."""
    own = tuple(axis for axis in wanted if axis in x.axes)
    first = wanted.index(own[0]) if own else len(wanted)
    missing = tuple(place for place, axis in enumerate(wanted[first:]) if axis not in own)
    return b.expand(ordered(b, x, own), missing)


def ordered(b: Builder, x: Named, wanted: Axes) -> Node:
    """Return a node with the same axes in another order."""
    return b.permute(x.node, tuple(x.axes.index(axis) for axis in wanted))


def _product(b: Builder, left: Named, right: Named, kept: Axes) -> Node:
    """Return the sum of a product over what is not kept.

    It is a contraction wherever no axis of both is kept, and else an elementwise product that is
    summed.
    """
    left = _without_ones(b, left, right.axes)
    right = _without_ones(b, right, left.axes)
    left = _summed_alone(b, left, (*kept, *right.axes))
    right = _summed_alone(b, right, (*kept, *left.axes))
    shared = set(left.axes) & set(right.axes)
    summed = tuple(axis for axis in left.axes if axis in shared and axis not in kept)
    disjoint = not dict(left.node.coords).keys() & dict(right.node.coords).keys()
    if summed and disjoint and len(summed) == len(shared):
        if right.node.coords and not left.node.coords:
            left, right = right, left
        own = tuple(axis for axis in left.axes if axis not in shared)
        other = tuple(axis for axis in right.axes if axis not in shared)
        sides = ordered(b, left, own + summed), ordered(b, right, summed + other)
        return ordered(b, Named(b.contract(*sides, len(summed)), own + other), kept)
    order = kept + summed
    product = b.mul(aligned(b, left, order), aligned(b, right, order))
    return b.reduce("sum", product, tuple(range(len(kept), len(order)))) if summed else product


def _without_ones(b: Builder, x: Named, other: Axes) -> Named:
    """Drop the axes of length 1 that the other factor has too."""
    drop = tuple(size == 1 and axis in other for axis, size in x.sizes.items())
    kept = tuple(axis for axis, gone in zip(x.axes, drop, strict=True) if not gone)
    return Named(b.take(x.node, tuple(0 if gone else None for gone in drop)), kept)


def _summed_alone(b: Builder, x: Named, elsewhere: Axes) -> Named:
    """Sum over the axes that occur neither in the result nor in the other factor."""
    places = tuple(place for place, axis in enumerate(x.axes) if axis not in elsewhere)
    if not places:
        return x
    kept = tuple(axis for axis in x.axes if axis in elsewhere)
    return Named(b.reduce("sum", x.node, places), kept)
