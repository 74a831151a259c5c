"""Inner products of gradients, over some of their constant axes.

    <x|y>[kept] = sum over the other axes of <x[...]|y[...]>

Both kets are taken apart first, into sums of kets times scalars: the gradient of a first weight U
is dh xi.T, so that

    sum over i of <dU_i|dU'_i> = <dh|dh'> * (xi . xi'),

one number for a pair of inputs where <dU|dU'> would be an array.
"""

from functools import reduce

import numpy as np

from tpc.program import nodes as op
from tpc.program.apart import Apart, Pair, Term, is_divided, is_linear, opened, product_of
from tpc.program.builder import Builder
from tpc.program.nodes import Node, operands
from tpc.program.products import Axes, Axis, Named, axes, contraction
from tpc.program.traversal import fold, walk


def covariance(b: Builder, x: Node, y: Node) -> Node:
    """Return <x|y> with all axes of x, then those of y."""
    left, right = (Named(ket, axes("own", len(ket.shape))) for ket in (x, y))
    return inner_product(b, left.axes + right.axes, left, right)


def inner_product(b: Builder, kept: Axes, x: Named, y: Named) -> Node:
    """Return <x|y>, summed over the axes that are not kept; an axis of both is their diagonal.

    Layers that add to what they are given, as residual ones do, have sums in common.
    """

    def rule(pair: Pair, found: dict[Pair, Node]) -> Node:
        terms = opened(*pair)
        if terms:
            return reduce(b.add, (reduce(b.mul, by, found[part]) for by, part in terms))
        return _of_whole(b, kept, Named(pair[0], x.axes), Named(pair[1], y.axes))

    root = x.node, y.node
    return fold((root,), rule, lambda pair: [part for _, part in opened(*pair)])[root]


def _of_whole(b: Builder, kept: Axes, x: Named, y: Named) -> Node:
    """Return the same, with both kets taken apart at once."""
    sizes = x.sizes | y.sizes
    apart = Apart(b, _opens)
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


def unopened_inner_product(b: Builder, kept: Axes, x: Named, y: Named) -> Node:
    """Return <x|y> of kets as they are, summed over what is not kept: for finite widths."""
    return _of_terms(b, Term((x,), ()), Term((y,), ()), kept, x.sizes | y.sizes)


def _of_terms(b: Builder, left: Term, right: Term, kept: Axes, sizes: dict[Axis, int]) -> Node:
    x, y = product_of(b, left.kets), product_of(b, right.kets)
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


def _opens(node: Node) -> bool:
    """Whether a ket is taken apart."""
    match node:
        case op.Elementwise(function="add" | "sub", operands=(x, y)):
            return x.coords == y.coords and not is_divided(node)
        case op.Elementwise(function="mul", operands=(x, y)):
            return x.is_scalar or y.is_scalar or _mixes(x) or _mixes(y)
        case op.Elementwise(function="square", operands=(x,)):
            return _mixes(x)
        case op.Elementwise(function="div", operands=(_, y)):
            return y.is_scalar
        case op.Contract(left=x):
            return not _is_initial(x)
        case op.Take(operand=x):
            return isinstance(x, op.Expand)
        case _:
            return True


def _is_initial(node: Node) -> bool:
    """Whether a contraction of a ket is Gaussian, with a covariance that is a matrix product."""
    match node:
        case op.Elementwise(function="mul" | "div", operands=(x, y)):
            return (y.is_scalar and _is_initial(x)) or (x.is_scalar and _is_initial(y))
        case _:
            return isinstance(node, op.InitialVector)


def _is_affine(node: Node) -> bool:
    """Whether a ket is linear in products with matrices and in initial vectors.

    Its covariances are known as they stand.
    """
    parts = walk((node,), _combined)
    return all(isinstance(x, op.MatMul | op.InitialVector) or is_linear(x) for x in parts)


def _combined(node: Node) -> tuple[Node, ...]:
    if isinstance(node, op.MatMul | op.InitialVector):
        return ()
    return tuple(x for x in operands(node) if x.is_vector)


def _mixes(node: Node) -> bool:
    """Whether a ket is a sum over constant axes, or linear in such a sum, of what is not affine."""
    if _is_affine(node):
        return False
    match node:
        case op.Reduce(reduction="sum"):
            return True
        case op.Contract(right=right):
            return right.is_scalar
        case op.Elementwise(function="add" | "sub" | "neg" | "mul" | "div", operands=parts):
            return any(_mixes(part) for part in parts if part.is_vector)
        case op.Permute(operand=x) | op.Expand(operand=x):
            return _mixes(x)
        case _:
            return False
