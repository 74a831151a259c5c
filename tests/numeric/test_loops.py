"""Training as a loop against the same loop unrolled: equal to rounding on equal random numbers.

Texts are drawn at random: layers, nonlinearities, residual branches, a matrix used twice, biases,
batches, tracked quantities, test rows, a centred output, optimizers with weight decay, each weight
with its own. What is not linear in the gradients makes a kernel of a matrix's update.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import tpc
from tests.network.training.texts import perceptron
from tpc.codegen.evaluator import peak_memory
from tpc.driver import compiler
from tpc.driver.training_program import scales_of
from tpc.limit.derive import derive_limit
from tpc.limit.equations import Limit
from tpc.network.training.training_region import has_equal_rounds, round_of_training
from tpc.program.region import region_of
from tpc.program.roll import roll
from tpc.program.rounds import region_program
from tpc.program.unroll import unroll

INPUTS = [[1.0, 0.5], [-0.4, 0.9], [0.3, -0.7]]
TARGETS = [1.0, -1.0, 1.0]
BODIES = (
    ("weight W : n x n", "x2 = {f}(W @ x1)"),
    ("weight W : n x n\nweight b : n (mult=0.5)", "x2 = {f}(W @ x1 + b)"),
    ("weight W : n x n", "h = W @ x1\nx2 = x1 + 0.5 * {f}(h)"),
    ("weight W : n x n", "h = {f}(W @ x1)\nx2 = {f}(W @ h)"),
    ("weight W : n x n", "h = {f}(W @ x1)\nx2 = {f}(W.T @ h)"),
    ("weight W : n x n\nweight A : n x n (lr=0.5)", "h = {f}(W @ x1)\nx2 = h * {f}(A @ h)"),
    ("weight W : n x n (train=false)", "x2 = {f}(W @ x1)"),
    ("", "x2 = {f}(2 * x1)"),
)
OPTIMIZERS = (
    "sgd(lr=0.3)",
    "sgd(lr=0.3, decay=0.1)",
    "momentum(lr=0.2, beta=0.5)",
    "nesterov(lr=0.2, beta=0.5, decay=0.05)",
)
NONLINEAR = (
    "adam(lr=0.1, eps=0.1)",
    "adamw(lr=0.1, eps=0.1, decay=0.1, eps_outside=true)",
    "nadam(lr=0.1, eps=0.1)",
    "adamax(lr=0.1, eps=0.1)",
    "rmsprop(lr=0.1, eps=0.1, a=0.8)",
    "adagrad(lr=0.1, eps=0.1, decay=0.05)",
    "adadelta(lr=0.3, eps=0.1)",
    "adafactor(lr=0.1, eps=0.1)",
    "lion(lr=0.1)",
    "adam(lr=0.1, eps=0.1, clip=0.3)",
    "signsgd(lr=0.1, eps=0.2)",
    "faded(lr=0.1)",
    "counted(lr=0.3)",
)
DECLARED = """\
optimizer faded(g; m=0.1, k=1):
    m = 0.5 * m + tanh(g)
    k = 0.9 * k
    return m * k / (1 + t)
optimizer counted(g; m=0):
    m = m + g
    return m / (2 + t)
