"""The forward pass of a network on given tensors, against NumPy."""

import numpy as np
import pytest

import tpc
from tpc.diagnostics import UsageError

TEXT = """
dim n
dim m = 2 * n
input xi[3, 2]
weight U[2] : n (mult=0.5)
weight W[2] : m x n
weight g : m (start=1)
weight c (start=2)
weight v[4] : m
h = tanh(U @ xi.T)
x = g * relu(W @ h) * c
readout f = v * sum(sum(x, axis=0))
"""


def tensors(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return tensors of a width."""
    draw = np.random.default_rng(seed).standard_normal
    weights = {"W[0]": draw((2 * n, n)), "W[1]": draw((2 * n, n)), "U": draw((n, 2))}
    return {**weights, "g": draw(2 * n), "c": draw(()), "v": draw((2 * n, 4))}


@pytest.mark.parametrize("n", [1, 3, 8])
def test_against_numpy(n: int) -> None:
    given, rows = tensors(n), np.random.default_rng(1).standard_normal((5, 3, 2))
    found = tpc.forward(tpc.parse(TEXT), given, rows)
    for row, outputs in zip(rows, found, strict=True):
        h = np.tanh(0.5 * given["U"] @ row.T)
        total = sum(np.maximum(given[f"W[{k}]"] @ h, 0).sum(axis=1) for k in range(2))
        x = given["g"] * total * given["c"]
        np.testing.assert_allclose(outputs, given["v"].T @ x, rtol=1e-13)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"g": None}, "no tensor for `g`"),
        ({"h": np.zeros(2)}, "no weight `h`"),
        ({"U": np.zeros((4, 3))}, "`U` has shape"),
        ({"g": np.zeros(5)}, "`g` has shape"),
        ({"W[1]": np.zeros((8, 4)).T}, "`W\\[1\\]` has shape"),
    ],
)
def test_wrong_tensors(change: dict[str, np.ndarray | None], words: str) -> None:
    given = {name: x for name, x in {**tensors(4), **change}.items() if x is not None}
    with pytest.raises(UsageError, match=words):
        tpc.forward(tpc.parse(TEXT), given, np.zeros((1, 3, 2)))


def test_wrong_rows() -> None:
    with pytest.raises(UsageError, match="inputs have shape"):
        tpc.forward(tpc.parse(TEXT), tensors(4), np.zeros((1, 2, 3)))


def test_noise_is_no_tensor() -> None:
    text = TEXT.replace("x = g", "noise r : m\nx = r * g")
    with pytest.raises(UsageError, match="noise"):
        tpc.forward(tpc.parse(text), tensors(4), np.zeros((1, 3, 2)))
