"""The rules of backpropagation: a node, its cotangent and an operand -> what goes to the operand.

Cotangents are those of `backpropagation.py`. A cotangent of x has coordinates of x, and the seed
axes, then the axes of x; where it does not depend on a coordinate it may lack it, and where it does
not depend on an axis that may have length 1. Inside of a body, where x has bound coordinates, it
may have further ones, to be averaged over.

Reference:
    Tensor Programs IVb, Definition 2.9.14.
"""

from math import prod

import numpy as np

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.exchange import Unfolding
from tpc.program.nodes import FREE, BatchMean, Node
from tpc.program.partials import partial
from tpc.program.products import Named, axes, contraction, ordered

FLAT = frozenset({"step", "sign"})
"""Functions whose derivative is zero almost everywhere."""


def contribution(b: Builder, node: Node, slot: int, d: Node, seeds: int) -> Node | None:
    """Return what one use of a value adds to its cotangent, or None for nothing.

    Args:
        b: Makes the nodes.
        node: The use, anything but a matrix product.
        slot: Which operand of `node` the value is.
        d: The cotangent of `node`.
        seeds: The number of seed axes.
    """
    match node:
        case op.Elementwise():
            return _of_function(b, node, slot, d, seeds)
        case op.Mean(over=over):
            return _mean_over(b, d, tuple(name for name, _ in d.coords if name in over))
        case op.Row(coordinate=coordinate):
            own = _mean_over(b, d, tuple(name for name, _ in d.coords if name != coordinate))
            return Unfolding(b).exchanged(own, coordinate)
        case op.Inner(left=left, right=right):
            return _of_inner(b, (left, right), slot, d, seeds)
        case op.Contract() if slot == 0:
            return _of_contracted_left(b, node, d, seeds)
        case op.Contract():
            return _of_contracted_right(b, node, d, seeds)
        case op.Softmax():
            last = len(d.shape) - 1
            total = b.expand(b.reduce("sum", b.mul(d, node), (last,)), (last,))
            return b.mul(node, b.sub(d, total))
        case op.LinearAlgebra():
            return _of_linear_algebra(b, node, d, seeds)
        case op.Split(operand=x, count=count):
            first = (seeds, *range(seeds), *range(seeds + 1, len(d.shape)))
            return b.mul(b.number(count), b.merge(b.permute(d, first), x.dim))
        case op.Merge(operand=x):
            parts = b.split(d, x.shape[0], x.dim)
            behind = (*range(1, seeds + 1), 0, *range(seeds + 1, len(parts.shape)))
            return b.mul(b.number(1 / x.shape[0]), b.permute(parts, behind))
        case BatchMean():
            return b.make(BatchMean, d.coords, d.shape, d)
        case _:
            return _of_axes(b, node, d, seeds)


def _of_function(b: Builder, node: op.Elementwise, slot: int, d: Node, seeds: int) -> Node | None:
    """Apply the chain rule: dx += dy f_x, collected over what x does not depend on."""
    if node.function in FLAT:
        return None
    inner = partial(b, node.function, node.operands, slot)
    if isinstance(inner, op.Constant) and not inner.value.any():
        return None
    return _collected(b, (d, inner), node, node.operands[slot], seeds)


def _collected(
    b: Builder, factors: tuple[Node, Node], node: Node, operand: Node, seeds: int
) -> Node:
    """Multiply dy and f_x; sum and average over what an operand was broadcast along."""
    d, inner = factors
    rank, extra = len(node.shape), len(node.shape) - len(operand.shape)
    own = (0,) * extra + operand.shape
    spread = [seeds + i for i, size in enumerate(node.shape) if own[i] in (0, 1) and own[i] != size]
    length = (*d.shape[:seeds], *np.broadcast_shapes(d.shape[seeds:], inner.shape))
    summed = [axis for axis in spread if length[axis] > 1]
    left = [axis for axis in range(seeds + rank) if axis not in summed]
    if summed:
        names = axes("own", seeds + rank)
        kept = tuple(names[axis] for axis in left)
        d = contraction(
            b, kept, Named(d, names), Named(inner, names[len(names) - len(inner.shape) :])
        )
    else:
        d = b.mul(d, inner)
    # What has length 1 there stands for as many equal entries.
    repeats = prod(node.shape[axis - seeds] for axis in spread if axis not in summed)
    gone = range(seeds, seeds + extra)
    d = b.take(b.mul(b.number(repeats), d), tuple(0 if axis in gone else None for axis in left))
    d = b.expand(d, tuple(axis - extra for axis in summed if axis not in gone))
    return _averaged(b, d, operand)


