"""Standard errors of Sobol points in few dimensions: neither too small nor far too large."""

from collections.abc import Callable

import numpy as np
import pytest

from tpc.runtime.sobol_nodes import SobolNodes

ROOT, E = np.sqrt, np.e

INTEGRANDS: dict[str, tuple[int, Callable[..., np.ndarray], float]] = {
    "a square": (1, np.square, 1.0),
    "a fourth power": (1, lambda x: x**4, 3.0),
    "a kink": (1, np.abs, ROOT(2 / np.pi)),
    "an exponential": (1, np.exp, ROOT(E)),
    "a steep exponential": (1, lambda x: np.exp(3 * x), E**4.5),
    "a wave": (1, lambda x: np.cos(3 * x), E**-4.5),
    "a wave of a product": (2, lambda x, y: np.cos(x * y), ROOT(1 / 2)),
    "squares": (2, lambda x, y: (x * y) ** 2, 1.0),
    "an oblique kink": (2, lambda x, y: np.maximum(x, y), ROOT(1 / np.pi)),
    "two exponentials": (2, lambda x, y: np.exp(x - y), E),
    "three squares": (3, lambda x, y, z: (x * y * z) ** 2, 1.0),
    "a kink of three": (3, lambda x, y, z: np.abs(x + y - z), ROOT(6 / np.pi)),
    "three exponentials": (3, lambda x, y, z: np.exp((x + y + z) / 2), E**0.375),
}

REPLICATES, STUDENT = 8, 7 / 5
"""How many there are, and the mean square of Student's t with seven degrees of freedom."""


def mean_and_error(
    dimension: int, f: Callable[..., np.ndarray], samples: int, seed: int
) -> np.ndarray:
    means = []
    for replicate in range(REPLICATES):
        stream = np.random.SeedSequence(seed, spawn_key=(replicate,))
        nodes = SobolNodes([stream], samples, 1e-22, dimension)
        means.append(float(nodes.mean(f(*nodes.normal((dimension,)).T))))
    return np.array([np.mean(means), np.std(means, ddof=1) / np.sqrt(REPLICATES)])


@pytest.mark.slow
@pytest.mark.parametrize("samples", [2**10, 2**12])
@pytest.mark.parametrize("name", INTEGRANDS)
def test_standard_errors(name: str, samples: int) -> None:
    """Over 40 seeds; of eight replicates the scores have heavy tails."""
    dimension, f, exact = INTEGRANDS[name]
    found = np.array([mean_and_error(dimension, f, samples, seed) for seed in range(40)])
    scores = (found[:, 0] - exact) / found[:, 1]
    assert 0.8 <= np.sqrt(np.mean(scores**2)) <= 1.5 * np.sqrt(STUDENT)
    assert np.abs(scores).max() < 8
    assert np.median(found[:, 1]) < 0.02 * exact + 1e-3
