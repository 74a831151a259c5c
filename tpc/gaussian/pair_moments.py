"""Moments of two centred Gaussians on a quadrant, and with signs, by Stein's lemma.

With variances p, q, covariance c and D = p q - c^2, for K(m, n) = E relu(y1)^m relu(y2)^n (a
step where the power is 0) and m > 0

    K(m, n) = (m - 1) p K(m - 2, n) + n c K(m - 1, n - 1)
              + [m = 1] p E[relu(y2)^n | y1 = 0] / sqrt(2 pi p)
              + [n = 0] c E[relu(y1)^(m - 1) | y2 = 0] / sqrt(2 pi q)

where given y1 = 0 the variance of y2 is D / p. The same holds for G(m, n), the moment of
y1^m sign(y1) y2^n sign(y2), with twice the sources and absolute moments: all its terms have one
sign, so that no digit is lost. K(n, n) is the arc-cosine kernel of order n (Cho and Saul 2009).

Reference:
    Cho and Saul, Kernel Methods for Deep Learning, 2009; Tensor Programs II, Fact E.2 (relu).
    Price, A Useful Theorem for Nonlinear Devices Having Gaussian Inputs, 1958.
"""

from collections.abc import Callable
from functools import cache

from sympy import Dummy, Expr, Integer, collect, expand, pi, sqrt

from tpc.gaussian.single_functions import half_moment

P, Q, D = (Dummy(name, positive=True) for name in "pqD")
C = Dummy("c", real=True)
ANGLE = Dummy("angle", real=True)


@cache
def quadrant_moment(m: int, n: int) -> Expr:
    """Return 2 pi K(m, n) in P, Q, C, D and the angle between the half-planes, 2 pi K(0, 0)."""
    if m == 0 and n == 0:
        return ANGLE
    if m == 0:
        return _exchanged(quadrant_moment(n, m))
    total = _recursion(quadrant_moment, m, n)
    if m == 1:
        total += 2 * pi * sqrt(P) / sqrt(2 * pi) * half_moment(n, D / P)
    if n == 0:
        total += 2 * pi * C / sqrt(2 * pi * Q) * half_moment(m - 1, D / Q)
    return collect(expand(total), ANGLE)


@cache
def sign_moment(m: int, n: int) -> Expr:
    """Return pi G(m, n) / 2 in P, Q, C, D and the arc sine of the correlation, pi G(0, 0) / 2."""
    if (m + n) % 2:
        return Integer(0)
    if m == 0 and n == 0:
        return ANGLE
    if m == 0:
        return _exchanged(sign_moment(n, m))
    total = _recursion(sign_moment, m, n)
    if m == 1:
        total += pi / 2 * 2 * sqrt(P) / sqrt(2 * pi) * 2 * half_moment(n, D / P)
    if n == 0:
        total += pi / 2 * 2 * C / sqrt(2 * pi * Q) * 2 * half_moment(m - 1, D / Q)
    return collect(expand(total), ANGLE)


def _recursion(moment: Callable[[int, int], Expr], m: int, n: int) -> Expr:
    total = Integer(0)
    if m > 1:
        total += (m - 1) * P * moment(m - 2, n)
    if n > 0:
        total += n * C * moment(m - 1, n - 1)
    return total


def _exchanged(moment: Expr) -> Expr:
    return moment.xreplace({P: Q, Q: P})


def insert(moment: Expr, p: Expr, q: Expr, c: Expr, det: Expr, angle: Expr) -> Expr:
    """Return a moment of two given Gaussians."""
    return moment.xreplace({P: p, Q: q, C: c, D: det, ANGLE: angle})
