"""Gradients that are clipped together or entry by entry, rates that are scheduled, both decays.

Finite networks against a training in NumPy, draw by draw; limits against such networks at large
widths, and against kernel gradient descent.
"""

from collections.abc import Callable

import numpy as np
import pytest

import tpc
from tests.network.training.finite_perceptrons import Optimizer, draw, train
from tests.network.training.test_neural_tangent import relu_kernels
from tests.network.training.texts import TARGETS, A, perceptron
from tpc.simulation.streams import stream

Array = np.ndarray
Gradients = dict[str, Array]

D = {"mup": {"U": 1, "W": 1, "v": 1}, "ntp": {"U": 0.5, "W": 1, "v": 0.5}}


def clip_together(theta: float, over: str = "UWv") -> Callable[[Gradients], Gradients]:
    """Gradients times min(1, theta / nu), nu the Frobenius norm of those in `over`."""

    def bound(gradients: Gradients) -> Gradients:
        nu = np.sqrt(sum(np.sum(g**2) for name, g in gradients.items() if name[0] in over))
        factor = min(1.0, theta / nu)
        return {name: factor * g if name[0] in over else g for name, g in gradients.items()}

    return bound


def normalise_together(gradients: Gradients) -> Gradients:
    nu = np.sqrt(sum(np.sum(g**2) for g in gradients.values()))
    return {name: g / nu for name, g in gradients.items()}


def clip_entries(theta: float, n: int, name: str) -> Callable[[Gradients], Gradients]:
    """n^d g clipped to +-theta."""

    def bound(gradients: Gradients) -> Gradients:
        found = {}
        for weight, g in gradients.items():
            scale = n ** float(D[name][weight[0]])
            found[weight] = np.clip(scale * g, -theta, theta) / scale
        return found

    return bound


def draws_of(width: int, trial: int, name: str) -> Gradients:
    """Return what `simulate(seed=0)` draws for two hidden layers."""
    shapes = {"U": (width, 2), "W2": (width, width), "v": (width,)}
    found = {k: stream(0, width, trial, k).standard_normal(s) for k, s in shapes.items()}
    found["W2"] *= width**-0.5 if name == "mup" else 1.0
    return found


CASES: dict[str, tuple[list[str], dict[str, Callable]]] = {
    "clip_global": (["clip_global 0.2"], {"bound": clip_together(0.2)}),
    "subset": (["clip_global 0.2 over W2"], {"bound": clip_together(0.2, "W")}),
    "role": (["clip_global 0.1 over vectors, matrices"], {"bound": clip_together(0.1)}),
    "normalize": (["normalize_global true"], {"bound": normalise_together}),
    "warmup": (["schedule warmup(3)"], {"schedule": lambda t: min(1.0, (t + 1) / 3)}),
    "list": (["schedule [1, 0.5, 0.25]"], {"schedule": lambda t: [1, 0.5, 0.25, 0.25, 0.25][t]}),
    "steps": (["schedule step([1, 3], 0.1)"], {"schedule": lambda t: 0.1 ** ((t >= 1) + (t >= 3))}),
    "wsd": (["schedule wsd(2, 4)"], {"schedule": lambda t: min(1.0, 1 - (t - 2) / 4)}),
    "cosine": (
        ["schedule warmup(2), cosine(4, floor=0.1)"],
        {
            "schedule": lambda t: (
                min(1, (t + 1) / 2) * (0.1 + 0.9 * (1 + np.cos(np.pi * max(0, t - 2) / 4)) / 2)
            )
        },
    ),
    "linear": (["schedule linear(4, 0.2)"], {"schedule": lambda t: 1 - 0.8 * t / 4}),
}


