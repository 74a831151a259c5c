"""Closed forms in float64 against 50-digit quadrature (make_reference.py), on a grid.

The covariances of the grid are exact in float64, so that twelve digits are asked for at
correlation +-(1 - 1e-12) and +-1 too. Where a polynomial cancels, a relative error of a few units
of rounding times the condition number of the value is granted, from derivatives in 40 digits.
"""

import json
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

from tests.gaussian.pairs import INNER, OUTER, PAIRS, Z1, Z2, points
from tpc.gaussian import evaluate, expect

P, Q, C = sp.symbols("p q c")
COVARIANCE = {(Z1, Z1): P, (Z1, Z2): C, (Z2, Z2): Q}
REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text(encoding="utf-8"))
EPS = 2.0**-52
CONDITIONED = {("cos", "z^2")}
"""E cos(z1) z2^2 = exp(-p/2) (q - c^2), which may nearly vanish."""


def condition(formula: sp.Expr, point: tuple[float, float, float]) -> float:
    """Return the sum of |x df/dx / f| over the entries x of the covariance."""
    numbers = dict(zip((P, Q, C), map(sp.Rational, point), strict=True))
    value = formula.subs(numbers).evalf(40)
    slopes = [(x * sp.diff(formula, x)).subs(numbers).evalf(40) for x in numbers]
    return float(sum(abs(slope / value) for slope in slopes))


@pytest.mark.parametrize("pair", PAIRS, ids=" * ".join)
def test_every_digit_on_the_grid(pair: tuple[str, str]) -> None:
    closed = expect(OUTER[pair[0]].symbolic * INNER[pair[1]].symbolic, COVARIANCE)
    grid = points(pair)
    p, q, c = np.array(grid).T
    values = np.broadcast_to(evaluate(closed, {P: p, Q: q, C: c}), len(grid))
    for point, value, reference in zip(grid, values, REFERENCE[" * ".join(pair)], strict=True):
        exact = mp.mpf(reference)
        noise = 1e-48 * point[0] * point[1]  # of the quadrature, where parity makes it zero
        error = abs(value - exact) - noise
        if error > 1e-12 * abs(exact) and pair in CONDITIONED:
            error -= 8 * EPS * condition(closed.doit(), point) * abs(exact)
        assert error <= 1e-12 * abs(exact), (point, value, reference)
