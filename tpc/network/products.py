"""Sums of products over constant axes: the multiplication that backward passes and batches need.

    result[kept] = sum over the other axes of left[...] * right[...]

Axes are named by integers, as in `numpy.einsum`. An axis of length 1 stands for any length, as in
broadcasting.
"""

from tpc.program.builder import Builder
from tpc.program.nodes import Node

Axes = tuple[int, ...]
"""The names of the constant axes of a node, in order."""


def sum_products(
    b: Builder, left: Node, left_axes: Axes, right: Node, right_axes: Axes, kept: Axes
) -> Node:
    """Return the product of two nodes, summed over all axes that are not kept.

    It is a contraction wherever no axis of both is kept, and else an elementwise product that is
    summed.

    Args:
        b: Makes the nodes.
        left: One factor.
        left_axes: The names of its axes.
        right: The other factor.
        right_axes: The names of its axes.
        kept: The axes of the result, each an axis of some factor.
    """
    left, left_axes = _without_ones(b, left, left_axes, right_axes)
    right, right_axes = _without_ones(b, right, right_axes, left_axes)
    left, left_axes = _summed_alone(b, left, left_axes, (*kept, *right_axes))
    right, right_axes = _summed_alone(b, right, right_axes, (*kept, *left_axes))
    shared = set(left_axes) & set(right_axes)
    summed = tuple(axis for axis in left_axes if axis in shared and axis not in kept)
    disjoint = not dict(left.coords).keys() & dict(right.coords).keys()
    if summed and disjoint and len(summed) == len(shared):
        if right.coords and not left.coords:
            left, left_axes, right, right_axes = right, right_axes, left, left_axes
        own = tuple(axis for axis in left_axes if axis not in shared)
        other = tuple(axis for axis in right_axes if axis not in shared)
        product = b.contract(
            ordered(b, left, left_axes, own + summed),
            ordered(b, right, right_axes, summed + other),
            len(summed),
        )
        return ordered(b, product, own + other, kept)
    order = kept + summed
    product = b.mul(
        aligned(b, left, left_axes, order),
        aligned(b, right, right_axes, order),
    )
    last = tuple(range(len(order) - len(summed), len(order)))
    return b.reduce("sum", product, last) if last else product


def ordered(b: Builder, node: Node, axes: Axes, wanted: Axes) -> Node:
    """Return a node with the same axes in another order."""
    return b.permute(node, tuple(axes.index(axis) for axis in wanted))


def aligned(b: Builder, node: Node, axes: Axes, wanted: Axes) -> Node:
    """Return a node whose axes broadcast to those that are wanted; leading ones may be missing."""
    own = tuple(axis for axis in wanted if axis in axes)
    first = wanted.index(own[0]) if own else len(wanted)
    missing = tuple(place for place, axis in enumerate(wanted[first:]) if axis not in own)
    return b.expand(ordered(b, node, axes, own), missing)


def _without_ones(b: Builder, node: Node, axes: Axes, other_axes: Axes) -> tuple[Node, Axes]:
    """Drop the axes of length 1 that the other factor has too."""
    drop = tuple(
        size == 1 and axis in other_axes for axis, size in zip(axes, node.shape, strict=True)
    )
    kept = tuple(axis for axis, gone in zip(axes, drop, strict=True) if not gone)
    return b.take(node, tuple(0 if gone else None for gone in drop)), kept


def _summed_alone(b: Builder, node: Node, axes: Axes, elsewhere: Axes) -> tuple[Node, Axes]:
    """Sum over the axes that occur neither in the result nor in the other factor."""
    places = tuple(place for place, axis in enumerate(axes) if axis not in elsewhere)
    if not places:
        return node, axes
    return b.reduce("sum", node, places), tuple(axis for axis in axes if axis in elsewhere)
