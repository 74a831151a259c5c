"""The neural tangent limit: against kernel gradient descent and finite networks."""

import numpy as np
import pytest

import tpc
from tests.network.training.finite_perceptrons import Optimizer, draw, train
from tests.network.training.texts import TARGETS, A, perceptron

TEST = [[0.6, -0.8]]
ROWS = np.array(A + TEST)


def relu_kernels(rows: np.ndarray, layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the NNGP and the tangent kernel of a ReLU network, by the arc-cosine formulas."""
    sigma = rows @ rows.T
    theta = sigma.copy()
    for _ in range(layers):
        size = np.sqrt(np.outer(np.diag(sigma), np.diag(sigma)))
        angle = np.arccos(np.clip(sigma / size, -1, 1))
        slope = (np.pi - angle) / (2 * np.pi)
        sigma = size * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
        theta = sigma + theta * slope
    return sigma, theta


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("parametrization", ["ntp", "uniform(0.5)", "uniform(0.25)"])
@pytest.mark.slow
def test_linear_updates_are_kernel_gradient_descent(layers: int, parametrization: str) -> None:
    """Momentum, centred; f moves by the tangent kernel."""
    rate, steps = 0.3, 5
    more = [f"test {TEST}", "center true"]
    text = perceptron("relu", layers, f"momentum(lr={rate})", parametrization, steps, more=more)
    found = tpc.train(tpc.parse(text), samples=256)
    _, theta = relu_kernels(ROWS, layers)
    f, m = np.zeros(3), np.zeros(2)
    for t in range(steps + 1):
        np.testing.assert_allclose(found["f"][t], f, rtol=0, atol=1e-6)
        m = 0.9 * m + f[:2] - TARGETS
        f = f - rate * theta[:, :2] @ m
    assert np.max(found.stderr["f"]) < 1e-7


@pytest.mark.slow
def test_the_output_starts_as_a_gaussian() -> None:
    """300 draws of f_0 have the covariance of the readout, and equal seeds equal draws."""
    text = perceptron("relu", 1, "sgd(lr=0.3)", "ntp", 1, more=[f"test {TEST}"])
    network = tpc.parse(text)
    found = tpc.train(network, samples=64, draws=300, seed=5)
    assert found["f"].shape == (300, 2, 3)
    start = found["f"][:, 0]
    sigma, theta = relu_kernels(ROWS, 1)
    moments = start[:, :, None] * start[:, None, :]
    error = moments.std(axis=0) / np.sqrt(300)
    assert (np.abs(moments.mean(axis=0) - sigma) < 4 * error).all()
    moved = start - 0.3 * (start[:, :2] - TARGETS) @ theta[:2]
    np.testing.assert_allclose(found["f"][:, 1], moved, atol=1e-9)
    np.testing.assert_array_equal(tpc.train(network, samples=64, seed=5)["f"], found["f"][0])


@pytest.mark.parametrize(
    ("layers", "used", "width", "samples"),
    [
        (1, Optimizer("signsgd", 0.1), 16384, 32768),
        (1, Optimizer("adam", 0.1), 4096, 32768),
        pytest.param(2, Optimizer("adam", 0.1, clip=0.3), 1024, 4096, marks=pytest.mark.slow),
    ],
)
def test_nonlinear_updates(layers: int, used: Optimizer, width: int, samples: int) -> None:
    steps, trials = 2, 16
    more = [f"test {TEST}", "center true"]
    targets = [1.0, -0.8]
    text = perceptron("relu", layers, used.text, "ntp", steps, targets=targets, more=more)
    found = tpc.train(tpc.parse(text), samples=samples, method="qmc")
    runs = []
    for trial in range(trials):
        used.states.clear()
        draws = draw(trial, width, 2, layers, "ntp")
        arrays = np.array(A), np.array(targets), np.array(TEST)
        runs.append(train(draws, layers, "relu", "ntp", used, steps, *arrays, center=True))
    mean, error = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1) / np.sqrt(trials)
    allowed = 4 * np.hypot(error, found.stderr["f"]) + 1e-12
    assert (np.abs(found["f"] - mean) <= allowed).all()
    assert np.max(allowed) < 0.4 * np.abs(mean[1:, :2]).min()


@pytest.mark.slow
def test_weight_decay() -> None:
    """One hidden ReLU layer, lambda 0.1, eta 0.5: the mean and covariance of f over draws."""
    steps, width, trials, count = 3, 512, 400, 400
    used = Optimizer("sgd", 0.5, decay=0.1)
    text = perceptron("relu", 1, used.text, "ntp", steps, more=[f"test {TEST}"])
    found = tpc.train(tpc.parse(text), samples=64, draws=count)["f"]
    arrays = np.array(A), np.array(TARGETS), np.array(TEST)
    runs = np.array(
        [
            train(draw(trial, width, 2, 1, "ntp"), 1, "relu", "ntp", used, steps, *arrays)
            for trial in range(trials)
        ]
    )
    for power in (1, 2):
        one, other = found**power, runs**power
        error = np.hypot(one.std(axis=0) / count**0.5, other.std(axis=0) / trials**0.5)
        assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 4 * error).all()
    assert np.abs(runs.mean(axis=0)[-1] - runs.mean(axis=0)[0]).max() > 0.3


@pytest.mark.slow
def test_several_outputs_are_trained_together() -> None:
    """Two outputs share the hidden layer alone: cross-entropy by the block of their kernels."""
    rate, steps, labels = 0.5, 3, [[1.0, 0.0], [0.0, 1.0]]
    text = "\n".join(
        [
            "dim n",
            "input xi[2]",
            "weight U[2] : n",
            "weight v[2] : n",
            "x = relu(U @ xi)",
            "readout f = v * x",
            "train f:",
            f"    data {A}, {labels}",
            f"    test {TEST}",
            "    loss cross_entropy",
            f"    optimizer sgd(lr={rate})",
            "    parametrization ntp",
            f"    steps {steps}",
            "    center true",
            "",
        ]
    )
    found = tpc.train(tpc.parse(text), samples=64)
    _, theta = relu_kernels(ROWS, 1)
    f = np.zeros((3, 2))
    for t in range(steps + 1):
        np.testing.assert_allclose(found["f"][t], f, rtol=0, atol=1e-9)
        p = np.exp(f[:2]) / np.exp(f[:2]).sum(axis=1, keepdims=True)
        f = f - rate * theta[:, :2] @ (p - labels)


def test_draws_of_what_is_not_random_are_computed_once() -> None:
    """In mup the output starts at 0: all draws are alike."""
    network = tpc.parse(perceptron("relu", 1, "sgd(lr=0.1, decay=0.1)", "mup", steps=2))
    told: list[tuple[int, int]] = []
    found = tpc.train(network, 64, draws=5, progress=lambda *done: told.append(done))
    assert found["f"].shape[0] == 5
    np.testing.assert_array_equal(found["f"][0], found["f"][4])
    assert all(done <= whole for done, whole in told)
