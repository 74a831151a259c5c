"""Bookkeeping of constant axes for factors that broadcast against each other.

Factors of a product are aligned at their last axes, as NumPy does; `rank` is the number of axes of
the product and axes are counted in it from the left. A factor *depends* on an axis where it is
longer than 1.
"""

from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Elementwise, Node


def raised(b: Builder, node: Node, rank: int) -> Node:
    """Return the factor with leading axes of length 1 up to `rank` axes."""
    return b.expand(node, tuple(range(rank - len(node.shape))))


def depends(node: Node, rank: int, axis: int) -> bool:
    """Decide whether the factor varies along an axis of the product."""
    own = axis - (rank - len(node.shape))
    return own >= 0 and node.shape[own] > 1


def squeezed(b: Builder, node: Node, axes: tuple[int, ...]) -> Node:
    """Return the node without some of its axes, each of length 1."""
    return b.take(node, tuple(0 if axis in axes else None for axis in range(len(node.shape))))


def taken(b: Builder, node: Node, keys: tuple[int | None, ...]) -> Node:
    """Return the factor of `product[keys]` that stands for this factor of the product."""
    own = keys[len(keys) - len(node.shape) :]
    sizes = zip(own, node.shape, strict=True)
    return b.take(node, tuple(None if key is None else min(key, size - 1) for key, size in sizes))


def sum_inside(b: Builder, factor: Node, axes: tuple[int, ...]) -> Node:
    """Return the factor summed over axes, on which no other factor depends."""
    if all(factor.shape[axis] == 1 for axis in axes):
        return squeezed(b, factor, axes)
    return b.reduce("sum", factor, axes)


def to_front(
    b: Builder, factor: Node, count: int, moved: tuple[int, ...], gone: tuple[int, ...]
) -> Node:
    """Return the factor, which has lost the axes `gone`, with `moved` behind its first `count`."""
    left = [axis for axis in range(len(factor.shape) + len(gone)) if axis not in gone]
    order = [*range(count), *moved, *(axis for axis in left[count:] if axis not in moved)]
    return b.permute(factor, tuple(left.index(axis) for axis in order))


def average_of_vector(b: Builder, vector: Node) -> Node:
    """Return avg(vector), as an inner product where it is a product over different axes."""
    match vector:
        case Elementwise(function="mul", operands=(x, y)) if x.is_vector and y.is_vector:
            rank = len(vector.shape)
            left, right = raised(b, x, rank), raised(b, y, rank)
            split = _disjoint(left, right, range(rank))
            if split is not None:
                own, other = split
                inner = b.inner(_only(b, left, own), _only(b, right, other))
                return _restored(b, inner, own + other, rank)
    return b.mean(vector, (FREE,))


def summed_product(b: Builder, vector: Node, scalar: Node, count: int, rank: int) -> Node:
    """Return the sum of vector * scalar over the first `count` of `rank` axes.

    It is a contraction where the two depend on all of those axes and share no other.
    """
    left, right = raised(b, vector, rank), raised(b, scalar, rank)
    summed = tuple(range(count))
    if all(size == 1 for size in left.shape[:count]):
        return b.mul(b.reduce("sum", right, summed), squeezed(b, left, summed))
    split = _disjoint(left, right, range(count, rank))
    if split is None or left.shape[:count] != right.shape[:count]:
        return b.reduce("sum", b.mul(right, left), summed)
    own, other = split
    kept = _only(b, left, summed + own)
    last = (*range(count, count + len(own)), *summed)
    contracted = b.contract(b.permute(kept, last), _only(b, right, summed + other), count)
    order = tuple(axis - count for axis in own + other)
    return _restored(b, contracted, order, rank - count)


def _disjoint(
    left: Node, right: Node, axes: range
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the axes that each side depends on, or None where they share one."""
    own = tuple(axis for axis in axes if left.shape[axis] != 1)
    other = tuple(axis for axis in axes if right.shape[axis] != 1)
    return None if set(own) & set(other) else (own, other)


def _only(b: Builder, node: Node, kept: tuple[int, ...]) -> Node:
    return squeezed(b, node, tuple(axis for axis in range(len(node.shape)) if axis not in kept))


def _restored(b: Builder, node: Node, axes: tuple[int, ...], rank: int) -> Node:
    """Return the node, whose axes are the axes `axes` of the product, as the product has them."""
    order = tuple(sorted(range(len(axes)), key=lambda position: axes[position]))
    missing = tuple(axis for axis in range(rank) if axis not in axes)
    return b.expand(b.permute(node, order), missing)
