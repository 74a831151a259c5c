"""Layers that are written as a loop, against the recursion of their kernels in NumPy."""

from pathlib import Path

import numpy as np
import pytest

import tpc
from tests.numeric.test_convolutions import step

EXAMPLE = Path(__file__).parents[2] / "examples" / "networks" / "deep_relu.tp"


@pytest.mark.slow
def test_twenty_layers_of_relu() -> None:
    x = np.random.default_rng(3).standard_normal((4, 4))
    found = tpc.kernel(tpc.load(EXAMPLE), x)
    k = x @ x.T
    t = k.copy()
    for _ in range(20):
        a = np.diag(k)
        value, slope = step(k, a[:, None], a, t)
        k, t = 2 * value + 0.01, 2 * value + 2 * slope + 0.01
    a = np.diag(k)
    value, slope = step(k, a[:, None], a, t)
    np.testing.assert_allclose(found["nngp"], value, rtol=1e-7)
    np.testing.assert_allclose(found["ntk"], value + slope, rtol=1e-7)
