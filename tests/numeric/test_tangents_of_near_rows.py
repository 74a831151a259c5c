"""Tangent kernels of rows at all distances, down to equal and opposite ones.

f = v phi(U xi) has the kernel E phi phi + <xi|xi'> E phi' phi'. Covariances, correlations and the
arc-cosine forms of functions with a kink are computed in 50 digits of the rows as they are;
smooth functions are summed over h = s z and h' = s' (rho z + sqrt(1 - rho^2) t).
"""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from scipy import special

import tpc
from tests.marks import slow_where

HEAD = "dim n\ninput xi[3]\nweight U[3] : n\nweight v : n\nh = U @ xi\nreadout f = v * {}\n"
DISTANCES = [0.0, *(10.0**-k for k in range(1, 16))]
Array = np.ndarray
Law = tuple[mpf, mpf, mpf]
"""Two variances and a covariance."""


def angle(p: mpf, q: mpf, c: mpf) -> mpf:
    """Return the angle between two rows."""
    return mpmath.atan2(mpmath.sqrt(max(p * q - c * c, mpf(0))), c)


def relu_relu(p: mpf, q: mpf, c: mpf) -> mpf:
    """Return E relu relu."""
    t = angle(p, q, c)
    return mpmath.sqrt(p * q) * (mpmath.sin(t) + (mpmath.pi - t) * mpmath.cos(t)) / (2 * mpmath.pi)


def step_step(p: mpf, q: mpf, c: mpf) -> mpf:
    """Return E step step."""
    return (mpmath.pi - angle(p, q, c)) / (2 * mpmath.pi)


def two_sided(a: float, power: int) -> Callable[[mpf, mpf, mpf], mpf]:
    """Return the kernel of x -> x above 0 and a x below, or of its derivative."""
    moment = relu_relu if power else step_step

    def kernel(p: mpf, q: mpf, c: mpf) -> mpf:
        return (1 + mpf(a) ** 2) * moment(p, q, c) + sign * 2 * mpf(a) * moment(p, q, -c)

    sign = -1 if power else 1
    return kernel


def relu_squares(p: mpf, q: mpf, c: mpf) -> mpf:
    """Return E relu^2 relu^2, the arc-cosine kernel of order 2."""
    t = angle(p, q, c)
    cos, sin = mpmath.cos(t), mpmath.sin(t)
    return p * q * (3 * sin * cos + (mpmath.pi - t) * (1 + 2 * cos**2)) / (2 * mpmath.pi)


KINKED = {
    "relu(h)": (relu_relu, step_step),
    "leaky_relu(h, 0.25)": (two_sided(0.25, 1), two_sided(0.25, 0)),
    "abs(h)": (two_sided(-1, 1), two_sided(-1, 0)),
    "square(relu(h))": (relu_squares, lambda p, q, c: 4 * relu_relu(p, q, c)),
    "max(h, -0.5 * h)": (two_sided(-0.5, 1), two_sided(-0.5, 0)),
}

SMOOTH: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "tanh(h)": (np.tanh, lambda x: 1 / np.cosh(x) ** 2),
    "erf(h)": (special.erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2))),
    "gelu(h)": (
        lambda x: x * special.ndtr(x),
        lambda x: special.ndtr(x) + x * np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi),
    ),
    "silu(h)": (
        lambda x: x * special.expit(x),
        lambda x: special.expit(x) * (1 + x * special.expit(-x)),
    ),
    "sin(h)": (np.sin, np.cos),
    "softplus(h)": (lambda x: np.logaddexp(0, x), special.expit),
    "exp(-square(h))": (lambda x: np.exp(-(x**2)), lambda x: -2 * x * np.exp(-(x**2))),
}

Z, STEP = np.linspace(-9, 9, 361, retstep=True)
WEIGHTS = STEP * np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi)


def summed(f: Callable[[Array], Array], p: mpf, q: mpf, c: mpf) -> float:
    """Return E f(h) f(h') of a smooth function."""
    rho = float(c / mpmath.sqrt(p * q))
    narrow = float(mpmath.sqrt(max(p * q - c * c, mpf(0)) / (p * q)))
    other = float(mpmath.sqrt(q)) * (rho * Z[:, None] + narrow * Z)
    return float((WEIGHTS * f(float(mpmath.sqrt(p)) * Z)) @ f(other) @ WEIGHTS)


def kernels(body: str, p: mpf, q: mpf, c: mpf) -> tuple[float, float]:
    """Return both kernels of two rows."""
    if body in KINKED:
        value, slope = (moment(p, q, c) for moment in KINKED[body])
        return float(value), float(value + c * slope)
    values = [summed(f, p, q, c) for f in SMOOTH[body]]
    return values[0], values[0] + float(c) * values[1]


@pytest.mark.parametrize(
    "body", slow_where(lambda body: body not in ("relu(h)", "abs(h)"), [*KINKED, *SMOOTH])
)
@pytest.mark.parametrize("opposite", [1, -1])
@pytest.mark.slow
def test_stated_errors_cover_what_rounding_does(body: str, opposite: int) -> None:
    row, across = np.array([[0.9, -1.3, 0.4], [0.7, 0.8, 1.025]])
    others = np.array([opposite * (row + distance * across) for distance in DISTANCES])
    found = tpc.kernel(tpc.parse(HEAD.format(body)), row[None], others, samples=64)
    with mpmath.workdps(50):
        for at, other in enumerate(others):
            exact = [[mpf(x) for x in each] for each in (row.tolist(), other.tolist())]
            p, q, c = (mpmath.fdot(exact[i], exact[j]) for i, j in ((0, 0), (1, 1), (0, 1)))
            wanted = kernels(body, p, q, c)
            size = float(mpmath.sqrt(p * q)) ** (2 if "square(relu" in body else 1)
            for kind, truth in zip(("nngp", "ntk"), wanted, strict=True):
                assert found.methods[kind] in ("exact", "series")
                stated = found.stderr[kind][0, at]
                assert abs(found[kind][0, at] - truth) <= stated + 1e-14 * size
                assert stated <= 1e-6 * size
