"""Trained networks held against a limit that is known in closed form, and against a wrong one."""

import numpy as np
import pytest

import tpc
from tpc.simulation.result import Result
from tpc.simulation.verify import verify

TEXT = """\
dim n
input xi[2]
weight U[2], v : n
x1 = U @ xi
readout f = v * x1
train f:
    data [[1, 0.5], [-0.4, 0.9]], [1, -0.5]
    loss mse
    optimizer sgd(lr=0.4)
    parametrization mup
    steps 3
    track K = <x1|x1>
"""
X, Y, LR, STEPS = np.array([[1, 0.5], [-0.4, 0.9]]), np.array([1, -0.5]), 0.4, 3


def closed_form() -> dict[str, np.ndarray]:
    """Return f = X m and K = X A X.T by the recursion of m = U.T v / n, A = U.T U / n, s = v.v / n.

    Both weights move at once: U' = U - lr v g.T and v' = v - lr U g, where g = X.T (f - y).
    """
    m, a, s = np.zeros(2), np.eye(2), 1.0
    outputs, kernels = [], []
    for _ in range(STEPS + 1):
        outputs.append(X @ m)
        kernels.append(X @ a @ X.T)
        g = X.T @ (X @ m - Y)
        m, a, s = (
            m - LR * (a @ g + s * g) + LR**2 * (m @ g) * g,
            a - LR * (np.outer(m, g) + np.outer(g, m)) + LR**2 * s * np.outer(g, g),
            s - 2 * LR * m @ g + LR**2 * g @ a @ g,
        )
    losses = ((np.array(outputs) - Y) ** 2).sum(axis=1) / 2
    return {"f": np.array(outputs), "K": np.array(kernels), "loss": losses, "loss_all": losses}


def limit(off: float) -> Result:
    values = {name: value + off for name, value in closed_form().items()}
    zero = {name: np.zeros_like(value) for name, value in values.items()}
    return Result(values, zero, "exact", 0, 0, {}, 0)


@pytest.mark.parametrize(("off", "agrees"), [(0.0, True), (0.02, False)])
@pytest.mark.slow
def test_linear_networks_go_where_the_recursion_does(off: float, agrees: bool) -> None:
    found = verify(tpc.parse(TEXT), limit(off), (64, 128, 256, 512), trials=48)
    assert found.agrees is agrees
    assert [comparison.output for comparison in found.comparisons] == list(closed_form())
    assert found.comparisons[0].intercept.shape == (STEPS + 1, 2)


@pytest.mark.slow
def test_rates_are_fitted_from_five_widths_on() -> None:
    found = verify(tpc.parse(TEXT), limit(0.0), (16, 32, 64, 128, 256), trials=16)
    assert len(found.rates) == 4
    assert found.widths == (16, 32, 64, 128, 256)


def test_wide_networks_are_trained_without_matrices() -> None:
    text = TEXT.replace("v : n", "v : n\nweight W : n x n").replace("v * x1", "v * (W @ x1)")
    wide = verify(tpc.parse(text), limit(0.0), (64, 3000), trials=2)
    assert wide.engines == ("dense", "matrix-free")
    adam = tpc.parse(text.replace("sgd", "adam"))
    with pytest.raises(tpc.ProgramError, match="TP413"):
        verify(adam, limit(0.0), (8, 16), trials=2, engine="matrix-free")


def test_one_width_is_too_few() -> None:
    with pytest.raises(ValueError, match="two widths"):
        verify(tpc.parse(TEXT), limit(0.0), (64,))
