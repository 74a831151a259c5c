"""Pairs of functions f(z1), g(z2) and what an independent calculation needs of them.

Each function is given in SymPy for `expect`, on mpmath numbers for the outer integral, and, for g,
as the textbook smoothing E g(a + b Z) by a standard normal Z.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp
import sympy as sp

from tpc.gaussian import Phi, gelu, leaky_relu, relu, step

Z1, Z2 = sp.symbols("z1 z2")
Number = mp.mpf


def cdf(x: Number) -> Number:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def pdf(x: Number) -> Number:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def heaviside(x: Number) -> Number:
    return (1 + mp.sign(x)) / 2


@dataclass(frozen=True)
class Outer:
    """f: in SymPy, of z1, and on numbers."""

    symbolic: sp.Expr
    value: Callable[[Number], Number]


@dataclass(frozen=True)
class Inner:
    """g: in SymPy, of z2, on numbers, and smoothed: E g(a + b Z), b > 0."""

    symbolic: sp.Expr
    value: Callable[[Number], Number]
    smoothed: Callable[[Number, Number], Number]


def smooth_relu(a: Number, b: Number) -> Number:
    return a * cdf(a / b) + b * pdf(a / b)


def smooth_gelu(a: Number, b: Number) -> Number:
    root = mp.sqrt(1 + b * b)
    return a * cdf(a / root) + b * b / root * pdf(a / root)


INNER: dict[str, Inner] = {
    "z": Inner(Z2, lambda z: z, lambda a, b: a),
    "z^2": Inner(Z2**2, lambda z: z * z, lambda a, b: a * a + b * b),
    "step": Inner(step(Z2), heaviside, lambda a, b: cdf(a / b)),
    "sign": Inner(sp.sign(Z2), mp.sign, lambda a, b: mp.erf(a / b / mp.sqrt(2))),
    "relu": Inner(relu(Z2), lambda z: max(z, mp.mpf(0)), smooth_relu),
    "abs": Inner(sp.Abs(Z2), abs, lambda a, b: 2 * smooth_relu(a, b) - a),
    "leaky": Inner(
        leaky_relu(Z2, sp.Rational(1, 4)),
        lambda z: z if z > 0 else z / 4,
        lambda a, b: a / 4 + smooth_relu(a, b) * 3 / 4,
    ),
    "relu^2": Inner(
        relu(Z2) ** 2,
        lambda z: max(z, mp.mpf(0)) ** 2,
        lambda a, b: (a * a + b * b) * cdf(a / b) + a * b * pdf(a / b),
    ),
    "erf": Inner(sp.erf(Z2), mp.erf, lambda a, b: mp.erf(a / mp.sqrt(1 + 2 * b * b))),
    "Phi": Inner(Phi(Z2), cdf, lambda a, b: cdf(a / mp.sqrt(1 + b * b))),
    "gelu": Inner(gelu(Z2), lambda z: z * cdf(z), smooth_gelu),
    "sin": Inner(sp.sin(Z2), mp.sin, lambda a, b: mp.exp(-b * b / 2) * mp.sin(a)),
    "cos": Inner(sp.cos(Z2), mp.cos, lambda a, b: mp.exp(-b * b / 2) * mp.cos(a)),
    "bump": Inner(
        sp.exp(-(Z2**2) / 2),
        lambda z: mp.exp(-z * z / 2),
        lambda a, b: mp.exp(-a * a / 2 / (1 + b * b)) / mp.sqrt(1 + b * b),
    ),
}  # fmt: skip

OUTER: dict[str, Outer] = {
    **{name: Outer(g.symbolic.subs(Z2, Z1), g.value) for name, g in INNER.items()},
    "z relu": Outer(Z1 * relu(Z1), lambda z: z * max(z, mp.mpf(0))),
    "relu^3": Outer(relu(Z1) ** 3, lambda z: max(z, mp.mpf(0)) ** 3),
    "z|z|": Outer(Z1 * sp.Abs(Z1), lambda z: z * abs(z)),
    "z^2 sign": Outer(Z1**2 * sp.sign(Z1), lambda z: z * z * mp.sign(z)),
    "z^3": Outer(Z1**3, lambda z: z**3),
    "z erf": Outer(Z1 * sp.erf(Z1), lambda z: z * mp.erf(z)),
    "z^2 gelu": Outer(Z1**2 * gelu(Z1), lambda z: z**3 * cdf(z)),
    "z bump": Outer(Z1 * sp.exp(-(Z1**2) / 2), lambda z: z * mp.exp(-z * z / 2)),
    "bump relu": Outer(
        sp.exp(-(Z1**2) / 2) * relu(Z1), lambda z: mp.exp(-z * z / 2) * max(z, mp.mpf(0))
    ),
    "exp(-z-z^2)": Outer(sp.exp(-Z1 - Z1**2), lambda z: mp.exp(-z - z * z)),
    "exp erf": Outer(
        sp.exp(-(Z1**2) + Z1 / 2) * sp.erf(Z1), lambda z: mp.exp(z / 2 - z * z) * mp.erf(z)
    ),
    "gelu'": Outer(
        Phi(Z1) + Z1 * sp.exp(-(Z1**2) / 2) / sp.sqrt(2 * sp.pi), lambda z: cdf(z) + z * pdf(z)
    ),
}  # fmt: skip

PAIRS: tuple[tuple[str, str], ...] = (
    ("step", "step"), ("sign", "sign"), ("relu", "relu"), ("abs", "abs"), ("leaky", "leaky"),
    ("relu", "step"), ("relu", "sign"), ("abs", "relu"), ("abs", "step"), ("relu^2", "relu^2"),
    ("relu^3", "relu"), ("relu^3", "step"), ("z relu", "relu"), ("z|z|", "sign"),
    ("z^2 sign", "sign"), ("z|z|", "relu"), ("z^2 sign", "abs"), ("z^3", "relu"), ("z^3", "sign"),
    ("erf", "erf"), ("Phi", "Phi"), ("gelu", "gelu"), ("erf", "relu"), ("gelu", "relu"),
    ("Phi", "step"), ("erf", "sign"), ("gelu", "erf"), ("z erf", "relu^2"), ("z erf", "gelu"),
    ("z^2 gelu", "gelu"), ("z^2 gelu", "relu"), ("gelu'", "Phi"), ("gelu'", "relu"),
    ("sin", "sin"), ("cos", "cos"), ("sin", "z"), ("cos", "z^2"), ("sin", "erf"), ("sin", "sign"),
    ("cos", "relu"), ("z^3", "sin"), ("z bump", "erf"), ("z bump", "sin"), ("bump", "bump"),
    ("bump relu", "relu"), ("bump relu", "gelu"), ("exp(-z-z^2)", "relu"), ("exp(-z-z^2)", "gelu"),
    ("exp(-z-z^2)", "cos"), ("exp erf", "erf"), ("exp erf", "relu"), ("z^3", "z"),
)  # fmt: skip
"""The pairs of the grid, f then g."""

VARIANCES: tuple[tuple[float, float], ...] = (
    (1.0, 1.0), (0.75, 2.5), (2.0**-20, 2.0**20), (2.0**20, 2.0**-20), (2.0**16, 2.0**16),
    (2.0**-30, 2.0**-30),
)  # fmt: skip

CORRELATIONS: tuple[float, ...] = (
    0.0, 0.3, -0.3, 0.9, -0.9, 1e-9, 1 - 1e-12, -1 + 1e-12, 1.0, -1.0,
)  # fmt: skip


def points(pair: tuple[str, str]) -> list[tuple[float, float, float]]:
    """Return the grid for a pair: exact variances and covariance.

    Fast waves are left out: there is nothing left of their expectation, and no quadrature for it.
    """
    variances = [v for v in VARIANCES if max(v) < 100 or not any(w in pair for w in ("sin", "cos"))]
    grid = [
        (p, q, rho * math.sqrt(p * q))
        for p, q in variances
        for rho in CORRELATIONS
        if abs(rho) < 1 or _is_exact(p * q)
    ]
    return [*grid, (0.0, 1.5, 0.0), (1.5, 0.0, 0.0), (0.0, 0.0, 0.0)]


def _is_exact(square: float) -> bool:
    """Whether a covariance of this square can be written in float64."""
    return math.log2(square) % 2 == 0
