"""Three and more variables, affine arguments: against nested Gauss-Legendre rules and sampling."""

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
from scipy import special

from tests.marks import slow_where
from tpc.gaussian import Phi, evaluate, expect, gelu, leaky_relu, relu, step

X, Y, Z = sp.symbols("x y z")
Floats = np.ndarray
NUMPY = {
    "relu": lambda x: np.maximum(x, 0), "step": lambda x: np.heaviside(x, 0.5),
    "Phi": special.ndtr, "gelu": lambda x: x * special.ndtr(x),
    "leaky_relu": lambda x, a: np.where(x > 0, x, float(a) * x), "erf": special.erf,
}  # fmt: skip
COVARIANCE = np.array([[1.4, 0.5, -0.4], [0.5, 0.8, 0.3], [-0.4, 0.3, 1.1]])


def nested_rule(covariance: Floats) -> tuple[list[Floats], Floats]:
    """Return nodes of three Gaussians and weights, for integrands with kinks where one is 0.

    Each variable's range is split at its zero, given the variables before it.
    """
    root = np.linalg.cholesky(covariance)
    nodes, weights = np.polynomial.legendre.leggauss(48)
    values: list[Floats] = []
    normals: list[Floats] = []
    total = np.ones(1)
    for k in range(3):
        shift = sum((root[k, j] * normals[j] for j in range(k)), np.zeros_like(total))
        kink = np.clip(-shift / root[k, k], -9, 9)
        panels = [(np.full_like(kink, -9.0), kink), (kink, np.full_like(kink, 9.0))]
        x = np.concatenate(
            [a[:, None] + (b - a)[:, None] * (1 + nodes) / 2 for a, b in panels], axis=1
        )
        w = np.concatenate([(b - a)[:, None] * weights / 2 for a, b in panels], axis=1)
        w = w * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
        normals = [np.repeat(n, x.shape[1]) for n in normals] + [x.ravel()]
        values = [np.repeat(v, x.shape[1]) for v in values]
        values.append(np.repeat(shift, x.shape[1]) + root[k, k] * x.ravel())
        total = (total[:, None] * w).ravel()
    return values, total


RULE = nested_rule(COVARIANCE)

THREE: tuple[sp.Expr, ...] = (
    step(X) * step(Y) * step(Z),
    relu(X) * relu(Y) * relu(Z),
    relu(X) * step(Y) * sp.sign(Z) * Z**2,
    relu(X) * relu(Y) * Z**2,
    gelu(X) * sp.erf(Y) * Z**2 * X,
    sp.Abs(X) * relu(Y) * sp.exp(Z / 2),
    sp.exp(-(Z**2) / 2) * gelu(X) * relu(Y),
    sp.exp(-(X**2) - X * Y + Z / 3) * relu(Z),
    sp.exp(Z / 3 - X**2) * sp.erf(X) * Phi(Y) * Z,
    sp.sin(X) * sp.cos(Y) * sp.sin(Z) * X * Y,
    sp.sin(X) * Z * relu(Y),
    leaky_relu(X, sp.Rational(1, 3)) ** 2 * Phi(Y) * Z,
    relu(X) * sp.sign(Y) * sp.erf(Z) * (X + Y - Z) ** 2,
    X**3 * Y**2 * Z**3,
)


def on_arrays(integrand: sp.Expr) -> Callable[..., Floats]:
    return sp.lambdify((X, Y, Z), integrand, modules=[NUMPY, "numpy"])


def entries(covariance: Floats) -> dict[tuple[sp.Symbol, sp.Symbol], sp.Symbol]:
    """Return a symbolic covariance of the shape of an array."""
    symbols = (X, Y, Z)[: len(covariance)]
    return {
        (x, y): sp.Symbol(f"c{i}{j}")
        for i, x in enumerate(symbols)
        for j, y in enumerate(symbols)
        if i <= j
    }


def closed_value(integrand: sp.Expr, covariance: Floats) -> float:
    table = entries(covariance)
    values = {entry: covariance[int(entry.name[1]), int(entry.name[2])] for entry in table.values()}
    return float(evaluate(expect(integrand, table), values))


@pytest.mark.parametrize("integrand", THREE, ids=str)
def test_three_variables(integrand: sp.Expr) -> None:
    nodes, weights = RULE
    terms = on_arrays(integrand)(*nodes) * weights
    # The rule is exact to rounding: 96 nodes a variable, tails of 1e-17.
    assert abs(closed_value(integrand, COVARIANCE) - terms.sum()) < 1e-12 * np.abs(terms).sum()


AFFINE: tuple[sp.Expr, ...] = (
    relu(X + Y) * relu(X - 2 * Y),
    relu(X - 1) * relu(2 * X + Y + Z),
    sp.Max(X, Y, Z) ** 2,
    sp.Max(X, Y, Z),
    sp.Min(X, 1) * sp.Max(Y, sp.Rational(-1, 2)),
    sp.erf(X + Y / 2 + sp.Rational(1, 3)) * gelu(Z - X),
    step(X - Y) * step(Y - Z) * Z,
    sp.sin(X + Y) ** 2 * sp.cos(Z + 1) ** 2 * sp.sin(X),
    sp.exp(-((X - Z) ** 2) / 3) * relu(X + Z) * Y,
    (relu(X) + sp.Abs(Y) - sp.erf(Z)) ** 2 * (1 + Z),
    gelu(X) ** 2 * Y**2,
    sp.sin(X + Y) * sp.sin(X) * sp.cos(Z) * sp.cos(Y) * sp.sin(Z) * sp.sin(Y),
    relu(X - Y) * relu(Y - X + Z) * step(Z) * X,
    step(X) * step(-X) + step(X) * relu(-X + Y) + relu(-X) * sp.Abs(X),
)
SAMPLES = 400_000


@pytest.mark.parametrize(
    "integrand", slow_where(lambda x: x not in THREE[:3], [*THREE, *AFFINE]), ids=str
)
def test_sampling(integrand: sp.Expr) -> None:
    rng = np.random.default_rng(11)
    root = np.linalg.cholesky(COVARIANCE)
    draws = on_arrays(integrand)(*(root @ rng.standard_normal((3, SAMPLES))))
    error = draws.std(ddof=1) / np.sqrt(SAMPLES)
    assert abs(closed_value(integrand, COVARIANCE) - draws.mean()) < 5 * error


def test_singular_covariances_of_three() -> None:
    """z = x - y exactly: two dimensions are left, and quadrature of two variables is a test."""
    integrand = relu(X) * relu(Y) * Z**2 + sp.Abs(X) * relu(Z) + step(X) * step(Y) * step(Z)
    reduced = integrand.subs(Z, X - Y)
    plane = np.array([[1.0, 0.25], [0.25, 2.0]])
    columns = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, -1.0]])
    full = columns @ plane @ columns.T
    expected = closed_value(sp.expand(reduced), plane)
    assert closed_value(integrand, full) == pytest.approx(expected, rel=1e-13)
