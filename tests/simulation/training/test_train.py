"""Trained finite networks against a training of perceptrons that is written out in NumPy."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

import tpc
from tests.network.networks import Assembly
from tests.network.optimizers.textbook import TEXTBOOK
from tests.network.optimizers.uses import use_of
from tpc.diagnostics import NOWHERE, ProgramError
from tpc.network.network import Network, OptimizerUse, Parametrization, Track, Training
from tpc.program.builder import Builder
from tpc.program.nodes import BatchMean, Node, Placeholder
from tpc.simulation.simulate import simulate
from tpc.simulation.streams import stream

Array = np.ndarray
WIDTH, STEPS = 12, 5
X = np.random.default_rng(1).standard_normal((4, 3))
Y = np.array([1.0, -1.0, 0.5, 0.25])
TEST = np.random.default_rng(2).standard_normal((2, 3))


def mse() -> tuple[Node, Placeholder, Placeholder]:
    b = Builder()
    f, y = b.placeholder(b.number(0), "f"), b.placeholder(b.number(0), "y")
    loss = b.mul(b.number(0.5), b.apply("square", b.sub(f, y)))
    assert isinstance(f, Placeholder) and isinstance(y, Placeholder)
    return loss, f, y


def training(optimizer: OptimizerUse, name: str = "mup", **changes: object) -> Training:
    loss, f, y = mse()
    full = Training(
        X, Y, TEST, loss, f, y, "sum", optimizer, (), Parametrization(name), STEPS,
        ((0, 1, 2, 3),), False, (), NOWHERE,
    )  # fmt: skip
    return replace(full, **changes)


def two_hidden(**options: object) -> tuple[Assembly, Node, Node]:
    """Return a builder, x2 and f's summand of v tanh(1.5 W tanh(U xi + b / 2))."""
    b = Assembly()
    h = b.contract(b.vector("U", 3, init=0.7), b.input(3))
    h = b.add(h, b.mul(b.number(0.5), b.vector("b", lr=2.0)))
    w = b.matrix("W", init=1.2, **options)
    x = b.apply("tanh", b.mul(b.number(1.5), b.matmul(w, False, b.apply("tanh", h))))
    return b, x, b.mul(b.vector("v"), x)


# ------------------------------------------------------------------- the same, written out in NumPy

EXPONENTS = {
    "ntp": {"U": (0, 0, 0.5, 0.5), "W": (0.5, 0, 1, 1), "v": (0, 0, 0.5, 0.5), "out": 0.5},
    "mup": {"U": (0, 0, 0, 1), "W": (0, 0.5, 1, 1), "v": (0, 0, 0, 1), "out": 1.0},
    "sp": {"U": (0, 0, 0, 0), "W": (0, 0.5, 0, 0), "v": (0, 0.5, 0, 0), "out": 0.0},
}


def by_hand(
    name: str, lr: float, textbook: Callable[..., Iterator[Array]], decay: float = 0.0,
    batches: tuple[tuple[int, ...], ...] = ((0, 1, 2, 3),) * STEPS, mean: bool = False,
    center: bool = False, width: int = WIDTH, trial: int = 0, **options: float,
) -> dict[str, Array]:  # fmt: skip
    """Train with weights w as they are, W = n^-a w, recomputing Q of all gradients so far."""
    n, table = float(width), {**EXPONENTS[name]}
    table["b"] = table["U"]
    init = {"U": 0.7, "b": 1.0, "W": 1.2, "v": 1.0}
    shapes = {"U": (width, 3), "b": (width,), "W": (width, width), "v": (width,)}
    w = {
        k: stream(3, width, trial, k).standard_normal(shapes[k]) * init[k] * n ** -table[k][1]
        for k in shapes
    }
    past: dict[str, list[Array]] = {k: [] for k in shapes}
    rows, outputs, kernels, first = np.concatenate([X, TEST]), [], [], 0.0
    for step in range(len(batches) + 1):
        big = {k: n ** -table[k][0] * w[k] for k in w}
        x1 = np.tanh(rows @ big["U"].T + 0.5 * big["b"])
        x2 = np.tanh(1.5 * x1 @ big["W"].T)
        f = n ** -table["out"] * x2 @ big["v"]
        first = f if step == 0 and center else first
        outputs.append(f - first)
        kernels.append(x2 @ x2.T / width)
        if step == len(batches):
            break
        at = list(batches[step])
        chi = (f - first)[at] - Y[at]
        chi = chi / len(at) if mean else chi
        seed = n ** -table["out"] * chi
        dv = seed @ x2[at]
        dh2 = 1.5 * (seed[:, None] * big["v"]) * (1 - x2[at] ** 2)
        dw = dh2.T @ x1[at]
        dh1 = dh2 @ big["W"] * (1 - x1[at] ** 2)
        for k, g in {"U": dh1.T @ X[at], "b": 0.5 * dh1.sum(0), "W": dw, "v": dv}.items():
            a, _, c, d = table[k]
            past[k].append(n**d * n**-a * g)
            factor = 2.0 if k == "b" else 1.0
            q = list(textbook(past[k], **options))[-1]
            w[k] = (1 - decay) * w[k] - lr * factor * n**-c * q
    return {"f": np.array(outputs), "K": np.array(kernels)}