"""
SETTINGS = (
    "batch 2",
    "center true",
    "test [[0.6, -0.8]]",
    "reduce mean",
    "track q = <x2|x2>\n    track m = avg(x1^2)",
    "optimizer v: sgd(lr=0.1)",
)


@st.composite
def texts(draw: st.DrawFn, optimizers: Sequence[str]) -> str:
    weights, body = draw(st.sampled_from(BODIES))
    chosen = draw(st.lists(st.sampled_from(SETTINGS), unique=True, max_size=3))
    lines = [
        "dim n",
        "input xi[2]",
        "weight U[2] : n",
        weights,
        "weight v : n",
        f"x1 = {draw(st.sampled_from(['tanh', 'erf', 'relu']))}(U @ xi)",
        body.format(f=draw(st.sampled_from(["tanh", "sin", "erf"]))),
        "readout f = v * x2",
        "train f:",
        f"    data {INPUTS}, {TARGETS}",
        f"    loss {draw(st.sampled_from(['mse', 'logistic']))}",
        f"    optimizer {draw(st.sampled_from(optimizers))}",
        "    parametrization mup",
        f"    steps {draw(st.integers(1, 4))}",
        *(f"    {line}" for line in chosen),
    ]
    return DECLARED + "\n".join(lines) + "\n"


def module_of(limit: Limit) -> Any:
    module = ModuleType("module_of_a_loop")
    sys.modules[module.__name__] = module
    exec(compiler.emit(limit), module.__dict__)
    return module


def evaluated(limit: Limit, samples: int = 256) -> dict[str, np.ndarray]:
    module = module_of(limit)
    options = {"seed": 1, "method": "mc", "replicates": 2, "rank_tolerance": 1e-12}
    return dict(module.evaluate(samples=samples, **options).values)


FEW = settings(max_examples=20, deadline=None, derandomize=True, phases=[Phase.generate])


@pytest.mark.slow
@FEW
@given(text=texts(OPTIMIZERS))
def test_a_loop_agrees_with_its_rounds_written_out(text: str) -> None:
    check_against_rounds(text)


@pytest.mark.slow
@settings(FEW, max_examples=30)
@given(text=texts(NONLINEAR))
def test_so_does_a_loop_with_kernels(text: str) -> None:
    check_against_rounds(text)


def check_against_rounds(text: str) -> None:
    network = tpc.parse(text)
    scales = scales_of(network)
    assert has_equal_rounds(network, scales)
    program = region_program(round_of_training(network, scales))
    assert region_of(program) is not None
    loop = evaluated(derive_limit(program, integrate=False))
    written = evaluated(derive_limit(unroll(program), "stein", integrate=False))
    assert loop.keys() == written.keys()
    for name, value in loop.items():
        np.testing.assert_allclose(value, written[name], rtol=1e-6, atol=1e-8, err_msg=text)


STEPS = (
    "h[k+1] = tanh(W @ h[k]) + 0.1 * h[k]",
    "h[k+1] = tanh(W @ h[k] + (0.1 + 0.02 * k) * v)",
    "h[k+1] = relu(W @ h[k]) - 0.2 * (W.T @ h[k])",
    "h[k+1] = 0.7 * h[k] + erf(A @ tanh(W @ h[k]))",
    "h[k+1] = A.T @ tanh(W @ h[k]) + W.T @ relu(A @ h[k] + v)",
    "h[k+1] = sin(W @ h[k]) * avg(h[k]^2) + v",
    "h[k+1] = softmax(W @ h[k] + v) + 0.1 * h[k]",
    # rectangular matrices, both ways
    "z = tanh(B @ h[k] + u)\nh[k+1] = B.T @ z - 0.3 * h[k]",
    # numbers that go from round to round
    "c[k+1] = 0.9 * c[k] + 0.1 * <h[k]|v>\nh[k+1] = tanh(W @ h[k] + c[k+1] * v)",
    # exact linear dependence: h alternates, then W meets what it has met
    "h[k+1] = v - h[k]\nz = W @ h[k]\nq[k] = <z|z>",
    "g[k+1] = W @ (h0 + v)\nh[k+1] = tanh(g[k+1]) + 0.5 * (W @ (h0 - 2 * v)) + 0.1 * h[k]",
    # drawn anew in each round, beside what is tied
    "matrix F : n x n ~ normal(0, 1.5 / n)\nvector b : n\nh[k+1] = tanh(F @ h[k] + 0.3 * b)",
    "matrix F : n x n\nz = tanh(F @ h[k])\nh[k+1] = h[k] + 0.5 * (F.T @ (z * v)) + W.T @ z",
    "vector b : n ~ normal(0, 0.2 + 0.1 * k)\nh[k+1] = W @ relu(h[k] + b)\nq[k] = <h[k+1]|b>",
    # loops in loops, and names that are counted backwards
    "g[k,0] = h[k]\nfor l in range(2):\n    g[k,l+1] = tanh(W @ g[k,l])\nh[k+1] = A @ g[k,2]",
    "r[9-k] = W @ h[k]\nh[k+1] = tanh(r[9-k]) + 0.2 * (W.T @ r[9-k])",
)


@st.composite
def programs(draw: st.DrawFn) -> str:
    step = draw(st.sampled_from(STEPS))
    rounds = draw(st.integers(5, 8))
    vectors, outputs = ("[3]", "avg(h[{n}])") if "softmax" in step else ("", "<h[{n}]|h[{n}]>")
    lines = [
        "dim n",
        "dim m = 2 * n",
        f"vector v{vectors}, h0{vectors} : n",
        "vector u : m",
        "matrix W, A : n x n",
        "matrix B : m x n",
        "h[0] = h0",
        "c[0] = avg(h0)",
        f"for k in range({rounds}):",
        *(f"    {line}" for line in step.split("\n")),
        *(["    output q[k]"] * ("q[k]" in step)),
        *(["    p[k] = <h[k+1]|v>", "    output p[k]"] * draw(st.booleans())),
        f"output size = {outputs}",
        "output overlap = <h[{n}]|v>",
        *(["y = W.T @ h[{n}]", "output back = <y|y>"] * draw(st.booleans())),
    ]
    return "\n".join(lines).format(n=rounds) + "\n"


@pytest.mark.slow
@settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate])
@given(text=programs())
def test_a_rolled_loop_agrees_with_its_text(text: str) -> None:
    program = roll(tpc.parse(text), fewest=2)
    assert region_of(program) is not None
    loop = evaluated(derive_limit(program, "stein", integrate=False))
    written = evaluated(derive_limit(unroll(program), "stein", integrate=False))
    for name, value in loop.items():
        np.testing.assert_allclose(value, written[name], rtol=1e-6, atol=1e-8, err_msg=text)


def test_a_loop_that_is_looked_into_stays_unrolled() -> None:
    text = "dim n\nvector v : n\nmatrix W : n x n\nh[0] = v\nfor k in range(6):\n"
    text += "    h[k+1] = tanh(W @ h[k])\noutput c = <h[3]|h[6]>\n"
    assert region_of(roll(tpc.parse(text), fewest=2)) is None


@pytest.mark.slow
def test_numbers_of_every_round_are_collected() -> None:
    text = "dim n\nvector v : n\nmatrix W : n x n\nh[0] = v\nfor k in range(6):\n"
    text += "    h[k+1] = tanh(W @ h[k])\n    output q[k] = <h[k+1]|h[k+1]>\n"
    program = roll(tpc.parse(text), fewest=2)
    assert region_of(program) is not None
    loop = evaluated(derive_limit(program, integrate=False))
    written = evaluated(derive_limit(unroll(program), "stein", integrate=False))
    assert list(loop) == [f"q[{k}]" for k in range(6)]
    for name, value in loop.items():
        np.testing.assert_allclose(value, written[name])


@pytest.mark.slow
def test_a_loop_has_the_published_outputs() -> None:
    """Gradient descent of two hidden layers, against trained networks of growing widths."""
    path = Path(__file__).parents[1] / "reference" / "training.json"
    steps = json.loads(path.read_text(encoding="utf-8"))["cases"]["2hl_tanh_sgd"]["steps"]
    text = """
