"""Expectations of smooth functions by Hermite series, for arrays that broadcast.

E f(u) = single_integral(nodes, [f, q, m]), E f(u) g(w) = pair_integral(nodes, [f, q, m], ...)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array
from tpc.runtime.grids import GridNodes
from tpc.runtime.hermite import Family, single_series
from tpc.runtime.pair_series import listed_series, pair_series


def single_integral(nodes: GridNodes, side: Sequence[Any]) -> Array:
    """Return E f(u), entry by entry.

    Args:
        nodes: They say how many digits the series should have.
        side: The function, variances, means and constants.
    """
    q, m, *constants = np.broadcast_arrays(*side[1:])
    flat = [constant.ravel() for constant in constants]
    family = Family.of(side[0], q.ravel(), m.ravel(), flat)
    moments, error, _ = single_series(family, nodes.tolerance)
    return settled(nodes, moments, error).reshape(q.shape)


def pair_integral(
    nodes: GridNodes,
    left: Sequence[Any],
    right: Sequence[Any],
    c: Array,
) -> Array:
    """Return E f(u) g(w), entry by entry.

    Args:
        nodes: They say how many digits the series should have.
        left: The function f, variances, means and constants.
        right: The same for g.
        c: Covariances of u and w.
    """
    shapes = [np.broadcast_shapes(*map(np.shape, side[1:])) for side in (left, right)]
    shape = np.broadcast_shapes(*shapes, np.shape(c))
    rank = len(shape)
    one, two = ((1,) * (rank - len(own)) + own for own in shapes)
    rows = [axis for axis in range(rank) if one[axis] > 1 or two[axis] == 1]
    columns = [axis for axis in range(rank) if axis not in rows]
    if any(two[axis] > 1 for axis in rows):
        f, g = (family_of(side, shape, range(rank)) for side in (left, right))
        listed = np.broadcast_to(c, shape).ravel()
        moments, error, _ = listed_series(f, g, listed, nodes.tolerance)
        return settled(nodes, moments, error).reshape(shape)
    f, g = family_of(left, shape, rows), family_of(right, shape, columns)
    order = rows + columns
    sizes = [shape[axis] for axis in order]
    matrix = np.broadcast_to(c, shape).transpose(order)
    matrix = matrix.reshape(prod(sizes[: len(rows)]), -1)
    moments, error, _ = pair_series(f, g, matrix, nodes.tolerance)
    moved = settled(nodes, moments, error).reshape(sizes)
    return np.asarray(moved.transpose(np.argsort(order).astype(int)))


def family_of(side: Sequence[Any], shape: Sequence[int], axes: Sequence[int]) -> Family:
    """Return one side's functions along some axes of the result; it is constant along others."""
    wide = [shape[axis] if axis in axes else 1 for axis in range(len(shape))]
    arrays = (np.asarray(x, dtype=float) for x in side[1:])
    q, m, *constants = (np.broadcast_to(x, wide).ravel() for x in arrays)
    return Family.of(side[0], q, m, constants)


def settled(nodes: GridNodes, values: Array, error: float) -> Array:
    """Return the values, or NaN where the series gives fewer than eight digits."""
    if error <= max(1e-8, 10 * nodes.tolerance):
        return values
    nodes.refusal = nodes.refusal or "a series that does not settle"
    return np.full_like(values, np.nan)