def kernel_track(x: Node) -> Track:
    b = Builder()
    stand_in = b.make(Placeholder, x.coords, (6, *x.shape), "x2")
    assert isinstance(stand_in, Placeholder)
    return Track("K", b.inner(stand_in, stand_in), ((stand_in, x),), NOWHERE)


def trained(network: Network, found: Training, trials: int = 1):
    return simulate(replace(network, training=found), WIDTH, trials, seed=3)


LR = {"sgd": 0.3, "momentum": 0.1, "adam": 0.05, "signsgd": 0.02}


@pytest.mark.parametrize("name", EXPONENTS)
@pytest.mark.parametrize("optimizer", LR)
def test_perceptrons_are_trained_as_by_hand(name: str, optimizer: str) -> None:
    b, x, y = two_hidden()
    options = {"eps": 1e-4} if optimizer == "adam" else {}
    lr = LR[optimizer] * (0.02 if name == "sp" else 1.0)
    use = use_of(optimizer, lr=lr, **options)
    found = trained(b.network(y), training(use, name, tracks=(kernel_track(x),)))
    wanted = by_hand(name, lr, TEXTBOOK[optimizer], **options)
    assert np.abs(wanted["f"][-1] - wanted["f"][0]).max() > 0.01
    for output in ("f", "K"):
        np.testing.assert_allclose(found[output], wanted[output], rtol=1e-10, atol=1e-12)


def test_options_of_training() -> None:
    b, _, y = two_hidden()
    batches = ((0, 1), (2, 3), (0,), (1, 2, 3), (3, 0))
    use = use_of("adamw", lr=0.05, decay=0.1, eps=1e-3)
    changes = {"cycle": batches, "reduce": "mean", "center": True}
    found = trained(b.network(y), training(use, "mup", **changes))
    wanted = by_hand("mup", 0.05, TEXTBOOK["adamw"], 0.1, batches, mean=True, center=True, eps=1e-3)
    np.testing.assert_allclose(found["f"], wanted["f"], rtol=1e-10, atol=1e-12)
    assert not found["f"][0].any()


