"""What two and three Gaussians with signs contribute to closed forms.

Of two variables, v1, v2 are the variances, c the covariance and det = v1 v2 - c^2.

    arcsine(v1, v2, c, det)           = asin of their correlation
    relu_moment(m, n, v1, v2, c, det) = E relu(y1)^m relu(y2)^n, centred, a step for the power 0
    orthant(m1, m2, v1, v2, c, det)   = P(y1 > 0, y2 > 0) at means m1, m2
    sign_product(m1, m2, v1, v2, c, det) = E sign(y1) sign(y2) at means m1, m2
    orthant3(v1, v2, v3, c12, c13, c23, det) = P(y1, y2, y3 > 0), centred
    owens_t(h, a) = 1/(2 pi) times the integral of exp(-h^2 (1 + x^2)/2) / (1 + x^2), x from 0 to a

`det` is an argument of its own because it is often known as a sum of positive terms. Moments on a
quadrant, and with signs, come from Stein's lemma. With variances p, q and D = p q - c^2, for
K(m, n) = E relu(y1)^m relu(y2)^n and m > 0

    K(m, n) = (m - 1) p K(m - 2, n) + n c K(m - 1, n - 1)
              + [m = 1] p E[relu(y2)^n | y1 = 0] / sqrt(2 pi p)
              + [n = 0] c E[relu(y1)^(m - 1) | y2 = 0] / sqrt(2 pi q)

where given y1 = 0 the variance of y2 is D / p. The same holds for G(m, n), the moment of
y1^m sign(y1) y2^n sign(y2), with twice the sources and absolute moments: all its terms have one
sign, so that no digit is lost. K(n, n) is the arc-cosine kernel of order n.

Reference:
    Cho and Saul, Kernel Methods for Deep Learning, 2009; Tensor Programs II, Fact E.2 (relu).
    Price, A Useful Theorem for Nonlinear Devices Having Gaussian Inputs, 1958.
    Williams, Computing with Infinite Networks, 1997; Tensor Programs II, Fact E.3 (erf).
    Owen, Tables for Computing Bivariate Normal Probabilities, 1956.
"""

from collections.abc import Callable
from functools import cache

import mpmath  # type: ignore[import-untyped]
from sympy import (
    Dummy,
    Expr,
    Float,
    Integer,
    Max,
    Min,
    S,
    acos,
    asin,
    atan,
    collect,
    expand,
    pi,
    sign,
    sqrt,
)

from tpc.gaussian.functions import ClosedFunction, NamedFunction, Phi, step
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


class arcsine(ClosedFunction):  # noqa: N801
    """The arc sine of a correlation."""

    nargs = 4

    @classmethod
    def eval(cls, v1: Expr, v2: Expr, c: Expr, det: Expr) -> Expr | None:
        """Return the angle where it is a known fraction of pi."""
        if det == 0 and (c.is_positive or c.is_negative):
            return sign(c) * pi / 2
        return S.Zero if c == 0 else _known_angle(v1, v2, c)

    def formula(self) -> Expr:
        """Return asin(c / sqrt(v1 v2))."""
        v1, v2, c, _ = self.args
        return asin(correlation(v1, v2, c))


class relu_moment(ClosedFunction):  # noqa: N801
    """E relu(y1)^m relu(y2)^n of centred Gaussians, a step where the power is 0."""

    nargs = 6
    is_nonnegative = True

    @classmethod
    def eval(cls, m: Expr, n: Expr, v1: Expr, v2: Expr, c: Expr, det: Expr) -> Expr | None:
        """Return the moment of independent, of collinear and of vanishing variables."""
        if c == 0:
            return half_moment(int(m), v1) * half_moment(int(n), v2)
        if det == 0:
            if c.is_positive or (c.is_nonnegative and m + n > 0):
                return half_moment(int(m + n), S.One) * sqrt(v1) ** m * sqrt(v2) ** n
            if c.is_negative or (c.is_nonpositive and m + n > 0):
                return S.Zero
        angle = _known_angle(v1, v2, c) if m == n == 0 else None
        return None if angle is None else (pi / 2 + angle) / (2 * pi)

    def formula(self) -> Expr:
        """Return the solution of Stein's recursion."""
        m, n, v1, v2, c, det = self.args
        angle = pi - acos(correlation(v1, v2, c))
        moment = insert(quadrant_moment(int(m), int(n)), v1, v2, c, det, angle)
        return moment / (2 * pi)