def _of_inner(b: Builder, sides: tuple[Node, Node], slot: int, d: Node, seeds: int) -> Node:
    """Return z dc for the side x of c = <x|z>."""
    before, left, right = axes("seed", seeds), *(axes("own", len(x.shape)) for x in sides)
    own, others = (left, right) if slot == 0 else (right, left)
    whole = Named(d, before + left + right)
    return contraction(b, before + own, Named(sides[1 - slot], others), whole)


def _of_contracted_left(b: Builder, node: op.Contract, d: Node, seeds: int) -> Node:
    """Return dx A.T for y = x @ A."""
    outer, new = len(node.left.shape) - node.axes, len(node.right.shape) - node.axes
    before, fresh, summed = axes("left", seeds + outer), axes("right", new), axes("sum", node.axes)
    sides = Named(d, before + fresh), Named(node.right, summed + fresh)
    return _averaged(b, contraction(b, before + summed, *sides), node.left)


def _of_contracted_right(b: Builder, node: op.Contract, d: Node, seeds: int) -> Node:
    """Return avg(x.T dy) for y = x @ A, over the coordinates that A does not have."""
    left, right = node.left, node.right
    outer, new = len(left.shape) - node.axes, len(right.shape) - node.axes
    before, own = axes("seed", seeds), axes("left", outer)
    fresh, summed = axes("right", new), axes("sum", node.axes)
    kept = before + summed + fresh
    alone = tuple(
        name for name, _ in left.coords if name not in dict(d.coords) | dict(right.coords)
    )
    left = _mean_over(b, left, alone)
    if left.is_vector and d.is_vector and not own and not right.coords:
        return ordered(b, Named(b.inner(left, d), summed + before + fresh), kept)
    sides = Named(left, own + summed), Named(d, before + own + fresh)
    return _averaged(b, contraction(b, kept, *sides), right)


def _averaged(b: Builder, d: Node, operand: Node) -> Node:
    """Average over the coordinates that an operand does not have, once it is whole.

    Inside of a body that waits, so that all averages of a body are one.
    """
    if not (operand.is_scalar or operand.is_vector):
        return d
    return _mean_over(b, d, tuple(x for x, _ in d.coords if x not in dict(operand.coords)))


def _mean_over(b: Builder, node: Node, over: tuple[str, ...]) -> Node:
    """Average over coordinates; to a number first over bound ones, then as a vector."""
    bound = tuple(name for name in over if name != FREE)
    if FREE in over and bound and len(over) == len(node.coords):
        return b.mean(b.mean(node, bound))
    return b.mean(node, over) if over else node


def _of_linear_algebra(b: Builder, node: op.LinearAlgebra, d: Node, seeds: int) -> Node:
    """Return -Y.T dY Y.T for Y = inv(X), dc 1 for the trace, dc det(X) inv(X).T for det."""
    x = node.operand
    assert node.function in ("inv", "trace", "det")
    rank = len(x.shape) - 2
    if node.function == "inv":
        before, batch, (i, j, p, q) = axes("seed", seeds), axes("batch", rank), axes("matrix", 4)
        right, left = Named(node, (*batch, j, q)), Named(node, (*batch, p, i))
        whole = Named(d, (*before, *batch, p, q))
        return b.neg(contraction(b, (*before, *batch, i, j), whole, right, left))
    spread = b.expand(d, (seeds + rank, seeds + rank + 1))
    if node.function == "trace":
        return b.mul(spread, b.constant(np.eye(x.shape[-1])))
    minor = b.mul(b.expand(node, (rank, rank + 1)), b.transpose(b.linear_algebra("inv", x)))
    return b.mul(spread, minor)


def _of_axes(b: Builder, node: Node, d: Node, seeds: int) -> Node:
    """Undo what an operation does to constant axes."""
    match node:
        case op.Take(operand=x, keys=keys):
            taken = tuple(axis for axis, key in enumerate(keys) if key is not None)
            place = np.zeros(
                [1 if key is None else n for key, n in zip(keys, x.shape, strict=True)]
            )
            place[tuple(0 if key is None else key for key in keys)] = 1.0
            return b.mul(b.expand(d, tuple(seeds + axis for axis in taken)), b.constant(place))
        case op.Permute(order=order):
            back = tuple(seeds + order.index(axis) for axis in range(len(order)))
            return b.permute(d, (*range(seeds), *back))
        case op.Expand(axes=axes):
            inserted = [seeds + axis for axis in axes]
            return b.take(d, tuple(0 if axis in inserted else None for axis in range(len(d.shape))))
        case op.Reduce(reduction=reduction, operand=x, axes=axes):
            spread = b.expand(d, tuple(seeds + axis for axis in axes))
            if reduction == "sum":
                return spread
            hit = b.apply("equal", x, b.expand(node, axes))
            ties = b.expand(b.reduce("sum", hit, axes), axes)
            return b.mul(spread, b.div(hit, ties))
        case _:
            raise AssertionError(f"no derivative for {node!r}")
