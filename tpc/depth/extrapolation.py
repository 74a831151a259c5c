"""Values at a few finite depths K -> their limit as K grows, with its error.

    value(K) = v + c / K + d / K^2

The parabola goes through values without noise. Where they have some, the line is fitted, unless the
parabola says that it is off by more than noise. The error is that of noise and the step from the
one fit to the other.
"""

from collections.abc import Sequence

import numpy as np

from tpc.kernels.plan import Array

NOISE = 2.0
"""So many standard errors may be noise."""


def in_depth(depths: Sequence[int], values: Array, errors: Array) -> tuple[Array, Array]:
    """Return limits and their standard errors.

    Args:
        depths: K, at least three.
        values: The first axis is over depths.
        errors: Their standard errors.
    """
    x = 1 / np.asarray(depths, dtype=float)
    parabola, last = _intercept(x, 2), np.zeros(len(x))
    line = _intercept(x, 1)
    last[-2:] = _intercept(x[-2:], 1)
    curved = np.tensordot(parabola, values, 1)
    bent = np.abs(curved - np.tensordot(line, values, 1))
    noisy = bent <= NOISE * _error(parabola - line, errors)
    straight = np.where(noisy, np.tensordot(line, values, 1), np.tensordot(last, values, 1))
    noise = np.where(noisy, _error(line, errors), _error(parabola, errors))
    found = np.where(noisy, straight, curved)
    return found, np.hypot(noise, curved - straight)


def _intercept(x: Array, degree: int) -> Array:
    """Return the weights of values in the constant of a polynomial that is fitted to them."""
    return np.asarray(np.linalg.pinv(np.vander(x, degree + 1))[-1])


def _error(weights: Array, errors: Array) -> Array:
    return np.asarray(np.sqrt(np.tensordot(weights**2, errors**2, 1)))
