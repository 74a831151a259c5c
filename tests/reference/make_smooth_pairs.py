"""Writes smooth_pairs.json: E f(u) g(w) for correlated Gaussians, to 25 digits.

    python tests/reference/make_smooth_pairs.py

Sums over u = m + sqrt(q) z and w = m' + sqrt(q') (rho z + sqrt(1 - rho^2) t), by trapezoid rules
in z and t. The steps are such that all w lie on one grid, so that few values of g are needed,
and products are of integers, scaled by 2^160. Each number is computed with two steps; those must
agree to 1e-25 of sqrt(E f^2 E g^2).
"""

import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
from mpmath import ceil, cosh, erfc, exp, mp, mpf, nstr, pi, sqrt, tanh

mp.dps = 45
SCALE = 2**160
REACH = 13

FUNCTIONS: dict[str, Callable[[mpf], mpf]] = {
    "tanh": tanh,
    "sech2": lambda x: cosh(x) ** -2,
    "sigmoid": lambda x: 1 / (1 + exp(-x)),
    "gelu": lambda x: x * erfc(-x / sqrt(2)) / 2,
}

POSITIVE = [0.0, 0.5, 0.9, 0.99, 0.9999, 1 - 1e-6, 1 - 1e-12, 1.0]
BOTH = [*POSITIVE, -0.5, -0.99, -(1 - 1e-6), -(1 - 1e-12), -1.0]
VARIANCES = [(1e-6, 1e-6), (1e-6, 2.0), (0.5, 2.0), (10.0, 10.0), (100.0, 1.0), (100.0, 100.0)]


def whole(x: mpf) -> int:
    return int(mp.nint(x * SCALE))


def normal_weights(step: mpf) -> tuple[range, list[int]]:
    """Return grid indices and step * phi."""
    last = int(ceil(REACH / step))
    indices = range(-last, last + 1)
    return indices, [whole(step * exp(-((i * step) ** 2) / 2) / sqrt(2 * pi)) for i in indices]


def single(f: Callable[[mpf], mpf], step: mpf) -> mpf:
    """Return E f(z)."""
    indices, weights = normal_weights(step)
    total = sum(w * whole(f(i * step)) for i, w in zip(indices, weights, strict=True))
    return mpf(total) / SCALE**2


def pair(f: Callable[[mpf], mpf], g: Callable[[mpf], mpf], rho: mpf, step: mpf) -> mpf:
    """Return E f(z) g(rho z + sqrt(1 - rho^2) t)."""
    if rho == 0:
        return single(f, step) * single(g, step)
    if abs(rho) == 1:
        return single(lambda z: f(z) * g(rho * z), step)
    narrow = sqrt((1 - rho) * (1 + rho)) / abs(rho)
    finer = int(ceil(step / narrow / mpf("0.3")))
    sign = int(mp.sign(rho))
    at = cache(lambda k: whole(g(k * rho * step / finer)))
    across, across_weights = normal_weights(step / narrow / finer)
    along, along_weights = normal_weights(step)
    left = np.array(
        [w * whole(f(i * step)) // SCALE for i, w in zip(along, along_weights, strict=True)],
        dtype=object,
    )
    total = 0
    for j, weight in zip(across, across_weights, strict=True):
        right = np.array([at(i * finer + sign * j) for i in along], dtype=object)
        total += weight * int(left @ right) // SCALE
    return mpf(total) / SCALE**2


def entry(f: str, g: str, q: tuple[float, float], m: tuple[float, float], rho: float) -> dict:
    def scaled(name: str, variance: float, mean: float, z: mpf) -> mpf:
        return FUNCTIONS[name](mpf(mean) + sqrt(mpf(variance)) * z)

    left, right = partial(scaled, f, q[0], m[0]), partial(scaled, g, q[1], m[1])
    step = mpf("0.14") / sqrt(max(*q, 1.0))
    first, second = (pair(left, right, mpf(rho), step * factor) for factor in (1, mpf("0.83")))
    size = sqrt(single(lambda z: left(z) ** 2, step) * single(lambda z: right(z) ** 2, step))
    if abs(first - second) > size * mpf("1e-25"):
        raise ArithmeticError(f"{f} {g} {q} {m} {rho}: {nstr(first, 30)} {nstr(second, 30)}")
    return {"f": f, "g": g, "q": q, "m": m, "rho": rho, "value": nstr(second, 25)}


def main() -> None:
    entries = []
    for name in FUNCTIONS:
        for q in VARIANCES:
            for rho in POSITIVE if name in ("tanh", "sech2") else BOTH:
                entries.append(entry(name, name, q, (0.0, 0.0), rho))
    for q in [(0.5, 2.0), (10.0, 10.0)]:
        for rho in BOTH:
            entries.append(entry("tanh", "gelu", q, (0.7, -1.3), rho))
    rows = ",\n".join(json.dumps(row) for row in entries)
    path = Path(__file__).with_name("smooth_pairs.json")
    path.write_text(f'{{"source": "{Path(__file__).name}", "entries": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    main()
