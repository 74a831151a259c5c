"""Forms with means where one Gaussian is a multiple of the other: rounding may not choose a side.

There x and y = s x pass through 0 together, so that a determinant and a conditional mean are both
rounding. Truths are integrals over one variable in 30 digits; arguments are a few last bits off.
"""

import mpmath
import numpy as np
import pytest
import sympy as sp
from mpmath import mpf

from tests.marks import slow_where
from tpc.gaussian import evaluate, expect, relu, step

X, Y = sp.symbols("x y")
P, Q, C, M, K = sp.symbols("p q c m k", real=True)
PAIR = {(X, X): P, (X, Y): C, (Y, Y): Q}

INTEGRANDS = [
    relu(X) * relu(Y),
    relu(X) * step(Y),
    X * Y * step(X) * step(Y),
    sp.Abs(X) * sp.Abs(Y),
    relu(X) ** 2 * relu(Y) ** 2,
    sp.Abs(X) * relu(Y),
    X**2 * Y * step(X) * step(Y),
    X * step(X) * sp.sign(Y),
    sp.Max(X, 0) * sp.Min(Y, 0),
    relu(X) * step(-Y) * Y,
    step(X) * step(Y),
    sp.sign(X) * sp.sign(Y),
]
ROUGH = INTEGRANDS[-2:]
"""Their derivative in a covariance is infinite there: a last bit is 1e-8."""


def truth(integrand: sp.Expr, m: float, p: float, slope: float) -> float:
    """Return E f(x, slope x)."""
    f = sp.lambdify((X, Y), integrand, ["mpmath", {"relu": relu_of, "step": step_of}])
    with mpmath.workdps(30):
        deviation = mpmath.sqrt(mpf(p))

        def weighted(z: mpf) -> mpf:
            x = m + deviation * z
            return f(x, slope * x) * mpmath.npdf(z)

        return float(mpmath.quad(weighted, sorted([-20, -m / deviation, 0, 20])))


def relu_of(x: mpf) -> mpf:
    """Return max(x, 0)."""
    return max(x, mpf(0))


def step_of(x: mpf) -> mpf:
    """Return whether x is positive."""
    return mpf(x > 0)


@pytest.mark.parametrize("integrand", slow_where(lambda f: f != INTEGRANDS[0], INTEGRANDS))
@pytest.mark.slow
def test_multiples(integrand: sp.Expr) -> None:
    form = expect(integrand, PAIR, mean={X: M, Y: K})
    rng = np.random.default_rng(0)
    for m, p, slope in ((-0.4, 1.3, -1), (-2, 0.7, 1), (0.4, 1, 0.37), (1.5, 0.1, -2.9)):
        values = {P: p, Q: p * slope**2, C: p * slope, M: m, K: m * slope}
        off = {s: 1 + rng.integers(-2, 3, 300) * 2.0**-52 for s in values}
        found = evaluate(form, {s: value * off[s] for s, value in values.items()})
        size = 1 + abs(m) ** 4 + p**2
        allowed = (1e-7 if integrand in ROUGH else 5e-13) * size * max(1, abs(slope)) ** 2
        np.testing.assert_allclose(found, truth(integrand, m, p, slope), rtol=0, atol=allowed)