dim n
input xi[2]
weight U[2] : n
weight W : n x n
weight v : n
x1 = tanh(U @ xi)
x2 = tanh(W @ x1)
readout f = v * x2
train f:
    data [[1.0, 0.5], [-0.4, 0.9]], [1.0, -0.5]
    loss mse
    optimizer sgd(lr=0.5)
    parametrization mup
    steps 4
"""
    network = tpc.parse(text)
    limit = derive_limit(region_program(round_of_training(network, scales_of(network))))
    found = module_of(limit).evaluate(samples=2**15, seed=2, replicates=8)
    known = np.array([[step[name]["value"] for name in ("f1", "f2")] for step in steps])
    errors = np.array([[step[name]["se"] for name in ("f1", "f2")] for step in steps])
    assert (abs(found["f"] - known) < 4 * np.hypot(found.stderr["f"], errors)).all()
    assert found.stderr["f"].max() < 0.01


@pytest.mark.slow
def test_what_has_a_closed_form_in_the_first_round_takes_it() -> None:
    """The output, which is zero before training, and what is tracked; all else is averaged."""
    text = NARROW.format(f="relu", data="[[1, 0.5], [-0.4, 0.9]]", optimizer="sgd(lr=0.2)")
    network = tpc.parse(text + "    track m = avg(tanh(x2)^2)\n")
    found = tpc.train(network, 512, method="mc", replicates=2)
    short = tpc.parse(text.replace("steps 9", "steps 1"))
    written = tpc.train(short, 512, method="mc", replicates=2, unrolled=True)
    for name in ("f", "gg", "K"):
        np.testing.assert_allclose(found[name][0], written[name][0], rtol=1e-12, atol=1e-14)
        assert not found.stderr[name][0].any() and (name == "gg" or found.stderr[name][1].any())
    assert not found["f"][0].any() and found.stderr["m"][0].all()


@pytest.mark.slow
def test_the_first_round_of_a_recurrence_is_exact() -> None:
    text = "dim n\nvector v : n\nmatrix W : n x n\nh[0] = v\nfor k in range(6):\n"
    text += "    h[k+1] = relu(W @ h[k])\n    output q[k] = <h[k+1]|h[k+1]>\n"
    loop = evaluated(derive_limit(roll(tpc.parse(text), fewest=2)))
    np.testing.assert_allclose([loop["q[0]"], loop["q[1]"]], [0.5, 0.25], rtol=1e-14)
    assert abs(loop["q[2]"] - 0.125) > 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adam(lr=0.05, eps=0.1)", "adafactor(lr=0.05, eps=0.1)"])
def test_a_loop_with_kernels_is_the_limit_of_trained_networks(optimizer: str) -> None:
    text = perceptron("tanh", 2, optimizer, steps=10, inputs=INPUTS, targets=TARGETS)
    network = tpc.parse(text)
    limit = tpc.train(network, samples=4096, method="mc", replicates=4, seed=1)
    finite = tpc.simulate(network, width=1024, trials=12, seed=2)
    errors = np.hypot(limit.stderr["f"], finite.stderr["f"])
    assert (abs(limit["f"] - finite["f"]) < 5 * errors + 1e-12).all()
    assert limit.stderr["f"].max() < 0.05


@pytest.mark.slow
def test_parameters_of_a_loop_may_be_set() -> None:
    text = "dim n\nparam eta = 0.2\ninput xi[2]\nweight U[2] : n\nweight v : n\n"
    text += "x = tanh(U @ xi)\nreadout f = v * x\ntrain f:\n    data [[1.0, 0.5]], [1.0]\n"
    text += "    loss mse\n    optimizer sgd(lr=eta)\n    parametrization mup\n    steps 12\n"
    network = tpc.parse(text)
    slow, fast = (tpc.train(network, 400, method="mc", eta=eta)["f"] for eta in (0.01, 0.4))
    assert slow.shape == (13, 1)
    assert abs(slow[-1] - 1) > 0.5 > abs(fast[-1] - 1)


NARROW = """\
dim n
input xi[2]
weight U[2], v : n
weight g (start=1)
weight W : n x n
x2 = g * {f}(W @ {f}(U @ xi))
readout f = v * x2
train f:
    data {data}, [1, -1]
    loss mse
    optimizer {optimizer}
    parametrization mup
    steps 9
    track gg = g
    track K = <x2|x2>
