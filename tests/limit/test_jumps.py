"""Limits at a jump are refused by the name of the scalar, and no others."""

import pytest

import tpc
from tpc.diagnostics import ProgramError

TRAINING = """
dim n
input xi
weight u, v : n
weight b
readout f = v * tanh(u * xi) + b
optimizer own(g; m=0; eps=1e-9):
    m = 0.5 * m + 0.5 * g
    return m / (abs(m) + eps)
optimizer bent(g): return tanh(1e6 * g)
train f:
    data [1, 0.5], TARGETS
    loss mse
    optimizer sgd(lr=0.1)
    optimizer WEIGHT: OPTIMIZER
    parametrization mup
    steps 2
"""


def training(optimizer: str, targets: str = "[1, -1]", weight: str = "b") -> str:
    """Return a training with another optimizer for one weight."""
    text = TRAINING.replace("TARGETS", targets).replace("WEIGHT", weight)
    return text.replace("OPTIMIZER", optimizer)


@pytest.mark.parametrize(
    "optimizer",
    [
        "lion(lr=0.05)",
        "signsgd(lr=0.05)",
        "signsgd(lr=0.05, eps=1e-6)",
        "adam(lr=0.05)",
        "adam(lr=0.05, eps=0)",
        "adam(lr=0.05, eps_outside=true)",
        "adamw(lr=0.05, decay=0.1)",
        "nadam(lr=0.05)",
        "adamax(lr=0.05)",
        "rmsprop(lr=0.05)",
        "adagrad(lr=0.05)",
        "own(lr=0.05)",
        "bent(lr=0.05)",
    ],
)
@pytest.mark.parametrize(
    ("targets", "weight"), [("[1, -1]", "b"), ("[0, 0]", "v"), ("[0, 0]", "u")]
)
def test_gradients_that_vanish_go_through_no_jump(
    optimizer: str, targets: str, weight: str
) -> None:
    """Cancelled over a batch, or because the output is its target already."""
    network = tpc.parse(training(optimizer, targets, weight))
    with pytest.raises(ProgramError) as raised:
        tpc.train(network, samples=64)
    assert [found.code for found in raised.value.diagnostics] == ["TP304"]
    assert "`chi[0]`" in str(raised.value)


@pytest.mark.parametrize(
    ("optimizer", "targets", "weight"),
    [
        ("sgd(lr=0.05)", "[1, -1]", "b"),
        ("momentum(lr=0.05)", "[0, 0]", "v"),
        ("adam(lr=0.05, eps=0.01)", "[1, -1]", "b"),
        ("lion(lr=0.05)", "[1, -0.5]", "b"),
        ("lion(lr=0.05)", "[1, 0]", "v"),
        ("signsgd(lr=0.05)", "[1, -1]", "u"),
        ("adam(lr=0.05)", "[1e-3, -1]", "b"),
    ],
)
@pytest.mark.slow
def test_other_gradients_have_a_limit(optimizer: str, targets: str, weight: str) -> None:
    tpc.train(tpc.parse(training(optimizer, targets, weight)), samples=64)


EVEN = """
dim n
input xi[2]
weight U[2], v : n
weight b : n (init=0)
readout f = v * {}(U @ xi + b)
train f:
    data [[1, 0.5], [-1, -0.5]], [1, -1]
    loss mse
    optimizer signsgd(lr=0.1)
    parametrization mup
    steps 1
"""


@pytest.mark.parametrize("function", ["cos", "abs", "square", "cosh"])
def test_gradients_that_cancel_for_vectors_as_they_are_drawn(function: str) -> None:
    """An even function has the same output at both inputs, and opposite targets."""
    with pytest.raises(ProgramError) as raised:
        tpc.train(tpc.parse(EVEN.format(function)), samples=64)
    assert [found.code for found in raised.value.diagnostics] == ["TP304"]


PROGRAM = """
dim n
vector x, z : n
c = avg(x * z)
s = avg(square(x))
output BODY
"""


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("y = avg(sign(c) * x)", "c"),
        ("y = step(c) + 1", "c"),
        ("y = avg(step(c * x))", "c"),
        ("y = c / abs(c)", "c"),
        ("y = c / sqrt(c^2 + 1e-14)", "c"),
        ("y = tanh(1e7 * c)", "c"),
        ("y = sign(s - 1)", "s"),
        ("y = avg(relu(x) * step(1 - s))", "s"),
        ("y = sign(sin(c))", "c"),
        ("y = avg(Phi(1e6 * c * square(x)))", "c"),
    ],
)
def test_programs_at_a_jump_are_refused(body: str, name: str) -> None:
    with pytest.raises(ProgramError) as raised:
        tpc.derive(tpc.parse(PROGRAM.replace("BODY", body)))
    assert [found.code for found in raised.value.diagnostics] == ["TP304"]
    assert f"`{name}`" in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        "y = abs(c)",
        "y = sqrt(abs(c))",
        "y = avg(sign(x - c))",
        "y = sign(s - 0.9)",
        "y = 1e4 * c",
        "y = avg(relu(x - c))",
        "y = exp(20 * c)",
        "y = max(c, 0)",
        "y = tanh(3 * c)",
        "y = avg(step(x + c * z))",
        "y = 1 / sqrt(s)",
        "y = avg((x - c) / sqrt(s + 1e-5))",
    ],
)
def test_kinks_and_what_stands_elsewhere_have_limits(body: str) -> None:
    tpc.derive(tpc.parse(PROGRAM.replace("BODY", body)))


@pytest.mark.slow
def test_outputs_that_are_drawn_are_at_no_jump() -> None:
    """Nor is the root of their covariance, which is singular."""
    text = training("lion(lr=0.05)", "[0, 0]", "v").replace("weight b\n", "").replace(" + b", "")
    text = text.replace("mup", "ntp").replace("sgd(lr=0.1)", "sgd(lr=0.1, decay=0.1)")
    tpc.train(tpc.parse(text), samples=64)
