"""Functions of pre-activations that are one and the same, written with and without cancellation."""

import numpy as np
import pytest
from scipy.special import ndtr

import tpc
from tests.marks import slow_where

HEAD = """dim n
input xi[2]
weight U[2], A[2] : n
weight W : n x n
weight b : n (mult=0.5)
weight v : n
z = U @ xi + b
y = A @ xi
g = W @ erf(y)
readout f = v * ({})
"""
INPUTS = np.array([[-0.9, 3.3], [0.4, -0.6], [-0.4, 0.6]])

PAIRS = {
    "min(y + z - 0.4, y) * z": "(y + min(z - 0.4, 0)) * z",
    "min(y, y + z - 0.4) * y": "(y - 0.4 + min(z, 0.4)) * y",
    "max(y + 0.7 * z, y)": "y + relu(0.7 * z)",
    "max(y + 0.5 * z, y + 0.2)": "y + 0.2 + relu(0.5 * z - 0.2)",
    "max(2 * y + z - g, 2 * y - z + g) - y": "abs(z - g) + y",
    "max(3 * y + g, 2 * y + z + g) - 2 * y - z - g": "relu(y - z)",
    "min(g + z, g + 1)": "g + min(z, 1)",
    "z * step((z + g) - (z + 0.5))": "z * step(g - 0.5)",
    "max(g - y, -y) * y + y * y": "relu(g) * y",
    "sign((z + y) - (y - 0.2)) * y": "sign(z + 0.2) * y",
    "max(2 * z, y) - 2 * y": "relu(2 * z - y) - y",
    "-min(-z - g, 0.3 - g) + z": "max(2 * z + g, z + g - 0.3)",
}


@pytest.mark.parametrize("body", slow_where(lambda body: "0.7" not in body, PAIRS))
@pytest.mark.slow
def test_kernels_do_not_depend_on_how_a_function_is_written(body: str) -> None:
    one, two = (
        tpc.kernel(tpc.parse(HEAD.format(text)), INPUTS, samples=64) for text in (body, PAIRS[body])
    )
    for kind in ("nngp", "ntk"):
        assert one.methods[kind] in ("exact", "series")
        size = np.max(np.abs(two[kind]))
        np.testing.assert_allclose(one[kind], two[kind], rtol=0, atol=3e-13 * size)
        assert np.max(one.stderr[kind]) <= 1e-6 * size


@pytest.mark.slow
def test_the_smaller_of_two_times_one_against_one_integral() -> None:
    """f = v min(y - 0.4, z) z: moments of y below z + 0.4 are known, and z is summed over."""
    found = tpc.kernel(tpc.parse(HEAD.format("min(y - 0.4, z) * z")), INPUTS, kind="ntk")
    for at, square in enumerate((INPUTS**2).sum(axis=1)):
        deviation, edge = np.sqrt(square + 0.25), np.sqrt(square)
        t, step = np.linspace(-12, 12, 20001, retstep=True)
        z, weights = deviation * t, step * np.exp(-t * t / 2) / np.sqrt(2 * np.pi)
        u = (z + 0.4) / edge
        below, density = ndtr(u), np.exp(-u * u / 2) / np.sqrt(2 * np.pi)
        second = square * (below - u * density) + 0.8 * edge * density + 0.16 * below
        values = z**2 * (second + z**2 * (1 - below))
        in_z = second + 4 * z**2 * (1 - below)  # f is (y - 0.4) z below and z^2 above
        in_y = z**2 * below
        wanted = weights @ (values + (square + 0.25) * in_z + square * in_y)
        assert found.methods == {"ntk": "exact"}
        np.testing.assert_allclose(found["ntk"][at, at], wanted, rtol=1e-12)
