"""Powers at poles are those of the integrand, whatever the surface on which it is infinite."""

import pytest
from sympy import Abs, Expr, Function, Rational, exp, sin, sqrt, symbols

from tpc.gaussian.functions import relu
from tpc.gaussian.poles import in_independent, infinite_variance, poles
from tpc.gaussian.refusal import InfiniteExpectation

X, Y, V = symbols("x y v", real=True)
S = symbols("s", real=True)
TANH, LOG = Function("tanh"), Function("log")


@pytest.mark.parametrize(
    ("integrand", "power", "dimension"),
    [
        (1 / X, -1, 1),
        (1 / (X * Y), -1, 1),
        (1 / (X - S), -1, 1),
        (1 / (X**2 - 2 * X + 1), -2, 1),
        (1 / (X**2 + Y**2), -2, 2),
        (Abs(X) ** -Rational(6, 10), -0.6, 1),
        (Abs(X - 2 * Y) ** -0.7 * V, -0.7, 1),
        (X / Abs(X) ** 1.5, -0.5, 1),
        (1 / TANH(X), -1, 1),
        (1 / (exp(X) - 1), -1, 1),
        (relu(X) * Abs(X) ** -1.2, -0.2, 1),
        ((X**2) ** -0.3, -0.6, 1),
        ((TANH(X) - X) / X**3, 0, 1),
        (sin(X) / X, 0, 1),
        (Abs(X) ** -0.8 * Abs(Y) ** -0.8 * Abs(X - Y) ** -0.8, -2.4, 2),
    ],
)
def test_powers(integrand: Expr, power: float, dimension: int) -> None:
    found = [p for p in poles(integrand, (X, Y, V)) if p.dimension == dimension]
    assert min(p.power for p in found) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize(
    "integrand",
    [1 / (1 + X**2), 1 / (1 + exp(-X)), X / sqrt(S + Y**2), LOG(Abs(X)), sqrt(Abs(X)), exp(-X)],
)
def test_what_has_no_poles(integrand: Expr) -> None:
    assert not any(p.power < 0 for p in poles(integrand, (X, Y)))
    assert not infinite_variance(integrand, (X, Y))


@pytest.mark.slow
def test_logarithms_do_not_decide() -> None:
    assert infinite_variance(LOG(Abs(X)) * Abs(X) ** -0.6, (X,))
    assert not infinite_variance(LOG(Abs(X)) * Abs(X) ** -0.4, (X,))
    with pytest.raises(InfiniteExpectation):
        infinite_variance(LOG(Abs(X)) * Abs(X) ** -1.1, (X,))


def test_singular_laws_are_written_in_fewer_gaussians() -> None:
    one, four, two = Rational(1), Rational(4), Rational(2)
    found = in_independent({(X, X): one, (X, Y): two, (Y, Y): four}, {Y: S})
    assert found == {X: X, Y: 2 * X + S}
    assert not infinite_variance((found[Y] - S) / X, (X,))
    assert in_independent({(X, X): S, (Y, Y): one}, {}) == {X: X, Y: Y}