def _known_angle(v1: Expr, v2: Expr, c: Expr) -> Expr | None:
    """Return the arc sine of a correlation where it is a fraction of pi."""
    if not (c.is_Rational and v1.is_Rational and v2.is_Rational):
        return None
    angle = asin(correlation(v1, v2, c))
    return None if angle.has(asin) else angle


class orthant(ClosedFunction):  # noqa: N801
    """The probability that two Gaussians are positive."""

    nargs = 6
    is_nonnegative = True

    @classmethod
    def eval(cls, m1: Expr, m2: Expr, v1: Expr, v2: Expr, c: Expr, det: Expr) -> Expr | None:
        """Return the probability of centred and of certain variables."""
        if m1 == 0 and m2 == 0:
            return relu_moment(0, 0, v1, v2, c, det)
        if v1 == 0:
            return step(m1) * Phi(m2 / sqrt(v2)) if v2 != 0 else step(m1) * step(m2)
        return step(m2) * Phi(m1 / sqrt(v1)) if v2 == 0 else None

    def formula(self) -> Expr:
        """Return the form of Owen (1956)."""
        m1, m2, v1, v2, c, det = self.args
        h, k, root = m1 / sqrt(v1), m2 / sqrt(v2), sqrt(det)
        if det == 0:
            return Phi(Min(h, k)) if c.is_positive else Max(0, Phi(h) - Phi(-k))
        if m1 == 0 or m2 == 0:
            other = k if m1 == 0 else h
            return Phi(other) / 2 + owens_t(other, c / root)
        slopes = (m2 * v1 - m1 * c) / (m1 * root), (m1 * v2 - m2 * c) / (m2 * root)
        wedge = owens_t(h, slopes[0]) + owens_t(k, slopes[1])
        return Phi(h) / 2 + Phi(k) / 2 - wedge - (1 - sign(m1 * m2)) / 4


class sign_product(ClosedFunction):  # noqa: N801
    """E sign(y1) sign(y2) of Gaussians with means."""

    nargs = 6

    def formula(self) -> Expr:
        """Return the form of Owen (1956)."""
        m1, m2, v1, v2, c, det = self.args
        if m1 == 0 or m2 == 0:
            mean = m2 / sqrt(v2) if m1 == 0 else m1 / sqrt(v1)
            return 4 * owens_t(mean, c / sqrt(det))
        both = orthant(m1, m2, v1, v2, c, det).doit()
        return 4 * both - 2 * Phi(m1 / sqrt(v1)) - 2 * Phi(m2 / sqrt(v2)) + 1


class orthant3(ClosedFunction):  # noqa: N801
    """The probability that three centred Gaussians are positive."""

    nargs = 7
    is_nonnegative = True

    def formula(self) -> Expr:
        """Return the area of a spherical triangle over 4 pi, by its angles."""
        v1, v2, v3, c12, c13, c23, _ = self.args
        pairs = (v1, v2, c12), (v1, v3, c13), (v2, v3, c23)
        angles = [acos(correlation(*pair)) for pair in pairs]
        return (2 * pi - sum(angles)) / (4 * pi)


def correlation(v1: Expr, v2: Expr, c: Expr) -> Expr:
    """Return c / sqrt(v1 v2)."""
    return c / (v1 if v1 == v2 else sqrt(v1 * v2))


class owens_t(NamedFunction):  # noqa: N801
    """Owen's T function."""

    nargs = 2
    latex_name = "T"

    @classmethod
    def eval(cls, h: Expr, a: Expr) -> Expr | None:
        """Return the value on the axes."""
        if a == 0:
            return S.Zero
        return atan(a) / (2 * pi) if h == 0 else None

    def _eval_evalf(self, prec: int) -> Expr | None:
        if self.free_symbols:
            return None
        with mpmath.workprec(prec + 20):
            h, a = (arg._to_mpmath(prec + 20) for arg in self.args)
            sign, h, a = mpmath.sign(a), abs(h), abs(a)
            if a > 1:  # the reflection keeps the integrand smooth
                below, across = _phi(-h), _phi(-a * h)
                value = (below + across) / 2 - below * across - _integral(a * h, 1 / a)
            else:
                value = _integral(h, a)
            value *= sign
            return Float._new((+value)._mpf_, prec)


def _phi(x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


def _integral(h: mpmath.mpf, a: mpmath.mpf) -> mpmath.mpf:
    ends = mpmath.linspace(0, a, 3 + int(min(abs(h * a), 40)))
    return mpmath.quad(lambda x: mpmath.exp(-h * h * (1 + x * x) / 2) / (1 + x * x), ends) / (
        2 * mpmath.pi
    )