"""


@pytest.mark.slow
def test_what_is_normalised_is_written_out() -> None:
    """The first gradient of g is zero in the limit, and not at a finite width: no limit at all.

    In a loop it would be noise, made as large as 1 without a word.
    """
    data = "[[1, 0.5], [-0.4, 0.9]]"
    optimizer = "sgd(lr=0.2)\n    optimizer g: sgd(lr=0.3, normalize=true)"
    network = tpc.parse(NARROW.format(f="tanh", data=data, optimizer=optimizer))
    with pytest.raises(tpc.ProgramError) as refusal:
        tpc.train(network, samples=1024, method="mc", replicates=2)
    assert [found.code for found in refusal.value.diagnostics] == ["TP304"]
    finite = tpc.simulate(network, width=10, trials=1)
    assert len(set(finite["gg"].round(6))) > 2, "a weight is recorded as it was at each step"


@pytest.mark.parametrize("optimizer", ["adam(lr=0.1)", "lion(lr=0.1)", "signsgd(lr=0.1)"])
@pytest.mark.slow
def test_signs_of_gradients_that_vanish_are_refused(optimizer: str) -> None:
    text = NARROW.format(f="tanh", data="[[1, 0.5], [-0.4, 0.9]]", optimizer=optimizer)
    with pytest.raises(tpc.ProgramError) as refusal:
        tpc.derive(tpc.parse(text.replace("[1, -1]", "[0, 0]")))
    assert [found.code for found in refusal.value.diagnostics] == ["TP304"]


@pytest.mark.slow
def test_small_inputs_beside_large_ones_keep_their_hats() -> None:
    data = "[[1000, 0], [0.0005, 0.0005]]"
    network = tpc.parse(NARROW.format(f="relu", data=data, optimizer="sgd(lr=1e-9)"))
    found = tpc.train(network, samples=16384, method="mc", replicates=2)
    np.testing.assert_allclose(found["K"][0, 1, 1], 1.25e-7, rtol=0.1)


@pytest.mark.slow
def test_exact_methods_write_loops_out() -> None:
    """Nine steps of a linear network have closed forms as eight do."""
    text = NARROW.format(f="", data="[[1, 0], [0.5, 1]]", optimizer="sgd(lr=0.2)")
    network = tpc.parse(text.replace("g * (W @ (U @ xi))", "U @ xi").replace("track gg = g", ""))
    found = tpc.train(network, method="exact")
    assert set(found.methods.values()) == {"exact"}
    sampled = tpc.train(network, samples=4096, method="mc", replicates=2)
    assert abs(sampled["K"] - found["K"]).max() < 0.3


def fifty(step: str) -> str:
    text = "dim n\nvector v : n\nmatrix W : n x n\nh[0] = v\nfor k in range(50):\n"
    return f"{text}    h[k+1] = {step}\noutput c = <h[50]|h[50]>\n"


@pytest.mark.slow
def test_fifty_steps_keep_closed_forms() -> None:
    """Each value has one, so nothing becomes a loop; a product's norm goes on as relu says."""
    program = tpc.parse(fifty("1.4 * relu(W @ h[k])"))
    found, written = (compiler.run(program, 64, unrolled=flag) for flag in (False, True))
    assert set(found.methods.values()) == {"exact"}
    np.testing.assert_allclose(found["c"], written["c"], rtol=1e-14)
    np.testing.assert_allclose(found["c"], 0.98**50, rtol=1e-12)


