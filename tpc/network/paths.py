"""Piecewise linear paths, given by vertices at equal distances of time, from 0 to 1."""

import numpy as np

from tpc.network.network import Array


def velocities(vertices: Array, times: Array) -> Array:
    """Return the mean velocity of paths between times.

    Args:
        vertices: Of shape (paths, vertices) + that of a point.
        times: K + 1 of them, from 0 to 1.

    Returns:
        Of shape (K, paths) + that of a point.
    """
    last = vertices.shape[1] - 1
    place = times * last
    before = np.minimum(np.floor(place + 1e-9).astype(int), last - 1)  # vertices count as met
    part = (place - before).reshape(-1, *(1,) * (vertices.ndim - 1))
    moved = np.moveaxis(vertices, 1, 0)
    points = moved[before] + part * (moved[before + 1] - moved[before])
    span = np.diff(times).reshape(-1, *(1,) * (vertices.ndim - 1))
    return np.asarray(np.diff(points, axis=0) / span)


def steps(vertices: Array, rounds: int) -> Array:
    """Return what paths move by in each round, of shape (paths, rounds) + that of a point."""
    found = velocities(vertices, np.linspace(0, 1, rounds + 1)) / rounds
    return np.ascontiguousarray(np.moveaxis(found, 0, 1))
