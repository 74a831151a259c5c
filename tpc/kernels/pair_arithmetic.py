"""The functions of closed forms for whole tiles: as precise as `arithmetic`, faster on most pairs.

Away from correlations +-1 nothing cancels, so that the plain formulas are right to a few units
in the 14th digit. With det = v1 v2 - c^2 and the angle s of the cone y1, y2 > 0,

    s = pi/2 + atan(c / sqrt(det)),    E relu(y1) relu(y2) = (sqrt(det) + s c) / (2 pi),

one arc tangent for both moments of a ReLU. The few entries near +-1, such as the diagonal of a
kernel, are computed once more by the careful functions.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tpc.kernels.plan import Array
from tpc.runtime import arithmetic, orthant_arithmetic

NEAR = 0.01
"""det / (v1 v2) below which entries are computed with care; 1e-16 / NEAR is what else is lost."""

SMALL_ANGLE = 0.1
"""sin(SMALL_ANGLE)^2 is NEAR: angles as near to 0 or pi belong to these entries."""


SAME = 2e-15
"""det / (v1 v2) that is no more than the rounding of a covariance, and counts as 0."""


def gram(p: Array, q: Array, c: Array) -> Array:
    """Return p q - c^2, at least 0."""
    product = np.multiply(p, q)
    det = np.asarray(product - np.square(c))
    return _patched(det, det <= NEAR * product, _careful_gram, p, q, c)


def cone(p: Array, q: Array, c: Array) -> tuple[Array, Array]:
    """Return the angle of the cone y1, y2 > 0, and the root of p q - c^2.

    Args:
        p: The variance of y1.
        q: That of y2.
        c: Their covariance.
    """
    root = np.square(c)
    if root.ndim == 0 or root.shape != np.broadcast_shapes(p.shape, q.shape, c.shape):
        c = np.broadcast_to(c, np.broadcast_shapes(p.shape, q.shape, c.shape))
        root = np.square(c)
    s = np.multiply(p, q, out=np.empty_like(root))
    np.subtract(s, root, out=root)
    np.sqrt(root, out=root)
    np.divide(c, root, out=s)
    np.arctan(s, out=s)
    s += np.pi / 2
    if s.size and s.min() >= SMALL_ANGLE and s.max() <= np.pi - SMALL_ANGLE:
        return s, root
    near = ~((s >= SMALL_ANGLE) & (s <= np.pi - SMALL_ANGLE))  # also where there is no number
    det = _picked(near, _careful_gram, p, q, c)
    root[near] = np.sqrt(det)
    s[near] = orthant_arithmetic.wedge(np.broadcast_to(c, near.shape)[near], det)
    return s, root


def relu_product(c: Array, root: Array, s: Array, v1: Array, v2: Array) -> Array:
    """Return 2 pi E relu(y1) relu(y2), from the angle s and the root of det."""
    moment = np.multiply(s, c)
    moment += root
    if s.size and s.min() >= SMALL_ANGLE:
        return moment
    return _patched(moment, s < SMALL_ANGLE, _careful_product, s, v1, v2)


def _careful_gram(p: Array, q: Array, c: Array) -> Array:
    det = arithmetic.gram(p, q, c)
    return np.where(det <= SAME * p * q, 0.0, det)


def _careful_product(s: Array, v1: Array, v2: Array) -> Array:
    scale = 2 * np.sqrt(v1) * np.sqrt(v2)
    return np.asarray(scale * orthant_arithmetic.cone_integral(1, 1, s))


def _patched(
    values: Array,
    wanted: npt.NDArray[np.bool_],
    careful: Callable[..., Array],
    *arguments: Array,
) -> Array:
    """Compute the wanted entries once more, with care."""
    if wanted.any():
        values[wanted] = _picked(wanted, careful, *arguments)
    return values


def _picked(
    wanted: npt.NDArray[np.bool_], careful: Callable[..., Array], *arguments: Array
) -> Array:
    """Return a function at the wanted entries of its arguments."""
    return careful(*(np.broadcast_to(x, wanted.shape)[wanted] for x in arguments))
