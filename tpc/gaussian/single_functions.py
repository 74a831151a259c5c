"""What one Gaussian y of mean m and variance v contributes to closed forms.

With D Dawson's function, exp(-x^2) times the integral of exp(t^2) from 0 to x,

    tail_moment(n, m, v) = E relu(y)^n,  E step(y) for n = 0
    mean_sign(m, v)      = E sign(y) = erf(m / sqrt(2 v))
    bell(m, v)           = exp(-m^2 / (2 v)), the density at zero times sqrt(2 pi v)
    damped(a, k, c...)   = exp(-a) sinh(c1) ... sinh(ck) cosh(c(k+1)) ...
    dawson(n, x)         = the n-th derivative of D at x
"""

from functools import cache

from sympy import (
    Abs,
    Dummy,
    Expr,
    Integer,
    Mul,
    Rational,
    S,
    collect,
    cosh,
    erf,
    erfi,
    exp,
    expand,
    gamma,
    pi,
    sign,
    sinh,
    sqrt,
)

from tpc.gaussian.functions import ClosedFunction, Phi, relu, step

M, V, ABOVE, DENSITY = (Dummy(name) for name in ("m", "v", "above", "density"))


@cache
def _tail_moment(n: int) -> Expr:
    """Return J(n) by the probability of y > 0 and v times the density of y at zero."""
    if n == 0:
        return ABOVE
    before = _tail_moment(n - 2) if n > 1 else S.Zero
    source = DENSITY if n == 1 else S.Zero
    return collect(expand(M * _tail_moment(n - 1) + (n - 1) * V * before + source), ABOVE)


def half_moment(n: int, v: Expr) -> Expr:
    """Return E relu(y)^n of a centred y; for n = 0 the probability of y > 0, 1/2."""
    scale = sqrt(Integer(2)) ** n * gamma(Rational(n + 1, 2)) / (2 * sqrt(pi))
    return scale * sqrt(v) ** n


class tail_moment(ClosedFunction):  # noqa: N801
    """E relu(y)^n; for n = 0 the probability of y > 0."""

    nargs = 3
    is_nonnegative = True

    @classmethod
    def eval(cls, n: Expr, m: Expr, v: Expr) -> Expr | None:
        """Return the moment of a centred or a certain variable."""
        if m == 0:
            return half_moment(int(n), v)
        if v == 0:
            return relu(m) ** n if n > 0 else step(m)
        return None

    def formula(self) -> Expr:
        """Return the solution of J(n) = m J(n - 1) + (n - 1) v J(n - 2)."""
        n, m, v = self.args
        density = sqrt(v) * bell(m, v).doit() / sqrt(2 * pi)
        arguments = {M: m, V: v, ABOVE: Phi(m / sqrt(v)), DENSITY: density}
        return _tail_moment(int(n)).xreplace(arguments)


class mean_sign(ClosedFunction):  # noqa: N801
    """E sign(y)."""

    nargs = 2

    @classmethod
    def eval(cls, m: Expr, v: Expr) -> Expr | None:
        """Return the mean for a centred or a certain variable."""
        if m == 0:
            return S.Zero
        return sign(m) if v == 0 else None

    def formula(self) -> Expr:
        """Return erf(m / sqrt(2 v))."""
        m, v = self.args
        return erf(m / sqrt(2 * v))


class bell(ClosedFunction):  # noqa: N801
    """The density of y at zero, times sqrt(2 pi v)."""

    nargs = 2
    is_nonnegative = True

    @classmethod
    def eval(cls, m: Expr, v: Expr) -> Expr | None:
        """Return the value for a centred or a certain variable."""
        if m == 0:
            return S.One
        return 1 - Abs(sign(m)) if v == 0 else None

    def formula(self) -> Expr:
        """Return exp(-m^2 / (2 v))."""
        m, v = self.args
        return exp(-(m**2) / (2 * v))


class damped(ClosedFunction):  # noqa: N801
    """exp(-a) times sinh of the first k of the other arguments, and cosh of the rest."""

    @classmethod
    def eval(cls, a: Expr, k: Expr, *others: Expr) -> Expr | None:
        """Return the product without factors sinh(0), cosh(0); exp(-a) where nothing is left."""
        sines, cosines = others[: int(k)], others[int(k) :]
        if S.Zero in sines:
            return S.Zero
        if S.Zero in cosines:
            return cls(a, k, *sines, *(c for c in cosines if c != 0))
        return None if others else exp(-a)

    def formula(self) -> Expr:
        """Return the product."""
        a, k, *others = self.args
        waves = [sinh(c) for c in others[: int(k)]] + [cosh(c) for c in others[int(k) :]]
        return exp(-a) * Mul(*waves)


class dawson(ClosedFunction):  # noqa: N801
    """The n-th derivative of Dawson's function."""

    nargs = 2

    @classmethod
    def eval(cls, n: Expr, x: Expr) -> Expr | None:
        """Return the derivative at zero."""
        if x != 0:
            return None
        k, odd = divmod(int(n), 2)
        return (-4) ** k * gamma(Integer(k + 1)) if odd else S.Zero

    def formula(self) -> Expr:
        """Return the solution of D(n + 1) = -2 x D(n) - 2 n D(n - 1), D(1) = 1 - 2 x D(0)."""
        n, x = self.args
        before, last = S.Zero, sqrt(pi) / 2 * exp(-(x**2)) * erfi(x)
        for k in range(int(n)):
            source = S.One if k == 0 else S.Zero
            before, last = last, source - 2 * x * last - 2 * k * before
        return expand(last)
