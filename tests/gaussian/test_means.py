"""Closed forms with means against quadrature, in float64 and, by their formulas, in 20 digits."""

import mpmath as mp
import pytest
import sympy as sp

from tests.gaussian.make_reference import expectation
from tests.gaussian.pairs import INNER, OUTER, Z1, Z2
from tpc.gaussian import evaluate, expect

P, Q, C, M, N = sp.symbols("p q c m n")
COVARIANCE = {(Z1, Z1): P, (Z1, Z2): C, (Z2, Z2): Q}
PAIRS = (
    ("step", "step"), ("relu", "relu"), ("abs", "sign"), ("leaky", "gelu"), ("erf", "erf"),
    ("relu^3", "Phi"), ("z erf", "z^2"), ("gelu'", "z"), ("sin", "cos"), ("bump relu", "cos"),
    ("exp erf", "relu"), ("z^2 gelu", "sin"), ("z bump", "relu^2"),
)  # fmt: skip
POINTS = (
    (1.0, 1.5, 0.4, 0.3, -0.7),
    (0.5, 2.0, -0.9, -1.2, -0.4),
    (2.0**-8, 2.0**6, 0.3, 0.1, 3.0),
    (1.0, 4.0, 2.0, 0.25, 1.0),  # perfectly correlated
    (0.0, 1.0, 0.0, 0.5, -0.5),
    (1.0, 1.0, 0.5, 0.0, 0.75),
)
WAVES_WITH_MEANS = {("bump relu", "cos"), ("z^2 gelu", "sin")}
"""Waves beside a factor with a mean have no closed form; here only the wave has one."""


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS, ids=" * ".join)
def test_means(pair: tuple[str, str]) -> None:
    f, g = OUTER[pair[0]], INNER[pair[1]]
    centred = pair in WAVES_WITH_MEANS
    closed = expect(f.symbolic * g.symbolic, COVARIANCE, {Z1: 0 if centred else M, Z2: N})
    for p, q, c, m, n in POINTS:
        m = 0.0 if centred else m
        with mp.workdps(25):
            exact = expectation(f, g, p, q, c, (m, n))
        value = evaluate(closed, {P: p, Q: q, C: c, M: m, N: n})
        # Where both means are far below, Stein's terms cancel: digits count from those of 1.
        assert abs(value - exact) <= 1e-12 * abs(exact) + 1e-15, (p, q, c, m, n)


@pytest.mark.slow
def test_far_tails_keep_their_digits() -> None:
    """A mean 8 and 30 standard deviations below the kink."""
    for name in ("relu", "step", "relu^3"):
        closed = expect(OUTER[name].symbolic, {(Z1, Z1): P}, {Z1: M})
        for mean in (-8.0, -30.0):
            f = OUTER[name]
            with mp.workdps(30):
                density = lambda z, m=mean: mp.exp(-((z - m) ** 2 - m * m) / 2)  # noqa: E731
                ends = [0, mp.mpf(1) / 8, 1, 4, 20]
                scaled = mp.quad(lambda z, f=f, d=density: f.value(z) * d(z), ends)
                exact = scaled * mp.exp(-(mp.mpf(mean) ** 2) / 2) / mp.sqrt(2 * mp.pi)
            value = evaluate(closed, {P: 1.0, M: mean})
            # exp(-m^2 / 2) turns a rounding error of m^2 / 2 into a relative one
            assert abs(value / exact - 1) < 1e-12, (name, mean)


@pytest.mark.slow
def test_printed_formulas_with_owens_t() -> None:
    closed = expect(OUTER["relu"].symbolic * INNER["relu"].symbolic, COVARIANCE, {Z1: M, Z2: N})
    for p, q, c, m, n in POINTS[:2]:
        numbers = [sp.Rational(x) for x in (p, q, c, m, n)]
        value = closed.doit().subs(dict(zip((P, Q, C, M, N), numbers, strict=True))).evalf(20)
        with mp.workdps(30):
            exact = expectation(OUTER["relu"], INNER["relu"], p, q, c, (m, n))
            assert abs(mp.mpf(str(value)) / exact - 1) < 1e-18
