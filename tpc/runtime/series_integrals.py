"""Expectations of smooth functions by Hermite series, for arrays that broadcast.

E f(u) = single_integral(nodes, [f, q, m]), E f(u) g(w) = pair_integral(nodes, [f, q, m], ...)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from tpc.runtime.arrays import Array, Indices
from tpc.runtime.grids import GridNodes
from tpc.runtime.hermite import TOLERANCE, Family, single_series
from tpc.runtime.pair_series import (
    correlations,
    listed_correlations,
    listed_series,
    pair_series,
)
from tpc.runtime.plane_sums import plane_moment


def single_integral(nodes: GridNodes, side: Sequence[Any]) -> Array:
    """Return E f(u), entry by entry.

    Args:
        nodes: Where errors are asked for, they say so.
        side: The function, variances, means and constants.
    """
    q, m, *constants = np.broadcast_arrays(*side[1:])
    flat = [constant.ravel() for constant in constants]
    family = Family.of(side[0], q.ravel(), m.ravel(), flat)
    moments, error, sizes = single_series(family, TOLERANCE)
    return settled(nodes, moments, error, sizes).reshape(q.shape)


def pair_integral(
    nodes: GridNodes,
    left: Sequence[Any],
    right: Sequence[Any],
    c: Array,
) -> Array:
    """Return E f(u) g(w), entry by entry.

    Args:
        nodes: Where errors are asked for, they say so.
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
        moments, error, scales = listed_series(f, g, listed, TOLERANCE)
        index = np.arange(len(listed))
        places = index, index, listed_correlations(f, g, listed)
        scales = sharpened(moments, error, scales, (f, g), places)
        return settled(nodes, moments, error, scales).reshape(shape)
    f, g = family_of(left, shape, rows), family_of(right, shape, columns)
    order = rows + columns
    sizes = [shape[axis] for axis in order]
    matrix = np.broadcast_to(c, shape).transpose(order)
    matrix = matrix.reshape(prod(sizes[: len(rows)]), -1)
    moments, error, scales = pair_series(f, g, matrix, TOLERANCE)
    along, across = np.indices(moments.shape).reshape(2, -1)
    places = along, across, correlations(f, g, matrix)
    scales = sharpened(moments, error, scales, (f, g), places)
    moved = settled(nodes, moments, error, scales).reshape(sizes)
    return np.asarray(moved.transpose(np.argsort(order).astype(int)))


def family_of(side: Sequence[Any], shape: Sequence[int], axes: Sequence[int]) -> Family:
    """Return one side's functions along some axes of the result; it is constant along others."""
    wide = [shape[axis] if axis in axes else 1 for axis in range(len(shape))]
    arrays = (np.asarray(x, dtype=float) for x in side[1:])
    q, m, *constants = (np.broadcast_to(x, wide).ravel() for x in arrays)
    return Family.of(side[0], q, m, constants)


def sharpened(
    moments: Array,
    error: float,
    sizes: Array,
    sides: tuple[Family, Family],
    pairs: tuple[Indices, Indices, Array],
) -> Array:
    """Replace few expectations far below sqrt(E f^2 E g^2) by sums over a plane.

    Args:
        moments: The expectations, which are replaced in place.
        error: Their error in units of the sizes.
        sizes: sqrt(E f^2 E g^2) of each.
        sides: The functions.
        pairs: Which member of each side an expectation has, and their correlations.

    Returns:
        The sizes, made smaller so that the error holds in their units.
    """
    poor = np.flatnonzero(error * sizes > 1e-10 * np.abs(moments))
    poor = poor[moments.flat[poor] != 0]
    if len(poor) > FEW_ON_PLANE or not error <= SETTLED:
        return sizes
    found, (f, g), (rows, columns, rho) = sizes.copy(), sides, pairs
    for k in poor:
        row, column = rows[k], columns[k]
        one, two = f[row : row + 1], g[column : column + 1]
        value, own = plane_moment(one, two, float(rho.flat[k]))
        bound = error * sizes.flat[k]
        if own < bound and abs(value - moments.flat[k]) <= 2 * bound:
            moments.flat[k], found.flat[k] = value, own / error
    return found


def settled(nodes: GridNodes, values: Array, error: float, sizes: Array) -> Array:
    """Return the values, or NaN where the series gives fewer than eight digits.

    Args:
        nodes: They ask for values that are off by as much as they may be, or for none such.
        values: The expectations.
        error: Their error, in units of the sizes.
        sizes: What it is relative to.
    """
    if not error <= SETTLED:
        nodes.refusal = nodes.refusal or "a series that does not settle"
        return np.full_like(values, np.nan)
    return values + nodes.shaken(error * sizes)


SETTLED = 1e-8
"""The relative error up to which a series is used."""

FEW_ON_PLANE = 16
"""How many expectations of one series are summed over a plane at most."""
