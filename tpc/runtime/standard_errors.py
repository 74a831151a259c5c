"""The standard error of a mean of replicates."""

from __future__ import annotations

import numpy as np

from tpc.runtime.arrays import Array


def standard_error(every: Array, halves: Array) -> Array:
    """Return the standard error of the mean of replicates, from their spread.

    The two halves of each, of twice the variance, help to estimate it where there are any.
    """
    count = len(every)
    variance = every.var(axis=0, ddof=1)
    freedom = count - 1
    if len(halves):
        between = ((halves[:, 0] - halves[:, 1]) ** 2 / 4).mean(axis=0)
        variance = (freedom * variance + count * between) / (freedom + count)
        freedom += count
    return np.asarray(student(freedom) * np.sqrt(variance / count))


def student(freedom: int) -> float:
    """Return within what Student's t is with the probability that a normal number is within 1."""
    return 1 + 0.5 / freedom + 0.27 / freedom**2 + 0.067 / freedom**4
