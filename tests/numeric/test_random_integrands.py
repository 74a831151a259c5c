"""A random family of functions of one and of two Gaussians: no error is above the stated one."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

from tests.marks import slow_where
from tpc.runtime.hermite import single_moment
from tpc.runtime.pair_series import pair_moment
from tpc.runtime.split_sums import Kinked

Function = Callable[[np.ndarray], np.ndarray]
Random = np.random.Generator

NODES, WEIGHTS = np.polynomial.legendre.leggauss(30)


def atom(random: Random) -> tuple[Function, list[float]]:
    """Return a sharp, kinked, oscillating, polynomial or exponential function and its kinks."""
    a, s = float(np.exp(random.normal())), float(0.8 * random.normal())
    p, w = float(random.uniform(0.2, 2.5)), float(random.uniform(0.5, 6))
    atoms: list[tuple[Function, list[float]]] = [
        (lambda x: np.tanh(a * (x - s)), []),
        (lambda x: np.maximum(a * x - s, 0), [s / a]),
        (lambda x: np.abs(x - s) ** p, [s]),
        (lambda x: np.log1p(a * np.abs(x - s)), [s]),
        (lambda x: np.heaviside(x - s, 0.5), [s]),
        (lambda x: np.sin(w * x + s), []),
        (lambda x: np.exp(0.7 * s * x), []),
        (lambda x: (x - s) / (1 + np.abs(x - s)), [s]),
        (lambda x: np.clip(x, s, s + a), [s, s + a]),
        (lambda x: special.expit(3 * a * (x - s)), []),
        (lambda x: (x - s) ** 2 - 1, []),
        (lambda x: np.exp(-((3 * a * (x - s)) ** 2)), []),
        (lambda x: np.exp(-a * np.abs(x - s)), [s]),
        (lambda x: np.sqrt(np.maximum(x - s, 0)), [s]),
    ]
    return atoms[random.integers(len(atoms))]


def random_function(random: Random) -> tuple[Function, list[float]]:
    """Return a sum, a product, or tanh of a product of up to three atoms."""
    parts = [atom(random) for _ in range(random.integers(1, 4))]
    mode = random.integers(3)

    def f(x: np.ndarray) -> np.ndarray:
        values = [part(x) for part, _ in parts]
        found = np.sum(values, axis=0) if mode == 0 else np.prod(values, axis=0)
        return np.tanh(found) if mode == 2 else found

    return f, sorted({kink for _, kinks in parts for kink in kinks})


def given(f: Function, kinks: list[float]) -> Function:
    return Kinked(f, lambda x: [x - kink for kink in kinks]) if kinks else f


def panels(
    places: list[float], count: int = 80, reach: float = 10.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for a standard normal, ever finer towards some points."""
    finer = [p + s * 0.3**k for p in places for k in range(34) for s in (1, -1)]
    ends = np.array([*places, *finer, *np.linspace(-reach, reach, count + 1)])
    edges = np.unique(ends[np.abs(ends) <= reach])
    half, middle = np.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    z = (middle + half * NODES).ravel()
    return z, (half * WEIGHTS).ravel() * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def law(random: Random) -> tuple[float, float]:
    mean = float(0.5 * random.normal()) if random.random() < 0.5 else 0.0
    return float(np.exp(1.2 * random.normal())), mean


@pytest.mark.parametrize("seed", slow_where(lambda seed: seed >= 40, range(200)))
def test_one_gaussian(seed: int) -> None:
    random = np.random.default_rng(seed)
    f, kinks = random_function(random)
    q, m = law(random)
    (found,), error = single_moment(given(f, kinks), np.array([q]), np.array([m]))
    places, sums = [(kink - m) / np.sqrt(q) for kink in kinks], []
    for count in (240, 2400):
        z, weights = panels(places, count)
        values = f(m + np.sqrt(q) * z)
        sums.append(values @ weights)
    size, own = np.sqrt(values**2 @ weights), abs(sums[1] - sums[0])
    assert abs(found - sums[1]) <= error + own + 3e-15 * size
    assert error <= 1e-12 * size or own > 1e-8 * size  # too steep for any


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24))
def test_two_gaussians(seed: int) -> None:
    random = np.random.default_rng(1000 + seed)
    (f, a), (g, b) = random_function(random), random_function(random)
    (q, m), (p, k) = law(random), law(random)
    near = 1 - 10.0 ** -random.uniform(1, 9)
    rho = float(random.choice([random.uniform(-0.99, 0.99), near, -near]))
    c = rho * np.sqrt(q * p)
    arrays = (np.array(x) for x in ([q], [p], [[c]], [m], [k]))
    ((found,),), error = pair_moment(given(f, a), given(g, b), *arrays)
    narrow = np.sqrt((1 - rho) * (1 + rho))
    left = [(kink - m) / np.sqrt(q) for kink in a]
    right = [(kink - k) / np.sqrt(p) for kink in b]
    total = size = 0.0
    for t, share in zip(
        *panels([(y - rho * x) / narrow for x in left for y in right]), strict=True
    ):
        if share > 1e-19:
            z, weights = panels([*left, *((y - narrow * t) / rho for y in right)])
            w = rho * z + narrow * t
            values = f(m + np.sqrt(q) * z) * g(k + np.sqrt(p) * w)
            total += share * float(values @ weights)
            size += share * float(np.abs(values) @ weights)
    assert abs(found - total) <= error + 1e-13 * size
    scale = 1.0
    for function, places, variance, mean in ((f, left, q, m), (g, right, p, k)):
        z, weights = panels(places)
        scale *= np.sqrt(function(mean + np.sqrt(variance) * z) ** 2 @ weights)
    assert error <= max(1e-7 * size, 1e-12 * scale)