@pytest.mark.parametrize("name", ["mup", "ntp"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("used", ["sgd", "adam"])
def test_finite_networks(case: str, name: str, used: str) -> None:
    width, steps = 16, 5
    lines, rules = CASES[case]
    optimizer = Optimizer(used, 0.4, weight_decay=0.2)
    text = perceptron("tanh", 2, optimizer.text, name, steps, more=lines)
    found = tpc.simulate(tpc.parse(text), width=width, trials=2)["f"]
    runs = []
    for trial in range(2):
        optimizer.states.clear()
        arrays = np.array(A), np.array(TARGETS)
        start = draws_of(width, trial, name)
        runs.append(train(start, 2, "tanh", name, optimizer, steps, *arrays, **rules))
    np.testing.assert_allclose(found, np.mean(runs, axis=0), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["mup", "ntp"])
@pytest.mark.parametrize("both", [False, True])
def test_finite_networks_with_clipped_entries(name: str, both: bool) -> None:
    """Entries first, then the norm of what is left of them."""
    width, steps, theta = 16, 3, 0.1
    more = [f"clip_value {theta}", *(["clip_global 0.02"] if both else [])]
    text = perceptron("tanh", 2, "momentum(lr=0.4)", name, steps, more=more)
    found = tpc.simulate(tpc.parse(text), width=width, trials=1)["f"]
    entries = clip_entries(theta, width, name)
    together = clip_together(0.02) if both else dict
    wanted = train(
        draws_of(width, 0, name), 2, "tanh", name, Optimizer("momentum", 0.4), steps,
        np.array(A), np.array(TARGETS), bound=lambda g: together(entries(g)),
    )  # fmt: skip
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("line", ["clip_global 0.5", "normalize_global true"])
@pytest.mark.slow
def test_clipped_kernel_gradient_descent(line: str) -> None:
    """In the operator regime nu^2 = chi K chi."""
    rate, steps = 0.3, 12
    more = [line, "center true", f"schedule {[1.0, 0.5]}"]
    text = perceptron("relu", 2, f"sgd(lr={rate})", "ntp", steps, more=more)
    _, theta = relu_kernels(np.array(A), 2)
    f, wanted = np.zeros(2), []
    for t in range(steps + 1):
        wanted.append(f)
        chi = f - TARGETS
        nu = np.sqrt(chi @ theta @ chi)
        factor = min(1, 0.5 / nu) if "clip" in line else 1 / nu
        f = f - (rate if t == 0 else rate / 2) * factor * theta @ chi
    for unrolled in (False, True):
        found = tpc.train(tpc.parse(text), samples=256, unrolled=unrolled)
        np.testing.assert_allclose(found["f"], wanted, rtol=0, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mup", "ntp"])
@pytest.mark.parametrize("used", ["sgd", "adam"])
@pytest.mark.parametrize("case", ["clip_global", "subset", "cosine", "entries"])
def test_limits(case: str, name: str, used: str) -> None:
    """The limit is where finite networks of NumPy go, with 1/n taken off."""
    # In the operator regime a decaying output is random, also where it is centred.
    steps, optimizer = 2, Optimizer(used, 0.4, weight_decay=0.2 if name == "mup" else 0.0)
    lines, rules = CASES.get(case, (["clip_value 0.3"], {}))
    more = [*lines, "center true"]
    text = perceptron("tanh", 2, optimizer.text, name, steps, more=more)
    found = tpc.train(
        tpc.parse(text), samples=2048 if "adam" in (used, case) or case == "entries" else 16384
    )
    means, errors, trials = [], [], 32
    for width in (128, 256):
        rules = {"bound": clip_entries(0.3, width, name)} if case == "entries" else rules
        runs = []
        for trial in range(trials):
            optimizer.states.clear()
            start = draw(trial, width, 2, 2, name)
            arrays = np.array(A), np.array(TARGETS)
            runs.append(
                train(start, 2, "tanh", name, optimizer, steps, *arrays, center=True, **rules)
            )
        means.append(np.mean(runs, axis=0))
        errors.append(np.std(runs, axis=0, ddof=1) / np.sqrt(trials))
    intercept = 2 * means[1] - means[0]
    allowed = 4 * np.hypot(np.hypot(2 * errors[1], errors[0]), found.stderr["f"]) + 1e-9
    assert (np.abs(found["f"] - intercept) < allowed).all()


@pytest.mark.slow
@pytest.mark.parametrize("parametrization", ["mup", "ntp"])
@pytest.mark.parametrize("line", ["clip_global 0.1", "schedule warmup(4), linear(8)"])
@pytest.mark.parametrize("decay", ["decay=0.05", "weight_decay=0.1"])
def test_loops_are_what_is_written_out(parametrization: str, line: str, decay: str) -> None:
    optimizer = f"momentum(lr=0.3, {decay})"
    more = [line, *(["center true"] if parametrization == "ntp" else [])]
    text = perceptron("relu", 1, optimizer, parametrization, 9, more=more)
    loop, written = (
        tpc.train(tpc.parse(text), samples=1024, unrolled=unrolled, method="mc")
        for unrolled in (False, True)
    )
    allowed = 4 * np.hypot(loop.stderr["f"], written.stderr["f"]) + 1e-8
    assert (np.abs(loop["f"] - written["f"]) < allowed).all()
