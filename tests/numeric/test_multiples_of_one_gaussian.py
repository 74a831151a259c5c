"""Functions of a Gaussian and of multiples of it are integrated as functions of one Gaussian."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import tpc
from tests.marks import slow_where
from tpc.driver import compiler

PROGRAM = "dim n\nvector v : n\nmatrix W : n x n\nh = W @ v\noutput o = avg({})\n"


def relu(x: mpf) -> mpf:
    """Return max(x, 0)."""
    return max(x, mpf(0))


def sigmoid(x: mpf) -> mpf:
    """Return 1 / (1 + exp(-x))."""
    return 1 / (1 + mpmath.exp(-x))


CASES: dict[str, Callable[[mpf], mpf]] = {
    "tanh(h) * tanh(2 * h) * tanh(3 * h) * h": lambda x: (
        mpmath.tanh(x) * mpmath.tanh(2 * x) * mpmath.tanh(3 * x) * x
    ),
    "square(step(square(h) - h) + 2 * h * step(h - square(h)))": lambda x: (
        4 * x**2 if 0 < x < 1 else mpf(1)
    ),
    "relu(h) * relu(2 * h + 1) * tanh(h - 1)": lambda x: (
        relu(x) * relu(2 * x + 1) * mpmath.tanh(x - 1)
    ),
    "relu(h) * relu(2 * h + 1)": lambda x: relu(x) * relu(2 * x + 1),
    "abs(h - 0.5) * abs(1 - 2 * h) * erf(3 * h)": lambda x: 2 * (x - 0.5) ** 2 * mpmath.erf(3 * x),
    "sin(2 * h) * cos(3 * h) * tanh(h)": lambda x: (
        mpmath.sin(2 * x) * mpmath.cos(3 * x) * mpmath.tanh(x)
    ),
    "exp(0.125 * h) * sigmoid(5 * h - 1) * (2 * h + 3)": lambda x: (
        mpmath.exp(x / 8) * sigmoid(5 * x - 1) * (2 * x + 3)
    ),
    "max(2 * h, 3 * h - 1) * tanh(-h)": lambda x: -max(2 * x, 3 * x - 1) * mpmath.tanh(x),
    "clip(h, -1, 1) * gelu(2 * h) * silu(h / 2)": lambda x: (
        min(max(x, -1), 1) * 2 * x * mpmath.ncdf(2 * x) * x / 2 * sigmoid(x / 2)
    ),
    "min(h, square(2 * h)) * softplus(-h)": lambda x: (
        min(x, 4 * x**2) * mpmath.log1p(mpmath.exp(-x))
    ),
    "log(1 + square(2 * h)) * sqrt(1 + h * h)": lambda x: (
        mpmath.log1p(4 * x**2) * mpmath.sqrt(1 + x**2)
    ),
    "sign(h - 1) * tanh(2 * h) * step(3 * h)": lambda x: (
        mpmath.sign(x - 1) * mpmath.tanh(2 * x) * (x > 0)
    ),
}
KINKS = [-40, -8, -3, -1, -0.5, 0, 0.25, 0.5, 1, 3, 8, 40]


@pytest.mark.parametrize("body", slow_where(lambda body: "sin" not in body, CASES))
@pytest.mark.slow
def test_means(body: str) -> None:
    found = compiler.run(tpc.parse(PROGRAM.format(body)), 1024, 0, method="auto")
    assert found.methods["o"] in ("exact", "quadrature")
    with mpmath.workdps(25):
        wanted = mpmath.quad(lambda x: CASES[body](x) * mpmath.npdf(x), KINKS)
    np.testing.assert_allclose(found["o"], float(wanted), rtol=1e-12)


NETWORK = "dim n\ninput xi[2]\nweight U[2] : n\nweight v : n\nh = U @ xi\nreadout f = v * {}\n"

CURVED = [
    "min(h, square(h))", "max(h, square(h) - 0.25)", "relu(h - square(h))", "max(h, sin(h))",
    "relu(h * h * h - h)", "abs(h * h - 0.25)", "h * step(h - square(h))", "max(h, tanh(2 * h))",
    "min(exp(h), 1 + h * h)", "min(abs(h), square(h))",
]  # fmt: skip


@pytest.mark.parametrize("body", slow_where(lambda body: "min(h" not in body, CURVED))
@pytest.mark.slow
def test_tangent_kernels_of_functions_with_curved_kinks(body: str) -> None:
    """On the diagonal, against sums over halves of tiny steps between the kinks."""
    inputs = np.array([[1, 0.5], [0.25, -0.75]])
    found = tpc.kernel(tpc.parse(NETWORK.format(body)), inputs, kind="ntk", samples=64)
    assert found.methods["ntk"] in ("exact", "series")
    functions = vars(np) | {"relu": lambda x: np.maximum(x, 0), "square": np.square}
    functions |= {"max": np.maximum, "min": np.minimum, "step": lambda x: np.heaviside(x, 0.5)}
    z = (np.arange(-(10**6), 10**6) + 0.5) * 1e-5
    weights = 1e-5 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    for at, p in enumerate((inputs**2).sum(axis=1)):
        x, d = np.sqrt(p) * z, 1e-7
        f, above, below = (eval(body, functions, {"h": x + e}) for e in (0, d, -d))
        slope = np.where(np.abs(above - below) < 1e-3, (above - below) / (2 * d), 0)
        wanted = weights @ (f**2 + p * slope**2)
        np.testing.assert_allclose(found["ntk"][at, at], wanted, rtol=1e-4)
