"""The neural tangent limit as a loop: against its unrolled form, NumPy and finite networks."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tests.network.training.test_neural_tangent import ROWS, relu_kernels
from tests.network.training.texts import TARGETS, perceptron
from tests.numeric.test_loops import evaluated
from tpc.driver import compiler
from tpc.driver.emitted import Effort, evaluate
from tpc.driver.training_program import draw_output, scales_of, training_program
from tpc.limit.derive import DotChoice, derive_limit
from tpc.network.training.neural_tangent import neural_tangent
from tpc.network.training.neural_tangent_region import tangent_round
from tpc.program.passes import normalise
from tpc.program.region import region_of
from tpc.program.rounds import region_program
from tpc.program.unroll import unroll

BODIES = (
    ("weight W : n x n", "x2 = {f}(W @ x1)"),
    ("weight W : n x n\nweight b : n (mult=0.5)", "x2 = {f}(W @ x1 + b)"),
    ("weight W : n x n", "h = W @ x1\nx2 = x1 + 0.5 * {f}(h)"),
    ("weight W : n x n", "h = {f}(W @ x1)\nx2 = {f}(W @ h)"),
    ("weight W : n x n\nweight A : n x n (lr=0.5)", "h = {f}(W @ x1)\nx2 = {f}(A @ h)"),
    ("weight W : n x n (train=false)", "x2 = {f}(W @ x1)"),
)
OPTIMIZERS = (
    "sgd(lr=0.3)",
    "sgd(lr=0.3, decay=0.1)",
    "nesterov(lr=0.2, beta=0.5, decay=0.05)",
    "momentum(lr=0.2, clip=0.1, decay=0.1)",
    "sgd(lr=0.1, normalize=true)",
)
SETTINGS = (
    "batch 2",
    "center true",
    "test [[0.6, -0.8]]",
    "reduce mean",
    "track q = <x2|x2>\n    track m = avg(x1^2)",
    "optimizer v: sgd(lr=0.1, decay=0.2)",
)


NONLINEAR = (
    "adam(lr=0.1)",
    "lion(lr=0.05)",
    "rmsprop(lr=0.05)",
    "adagrad(lr=0.1)",
    "adam(lr=0.1, beta1=0.5)\n    optimizer v: sgd(lr=0.1, clip=0.3)",
)


def text(
    seed: int,
    optimizers: Sequence[str] = OPTIMIZERS,
    more: Sequence[str] = SETTINGS,
    steps: int = 4,
) -> str:
    """Return a network at random, with its training in the operator regime."""
    rng = Random(seed)
    weights, body = rng.choice(BODIES)
    lines = [
        "dim n",
        "input xi[2]",
        "weight U[2] : n",
        weights,
        "weight v : n",
        f"x1 = {rng.choice(['erf', 'relu', 'tanh'])}(U @ xi)",
        body.format(f=rng.choice(["erf", "relu", "sin"])),
        "readout f = v * x2",
        "train f:",
        "    data [[1.0, 0.5], [-0.4, 0.9], [0.3, -0.7]], [1.0, -1.0, 1.0]",
        f"    loss {rng.choice(['mse', 'logistic'])}",
        f"    optimizer {rng.choice(optimizers)}",
        f"    parametrization {rng.choice(['ntp', 'uniform(0.25)'])}",
        f"    steps {rng.randint(1, steps)}",
        *(f"    {chosen}" for chosen in rng.sample(more, rng.randint(0, 3))),
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", slow_where(lambda seed: seed != 6, range(16)))
@pytest.mark.slow
def test_a_loop_is_its_unrolled_form(seed: int) -> None:
    """Both the rounds of the loop written out, and each step derived by itself."""
    network = tpc.parse(text(seed))
    effort = {"samples": 128, "seed": 0, "method": "mc", "replicates": 2}
    found = tpc.train(network, **effort)
    written = tpc.train(network, unrolled=True, **effort)
    program = neural_tangent(network, scales_of(network))
    module, draw = compiler.evaluator(program), draw_output(program, 0, 0)
    derived = evaluate(module, program, Effort(**effort), draw, None)
    assert found.values.keys() == derived.values.keys()
    for name, value in derived.values.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-11, err_msg=name)
        np.testing.assert_allclose(written[name], value, rtol=1e-9, atol=1e-11, err_msg=name)


@pytest.mark.slow
def test_a_thousand_steps_are_kernel_gradient_descent() -> None:
    rate, steps = 0.05, 1000
    more = ["test [[0.6, -0.8]]", "center true"]
    network = tpc.parse(perceptron("relu", 2, f"momentum(lr={rate})", "ntp", steps, more=more))
    found = tpc.train(network, samples=64)
    assert set(found.methods.values()) == {"exact"}
    _, theta = relu_kernels(ROWS, 2)
    f, m = np.zeros(3), np.zeros(2)
    for t in range(steps + 1):
        np.testing.assert_allclose(found["f"][t], f, rtol=0, atol=1e-9)
        m = 0.9 * m + f[:2] - TARGETS
        f = f - rate * theta[:, :2] @ m


@pytest.mark.slow
def test_weights_that_decay_have_kernels_of_all_pairs_of_times() -> None:
    """Of a ReLU network, J at the time t is k^t J at the beginning, k = 1 - lambda.

    Angles between kets of one direction are known to a root of rounding.
    """
    rate, steps, kept = 0.3, 40, 0.95
    optimizer = f"sgd(lr={rate}, decay={1 - kept})"
    network = tpc.parse(perceptron("relu", 1, optimizer, "ntp", steps, targets=TARGETS))
    found = tpc.train(network, samples=64, seed=3)["f"]
    rows = ROWS[:2]
    _, theta = relu_kernels(rows, 1)
    moved = np.zeros(2)
    for t in range(steps + 1):
        f = kept ** (2 * t) * found[0] - kept**t * theta @ moved
        np.testing.assert_allclose(found[t], f, rtol=1e-8, atol=1e-8)
        moved = kept * moved + rate * kept**t * (f - TARGETS)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["sgd(lr=0.1)", "momentum(lr=0.1, decay=0.1)"])
def test_modules_do_not_grow_with_the_steps(optimizer: str) -> None:
    sources = []
    for steps in (10, 1000):
        more = ["batch 1", "test [[0.6, -0.8]]"]
        network = tpc.parse(perceptron("relu", 2, optimizer, "ntp", steps, more=more))
        program = training_program(network)
        assert region_of(program) is not None
        sources.append(compiler.emit(compiler.derive(network)))
    few, many = (len(source.splitlines()) for source in sources)
    assert many <= few


@pytest.mark.parametrize("seed", slow_where(lambda seed: seed != 7, range(8)))
@pytest.mark.slow
def test_updates_that_are_not_linear_are_rounds(seed: int) -> None:
    """Equal to rounding to the rounds written out, where nothing is integrated."""
    network = tpc.parse(text(seed, NONLINEAR, SETTINGS[:-1]))
    program = region_program(tangent_round(network, scales_of(network)))
    loop = evaluated(derive_limit(program, integrate=False), 128)
    written = evaluated(derive_limit(normalise(unroll(program)), integrate=False), 128)
    for name, value in written.items():
        np.testing.assert_allclose(loop[name], value, rtol=1e-7, atol=1e-9, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["stein", "derivative"])
@pytest.mark.parametrize("body", BODIES[3:5])
def test_so_are_those_of_weights_that_decay(body: tuple[str, str], form: DotChoice) -> None:
    """By either form of dots; one is not the other on few samples."""
    network = tpc.parse(
        f"dim n\ninput xi[2]\nweight U[2], v : n\n{body[0]}\nx1 = tanh(U @ xi)\n"
        f"{body[1].format(f='erf')}\nreadout f = v * x2\ntrain f:\n"
        "    data [[1.0, 0.5], [-0.4, 0.9]], [1.0, -1.0]\n    loss mse\n    steps 3\n"
        "    optimizer adam(lr=0.1, decay=0.1)\n    parametrization ntp\n"
    )
    program = region_program(tangent_round(network, scales_of(network)))
    loop = evaluated(derive_limit(program, form, integrate=False), 128)
    written = evaluated(derive_limit(normalise(unroll(program)), form, integrate=False), 128)
    np.testing.assert_allclose(loop["f"], written["f"], rtol=1e-7, atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [NONLINEAR[0], NONLINEAR[2], "adam(lr=0.1, decay=0.05)"])
def test_loops_of_entrywise_updates_are_trainings(optimizer: str) -> None:
    """Ten steps, a loop, against each step derived by itself, and against networks."""
    more = ["test [[0.6, -0.8]]", "center true"]
    network = tpc.parse(perceptron("relu", 1, optimizer, "ntp", 10, more=more))
    program = training_program(network)
    assert region_of(program) is not None and region_of(program).body.has_kets  # type: ignore
    found = tpc.train(network, samples=2**14, seed=1)
    written = tpc.train(network, samples=2**14, seed=1, unrolled=True)
    error = np.hypot(found.stderr["f"], written.stderr["f"]) + 1e-12
    assert (np.abs(found["f"] - written["f"]) <= 5 * error).all()
    if "decay" in optimizer:
        return  # its output is random: the limit is that of one draw
    finite = tpc.simulate(network, width=2048, trials=16)
    error = np.hypot(found.stderr["f"], finite.stderr["f"]) + 1e-12
    assert (np.abs(found["f"] - finite["f"]) <= 5 * error).all()
    assert np.abs(found["f"][-1]).max() > 20 * error.max()