@pytest.mark.slow
def test_fifty_steps_keep_their_digits_by_quadrature() -> None:
    """They are written out for what can be integrated, and a loop for random nodes."""
    program = tpc.parse(fifty("tanh(1.5 * W @ h[k])"))
    found = compiler.run(program, 64, method="quadrature")
    size = 1.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    for _ in range(50):
        size = float(np.tanh(1.5 * np.sqrt(size) * nodes) ** 2 @ weights / weights.sum())
    np.testing.assert_allclose(found["c"], size, rtol=1e-7)
    sampled = compiler.run(program, 2**14, method="mc")
    assert compiler.derive(program, method="mc").rounds is not None
    assert abs(sampled["c"] - size) < 5 * sampled.stderr["c"]


@pytest.mark.slow
def test_fifty_steps_of_a_loop_have_the_value_of_fifty_written_out() -> None:
    program = roll(tpc.parse(fifty("tanh(W @ h[k]) + 0.1 * h[k]")), fewest=20)
    assert region_of(program) is not None
    loop = evaluated(derive_limit(program, "stein", integrate=False))
    written = evaluated(derive_limit(unroll(program), "stein", integrate=False))
    np.testing.assert_allclose(loop["c"], written["c"], rtol=1e-9)


@pytest.mark.slow
def test_kets_of_a_round_die_in_it() -> None:
    """What a round needs no longer is deleted in it, and the memory that is stated knows."""
    program = tpc.parse(fifty("tanh(tanh(tanh(W @ h[k]) + v) - v) + 0.1 * h[k]"))
    limit = compiler.derive(program, method="mc")
    source = compiler.emit(limit)
    body = source[source.index("    for t in range(") :]
    assert "        del h_next" in body[: body.index("\n    del ")]
    assert peak_memory(limit)[0] < 2 * 50 + 10
