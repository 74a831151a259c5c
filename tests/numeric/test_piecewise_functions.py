"""Piecewise functions have closed forms, against quadrature split at their kinks."""

from collections.abc import Callable
from math import sqrt

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import tpc
from tests.marks import slow_where
from tpc.driver import compiler

PROGRAM = """\
dim n
vector u : n
output c = avg({})
"""


def elu(x: mpf, scale: float) -> mpf:
    """Return x where it is positive, scale (e^x - 1) elsewhere."""
    return x if x > 0 else scale * mpmath.expm1(x)


def clip(x: mpf, low: float, high: float) -> mpf:
    """Return x between two limits."""
    return min(max(x, mpf(low)), mpf(high))


SINGLE: dict[str, Callable[[mpf], mpf]] = {
    "elu(u, 1)": lambda x: elu(x, 1),
    "elu(u, 0.75)^2": lambda x: elu(x, 0.75) ** 2,
    "1.0507 * elu(u, 1.67326)": lambda x: mpf("1.0507") * elu(x, mpf("1.67326")),
    "clip(u, -1, 1)": lambda x: clip(x, -1, 1),
    "clip(u, -0.5, 1.5)^2": lambda x: clip(x, -0.5, 1.5) ** 2,
    "clip(u + 0.5, 0, 1)": lambda x: clip(x + 0.5, 0, 1),
    "u * clip(u / 6 + 0.5, 0, 1)": lambda x: x * clip(x / 6 + 0.5, 0, 1),
    "step(u + 1) * step(1 - u)": lambda x: mpf(abs(x) < 1),
    "step(u - 1) * step(-1 - u) + u^2": lambda x: x**2,
    "step(u - 1) * step(u + 1)": lambda x: mpf(x > 1),
    "cos(abs(u))": lambda x: mpmath.cos(x),
    "sin(abs(u))": lambda x: mpmath.sin(abs(x)),
    "sin(relu(u))": lambda x: mpmath.sin(max(x, 0)),
    "exp(-abs(u))": lambda x: mpmath.exp(-abs(x)),
    "exp(min(u, 0))": lambda x: mpmath.exp(min(x, 0)),
    "exp(abs(u)) * u^2": lambda x: mpmath.exp(abs(x)) * x**2,
    "exp(leaky_relu(u, 0.25))": lambda x: mpmath.exp(x if x > 0 else x / 4),
    "exp(relu(u) - 0.25 * square(u))": lambda x: mpmath.exp(max(x, 0) - x**2 / 4),
    "erf(abs(u))": lambda x: mpmath.erf(abs(x)),
    "gelu(abs(u))": lambda x: abs(x) * mpmath.ncdf(abs(x)),
    "u * Phi(max(u, 0))": lambda x: x * mpmath.ncdf(max(x, 0)),
}

KINKS = [-30, -8, -3, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 3, 8, 30]


@pytest.mark.parametrize("body", slow_where(lambda body: "elu" in body or "^2" in body, SINGLE))
def test_means_of_piecewise_functions(body: str) -> None:
    found = compiler.run(tpc.parse(PROGRAM.format(body)), method="exact")
    with mpmath.workdps(30):
        wanted = mpmath.quad(lambda z: mpmath.npdf(z) * SINGLE[body](z), KINKS)
    np.testing.assert_allclose(found["c"], float(wanted), rtol=1e-12, atol=1e-15)


NETWORK = """\
dim n
input xi[2]
weight U[2] : n
weight v : n
readout f = v * {}
"""

PAIRS: dict[str, tuple[Callable[[float], float], Callable[[float], float], tuple[float, ...]]] = {
    "elu(U @ xi, 1)": (lambda x: elu(x, 1), lambda x: np.exp(min(x, 0)), (0,)),
    "clip(U @ xi, -1, 1)": (lambda x: clip(x, -1, 1), lambda x: float(abs(x) < 1), (-1, 1)),
    "clip(U @ xi, -0.5, 2)": (
        lambda x: clip(x, -0.5, 2),
        lambda x: float(-0.5 < x < 2),
        (-0.5, 2),
    ),
    "exp(min(U @ xi, 0))": (
        lambda x: np.exp(min(x, 0)),
        lambda x: np.exp(x) * (x < 0),
        (0,),
    ),
}


def by_panels(
    f: Callable[[float], float], kinks: tuple[float, ...], q: float, p: float, c: float
) -> float:
    """Return E f(x) f(y) by Gauss-Legendre rules between the kinks of both."""
    nodes, weights = np.polynomial.legendre.leggauss(40)

    def line(mean: float, deviation: float) -> tuple[np.ndarray, np.ndarray]:
        places = mean + deviation * np.linspace(-9, 9, 13)
        ends = np.unique([*places, *(k for k in kinks if places[0] < k < places[-1])])
        half, middle = np.diff(ends)[:, None] / 2, (ends[1:] + ends[:-1])[:, None] / 2
        x = (middle + half * nodes).ravel()
        density = np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * sqrt(2 * np.pi))
        return x, (half * weights).ravel() * density

    outer, outer_weights = line(0, sqrt(q))
    total = 0.0
    for x, weight in zip(outer, outer_weights, strict=True):
        y, inner = line(c / q * x, sqrt(p - c * c / q))
        total += weight * float(f(x)) * float(inner @ [float(f(value)) for value in y])
    return total


@pytest.mark.parametrize(
    "body", slow_where(lambda body: body.startswith(("elu", "clip", "exp")), PAIRS)
)
def test_kernels_of_piecewise_functions(body: str) -> None:
    inputs = np.array([[1.0, 0.5], [0.25, -0.8]])
    found = tpc.kernel(tpc.parse(NETWORK.format(body)), inputs)
    assert set(found.methods.values()) == {"exact"}
    product = tpc.kernel(tpc.parse(NETWORK.format("(U @ xi)")), inputs, kind="nngp")["nngp"]
    value, slope, kinks = PAIRS[body]
    law = product[0, 0], product[1, 1], product[0, 1]
    nngp = by_panels(value, kinks, *law)
    ntk = nngp + product[0, 1] * by_panels(slope, kinks, *law)
    np.testing.assert_allclose(found["nngp"][0, 1], nngp, atol=1e-11)
    np.testing.assert_allclose(found["ntk"][0, 1], ntk, atol=1e-11)