def test_trials_are_independent_and_averaged() -> None:
    b, _, y = two_hidden()
    found = trained(b.network(y), training(use_of("sgd", lr=0.3)), trials=3)
    runs = np.array([by_hand("mup", 0.3, TEXTBOOK["sgd"], trial=t)["f"] for t in range(3)])
    np.testing.assert_allclose(found["f"], runs.mean(0), rtol=1e-10, atol=1e-12)
    error = runs.std(0, ddof=1) / np.sqrt(3)
    np.testing.assert_allclose(found.stderr["f"], error, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shift", [-0.5, 1.0])
@pytest.mark.slow
def test_shifts_train_the_same_network(shift: float) -> None:
    """Proposition 2.2.3 holds at every width, by weights of their own exponents."""
    b, _, y = two_hidden()
    moved = (shift, 0.5 - shift, 1 - shift, 1 + shift)
    shifted, _, z = two_hidden(abcd=moved)
    for use in (use_of("adam", lr=0.05, eps=0.1), use_of("sgd", lr=0.1, normalize=True)):
        plain = trained(b.network(y), training(use))
        found = trained(shifted.network(z), training(use))
        np.testing.assert_allclose(found["f"], plain["f"], rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_blocks_of_rows_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    b, _, y = two_hidden()
    for name in ("adam", "adafactor", "adadelta"):
        found = training(use_of(name, lr=0.05, eps=0.01))
        whole = trained(b.network(y), found)
        monkeypatch.setattr("tpc.simulation.training.tensors.BLOCK", 25)
        blocks = trained(b.network(y), found)
        monkeypatch.undo()
        np.testing.assert_allclose(blocks["f"], whole["f"], rtol=1e-12)


# -------------------------------------------------------------------- tied weights and other things


def several_uses() -> Network:
    """Return a network with a tied matrix, a frozen one, a gain, batch norm and two outputs."""
    b = Assembly()
    w, g = b.matrix("W"), b.scalar("g", start=0.5)
    h = b.contract(b.vector("U", 3), b.input(3))
    x = b.apply("tanh", b.matmul(w, False, b.apply("tanh", h)))
    x = b.sub(x, b.make(BatchMean, x.coords, x.shape, x))
    x = b.mul(b.add(b.number(1), g), b.matmul(b.matrix("F", train=False), False, x))
    x = b.apply("tanh", b.add(b.matmul(w, True, x), b.mul(g, h)))
    return b.network(b.mul(b.vector("v", 2), b.expand(x, (0,))))


def outputs_by_hand(w: dict[str, Array]) -> Array:
    """Return the outputs of that network in mup, of shape (inputs, 2)."""
    h = X @ w["U"].T
    x = np.tanh(np.tanh(h) @ w["W"].T)
    x = (1 + w["g"]) * (x - x.mean(0)) @ w["F"].T
    return np.tanh(x @ w["W"] + w["g"] * h) @ w["v"] / WIDTH


def exact_gradient(w: dict[str, Array], name: str, targets: Array) -> Array:
    """Return d loss / d w of one weight, by an imaginary step along each entry."""
    found = np.zeros_like(w[name])
    for index in np.ndindex(found.shape):
        moved = {k: np.array(x, dtype=complex) for k, x in w.items()}
        moved[name][index] += 1e-30j
        found[index] = np.sum((outputs_by_hand(moved) - targets) ** 2).imag / 2e-30
    return found


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.slow
def test_tied_weights_gains_and_batch_norm_are_trained(optimizer: str) -> None:
    targets, steps, lr = np.stack([Y, -Y], axis=1), 3, 0.2
    b = Builder()
    f, y = (b.placeholder(b.constant(np.zeros(2)), name) for name in "fy")
    loss = b.reduce("sum", b.mul(b.number(0.5), b.apply("square", b.sub(f, y))))
    options = {"eps": 0.05} if optimizer == "adam" else {}
    found = training(
        use_of(optimizer, lr=lr, **options), targets=targets, test=None, loss=loss, output=f,
        target=y, cycle=((0, 1, 2, 3),), steps=steps,
    )  # fmt: skip
    record = trained(several_uses(), found)["f"]

    shapes = {"U": (WIDTH, 3), "W": (WIDTH, WIDTH), "F": (WIDTH, WIDTH), "v": (WIDTH, 2)}
    w = {k: stream(3, WIDTH, 0, k).standard_normal(shape) for k, shape in shapes.items()}
    w |= {"W": w["W"] / WIDTH**0.5, "F": w["F"] / WIDTH**0.5, "g": np.array(0.5)}
    exponents = {"U": (0, 1), "W": (1, 1), "v": (0, 1), "g": (0, 0)}  # c and d of mup
    past: dict[str, list[Array]] = {k: [] for k in exponents}
    for step in range(steps + 1):
        np.testing.assert_allclose(record[step], outputs_by_hand(w), rtol=1e-10, atol=1e-12)
        gradients = {k: exact_gradient(w, k, targets) for k in exponents}
        for k, (c, d) in exponents.items():
            past[k].append(float(WIDTH) ** d * gradients[k])
            q = list(TEXTBOOK[optimizer](past[k], **options))[-1]
            w[k] = w[k] - lr * float(WIDTH) ** -c * q
    assert np.abs(record[-1] - record[0]).max() > 0.05


def test_a_weight_that_the_output_does_not_depend_on_only_decays() -> None:
    b, _, y = two_hidden()
    b.vector("idle", init=1.0)
    idle = next(weight.leaf for weight in b.weights if weight.name == "idle")
    track = Track("idle", b.inner(idle, idle), (), NOWHERE)  # leaves stand for themselves
    found = training(use_of("adam", lr=0.1, decay=0.1), tracks=(track,))
    record = trained(b.network(y), found)["idle"]
    np.testing.assert_allclose(record, record[0] * 0.9 ** (2 * np.arange(STEPS + 1)), rtol=1e-12)


def test_params_are_set_at_run_time() -> None:
    """lr and init made of a param: as if they had been written."""
    b, _, y = two_hidden()
    rate = b.parameter("rate", 0.1)
    use = replace(use_of("sgd"), options=(("lr", b.mul(rate, b.number(2))),))
    network = replace(b.network(y), parameters=(rate,), training=training(use))
    found = simulate(network, WIDTH, 1, seed=3, params={"rate": 0.15})
    np.testing.assert_allclose(found["f"], by_hand("mup", 0.3, TEXTBOOK["sgd"])["f"], rtol=1e-10)
    assert float(found.params["rate"]) == 0.15


def test_progress_is_reported_step_by_step() -> None:
    b, _, y = two_hidden()
    network = replace(b.network(y), training=training(use_of("sgd")))
    seen: list[tuple[int, int]] = []
    simulate(network, WIDTH, 2, progress=lambda done, all: seen.append((done, all)))
    assert seen == [(done, 2 * (STEPS + 1)) for done in range(1, 2 * (STEPS + 1) + 1)]


ATTENTION = """\
dim n
input xi[2]
weight U[2], v : n
h = U @ xi
x = tanh(h) + mean[j](tanh(h * h[j]) * tanh(h[j]))
readout f = v * x
train f:
    data [[1, 0.5], [-0.4, 0.9]], [1, -0.5]
    loss mse
    optimizer sgd(lr=0.4)
    parametrization mup
    steps 2
"""


def test_averages_over_pairs_are_trained_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, targets, lr = np.array([[1, 0.5], [-0.4, 0.9]]), np.array([1, -0.5]), 0.4
    found = simulate(tpc.parse(ATTENTION), WIDTH, 1, seed=3)
    monkeypatch.setattr("tpc.simulation.blocks.LARGEST_BLOCK", 50)
    monkeypatch.setattr("tpc.simulation.blocks.SMALLEST_BLOCK", 50)
    blocks = simulate(tpc.parse(ATTENTION), WIDTH, 1, seed=3)
    np.testing.assert_allclose(blocks["f"], found["f"], rtol=1e-12)

    def outputs(u: Array, v: Array) -> Array:
        h = inputs @ u.T
        pairs = np.tanh(h[:, :, None] * h[:, None, :]) * np.tanh(h)[:, None, :]
        return (np.tanh(h) + pairs.mean(axis=2)) @ v / WIDTH

    u, v = (stream(3, WIDTH, 0, k).standard_normal(s) for k, s in (("U", (WIDTH, 2)), ("v", WIDTH)))
    for step in range(3):
        np.testing.assert_allclose(found["f"][step], outputs(u, v), rtol=1e-10)
        gradients = []
        for moved in (u, v):
            gradient = np.zeros_like(moved)
            for index in np.ndindex(moved.shape):
                step_in = moved.astype(complex)
                step_in[index] += 1e-30j
                pair = (step_in, v) if moved is u else (u, step_in)
                gradient[index] = np.sum((outputs(*pair) - targets) ** 2).imag / 2e-30
            gradients.append(gradient)
        u, v = (w - lr * WIDTH * g for w, g in zip((u, v), gradients, strict=True))


def test_matrix_free_training_knows_normal_matrices_alone() -> None:
    text = """
dim n
input xi[2]
weight U[2] : n (law=uniform)
weight W : n x n (law=rademacher)
weight v : n
readout f = v * tanh(W @ tanh(U @ xi))
train f:
    data [[1, 0], [0, 1]], [1, -1]
    loss mse
    optimizer sgd(lr=0.1)
    parametrization mup
    steps 2
"""
    network = tpc.parse(text)
    with pytest.raises(ProgramError, match="no law for products with `W`"):
        tpc.simulate(network, width=64, trials=2, engine="matrix-free")
    assert np.isfinite(tpc.simulate(network, width=64, trials=2)["f"]).all()
