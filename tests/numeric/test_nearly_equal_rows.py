"""Extrema and differences of pre-activations whose rows are equal, nearly equal or opposite.

Truths are arc-cosine formulas of the rows in 40 digits.
"""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import tpc
from tests.marks import slow_where

NETWORK = """\
dim n
input xi[2, 3]
weight U[3] : n (mult=0.75)
weight b : n
weight W : n x n
weight v : n
h = {layer}
readout f = v * {body}
"""

LAYERS = {"U @ xi.T": 0, "U @ xi.T + b": 1, "W @ (U @ xi.T)": 0}
"""With the variance of what all rows have in common."""

DISTANCES = (0.0, 1e-16, 1e-14, 1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-3)

Row = list[mpf]


def relu_relu(p: mpf, q: mpf, c: mpf) -> mpf:
    """Return E relu relu."""
    if p * q == 0:
        return mpf(0)
    rho = max(min(c / mpmath.sqrt(p * q), mpf(1)), mpf(-1))
    angle = mpmath.acos(rho)
    return mpmath.sqrt(p * q) * (mpmath.sin(angle) + (mpmath.pi - angle) * rho) / (2 * mpmath.pi)


def kernel_of_maximum(first: list[Row], second: list[Row], common: int) -> mpf:
    """Return E max max = E (y + relu d) (y' + relu d')."""

    def dot(x: Row, y: Row) -> mpf:
        return mpf("0.5625") * sum(i * j for i, j in zip(x, y, strict=True))

    (x, y), (z, w) = first, second
    d = [i - j for i, j in zip(x, y, strict=True)]
    e = [i - j for i, j in zip(z, w, strict=True)]
    mixed = (dot(y, e) + dot(w, d)) / 2
    return dot(y, w) + common + mixed + relu_relu(dot(d, d), dot(e, e), dot(d, e))


def kernel_of_difference(first: list[Row], second: list[Row], common: int) -> mpf:
    """Return E relu(d) relu(d')."""
    zero = [[i - j for i, j in zip(*rows, strict=True)] for rows in (first, second)]
    return kernel_of_maximum(*([d, [mpf(0)] * 3] for d in zero), 0)


def negated(rows: list[Row]) -> list[Row]:
    """Return opposite rows."""
    return [[-x for x in row] for row in rows]


BODIES: dict[str, Callable[[list[Row], list[Row], int], mpf]] = {
    "max(h[0], h[1])": kernel_of_maximum,
    "max(h[1], h[0])": kernel_of_maximum,
    "min(h[0], h[1])": lambda x, y, c: kernel_of_maximum(negated(x), negated(y), c),
    "relu(h[0] - h[1])": kernel_of_difference,
    "max(h[0] - h[1], 0)": kernel_of_difference,
    "-min(h[1], h[0])": lambda x, y, c: kernel_of_maximum(negated(x), negated(y), c),
    "(h[1] + relu(h[0] - h[1]))": kernel_of_maximum,
    "(h[0] + h[1] + abs(h[0] - h[1])) / 2": kernel_of_maximum,
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("body", slow_where(lambda body: "max" not in body, BODIES))
@pytest.mark.parametrize("opposite", [False, True])
def test_kernels_of_nearly_equal_rows_have_all_digits(
    layer: str, body: str, opposite: bool
) -> None:
    network = tpc.parse(NETWORK.format(layer=layer, body=body))
    rng = np.random.default_rng(1)
    for distance in DISTANCES:
        a, b = rng.normal(size=(2, 3))
        near = [row + distance * rng.normal(size=3) for row in (a, b)]
        inputs = np.array([[a, near[0]], [-near[1] if opposite else near[1], b]])
        found = tpc.kernel(network, inputs, kind="nngp")
        assert found.methods == {"nngp": "exact"}
        with mpmath.workdps(40):
            rows = [[[mpf(x) for x in row] for row in one] for one in inputs.tolist()]
            wanted = [[float(BODIES[body](x, y, LAYERS[layer])) for y in rows] for x in rows]
        size = np.max(np.abs(inputs)) ** 2
        np.testing.assert_allclose(found["nngp"], wanted, rtol=0, atol=2e-15 * size)


@pytest.mark.parametrize("body", ["max(h[0], h[1])", "min(h[0], h[1])", "max(h[0], h[1]) * h[0]"])
@pytest.mark.parametrize("distance", slow_where(lambda distance: distance != 1e-9, DISTANCES))
@pytest.mark.slow
def test_rows_of_deeper_layers_are_never_refused(body: str, distance: float) -> None:
    network = tpc.parse(NETWORK.format(layer="W @ erf(U @ xi.T)", body=body))
    a, b = np.random.default_rng(2).normal(size=(2, 3))
    inputs = np.array([[a, a + distance * b], [b, b + distance * a]])
    found = tpc.kernel(network, inputs, kind="nngp", samples=64)
    apart = tpc.kernel(network, np.array([[a, a], [b, b]]), kind="nngp", samples=64)
    difference = np.max(np.abs(found["nngp"] - apart["nngp"]))
    assert difference <= 20 * distance + 1e-7
