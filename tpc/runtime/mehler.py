"""The series for expectations of two functions of correlated Gaussians.

Input: both functions on a grid of `tpc.runtime.hermite`. Output: coefficients
that sum to expectations. With the Hermite coefficients a_n of f(u) and b_n of g(w) and with
the correlation rho = Cov(u, w) / sqrt(Var u Var w),

    E f(u) g(w) = sum_n a_n b_n rho^n                                       (Mehler),
    |sum_(n >= k) a_n b_n rho^n| <= |rho|^k sqrt(sum_(n >= k) a_n^2 sum_(n >= k) b_n^2),

where a sum of squares over n >= k is E f^2 less the squares before (Parseval).

Reference:
    Tensor Programs III, Theorem K.15, for two variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tpc.runtime.arrays import Array, Indices
from tpc.runtime.hermite import TOLERANCE, Samples, hermite_blocks, unit

MOST_TERMS = 2048
"""Orders of the series at most."""


@dataclass(frozen=True)
class Series:
    """Hermite coefficients of both functions, and a bound of what is left out.

    Attributes:
        left: a_n, of shape (orders, A).
        right: b_n, of shape (orders, B).
        orders: The n at which a_n b_n is not negligible.
        log_tails: Entry k bounds the log of sum |a_n b_n| over n >= k, in units of the
            root mean squares.
        tolerance: What may be left out, in the same units.
    """

    left: Array
    right: Array
    orders: Indices
    log_tails: Array
    tolerance: float = TOLERANCE

    def log_bounds(self, rho: float) -> Array:
        """Return the log of what k = 0, 1, ... terms leave out, in the same units."""
        orders = np.arange(len(self.log_tails))
        return np.asarray(self.log_tails + orders * np.log(max(rho, 1e-99)))

    def terms(self, rho: float) -> int:
        """Return how many terms |rho| needs, or all where even they are too few."""
        enough = self.log_bounds(rho) <= np.log(self.tolerance)
        return int(np.argmax(enough)) if enough.any() else len(self.left)

    def reach(self, terms: int) -> float:
        """Return the largest |rho| for which so many terms are enough."""
        log_spare = np.log(self.tolerance) - self.log_tails[terms]
        return 1.0 if log_spare >= 0 else float(np.exp(log_spare / terms))

    def sum(self, terms: int, rho: Array, product: Callable[[int], Array]) -> Array:
        """Return sum of product(n) rho^n over n < terms, by Horner's scheme."""
        total = np.zeros_like(rho)
        square = rho * rho
        orders = self.orders[self.orders < terms]
        gaps = np.diff(orders, prepend=0)
        for n, gap in zip(orders[::-1], gaps[::-1], strict=True):
            total += product(n)
            for _ in range(gap // 2):
                total *= square
            if gap % 2:
                total *= rho
        return total


def expand(
    left: Samples,
    right: Samples,
    rho: float,
    tolerance: float = TOLERANCE,
) -> Series:
    """Compute as many coefficients as the correlation |rho| needs.

    Args:
        left: f on a grid, for A variances.
        right: g on a grid, which may be another, for B variances.
        rho: The largest correlation that the series should reach.
        tolerance: What may be left out, in units of the root mean squares.
    """
    sides = [left] if left is right else [left, right]
    most = int(MOST_TERMS * min(side.line.patience for side in sides))
    needed = min(most, int(-30 / np.log(min(max(rho, 1e-9), 1 - 1e-9))))
    sides = [side.resolving(needed) for side in sides]
    units = [unit(side.sizes) for side in sides]
    rests = [np.einsum("an,an->a", side.values, side.values) for side in sides]
    blocks: list[list[Array]] = [[] for _ in sides]
    lines = [side.line for side in sides]
    if np.array_equal(lines[0].z, lines[-1].z):
        lines = lines[:1]
    count = 0
    at_once = min(256, max(8, 2**22 // max(line.z.size for line in lines)))
    blocks_of = [hermite_blocks(line, min(24, at_once), at_once) for line in lines]
    for bases in zip(*blocks_of, strict=False):
        tails = []
        for k, side in enumerate(sides):
            block = side.coefficients(bases[k % len(bases)])
            blocks[k].append(block)
            rests[k] -= np.einsum("na,na->a", block, block)
            tails.append(np.max(np.abs(rests[k]) / units[k] ** 2, initial=1e-15))
        count += len(bases[0])
        left_out = rho**count * np.sqrt(tails[0] * tails[-1])
        if left_out <= tolerance or count >= most:
            break
    tables = [np.concatenate(block) for block in blocks]
    largest, sums = [], []
    for table, size, tail in zip(tables, units, tails, strict=True):
        largest.append(np.max(np.abs(table) / size, axis=1, initial=0))
        sums.append(np.cumsum([tail, *largest[-1][::-1] ** 2])[::-1])
    orders = np.nonzero(largest[0] * largest[-1] > 1e-18)[0]
    log_tails = np.log(sums[0] * sums[-1]) / 2
    return Series(tables[0], tables[-1], orders, log_tails, tolerance)
