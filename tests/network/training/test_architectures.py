"""Unrolled programs of all kinds of networks are what the finite trainer does, draw by draw."""

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tests.network.training.test_maximal_update import unrolled

DATA = "data [[1.0, 0.5], [-0.4, 0.9], [0.3, -0.2]]"

NETWORKS = {
    "tied and transposed": """
x1 = tanh(U @ xi)
x2 = tanh(W @ x1 + 0.5 * W.T @ x1)
x3 = tanh(W @ x2)
readout f = v * x3
""",
    "scalar weights and layer norm": """
def norm(h) = (h - avg(h)) / sqrt(avg(square(h - avg(h))) + 1e-3)
x1 = tanh(g * (U @ xi) + b)
x2 = relu(norm(W @ x1)) * (1 + g)
readout f = v * x2
""",
    "a loop over a family": """
h[0] = U @ xi
for l in range(2):
    h[l + 1] = h[l] + W @ tanh(h[l])
readout f = v * h[2] + 0.1 * b
""",
    "two inputs of a kind, shared paths": """
s = sum(xi)
x1 = tanh(U @ xi + s * b)
y = W @ b
x2 = x1 * y
readout f = v * (W.T @ x2)
""",
    "an output weight that is read twice": """
x1 = relu(U @ xi)
x2 = relu(W @ (x1 + v))
readout f = v * x2 + b * x1
""",
    "averages over coordinates": """
x1 = tanh(U @ xi)
a = mean[j](tanh(x1 + x1[j] * b))
x2 = tanh(W @ a)
readout f = v * x2 * <x1|b>
""",
}

TRAININGS = {
    "sgd": "optimizer sgd(lr=0.4)\nbatch [[0, 1], [2]]",
    "adam": "optimizer adam(lr=0.1, eps=0.01, decay=0.05)\nbatch 2\ncenter true",
    "lion": "optimizer lion(lr=0.1, clip=0.2)\nreduce mean",
    "mixed": "optimizer nesterov(lr=0.2)\noptimizer W: adagrad(lr=0.1, eps=0.1)\n"
    "optimizer b: sgd(lr=0.1, normalize=true)",
    "own": "optimizer adamax(lr=0.1, eps=0.1)\nloss log(1 + exp(-y * f)) + 0.1 * f^2",
}


def text(network: str, training: str) -> str:
    """Return the text of a network with its training."""
    lines = ["dim n", "input xi[2]", "weight U[2] : n", "weight W : n x n (mult=1.2, lr=0.5)"]
    lines += ["weight b : n (mult=0.3, init=0.5)", "weight g (start=1, lr=0.7)"]
    lines += ["weight v : n", NETWORKS[network].strip(), "train f:"]
    block = [f"{DATA}, [1.0, -0.5, 0.2]", "test [[0.6, -0.8]]", "parametrization mup", "steps 3"]
    if "loss" not in TRAININGS[training]:
        block.append("loss mse")
    block += TRAININGS[training].split("\n")
    if "x1 =" in NETWORKS[network]:
        block += ["track K = <x1|x1>", "track m = avg(square(x1))"]
    return "\n".join([*lines, *(f"    {line}" for line in block), ""])


@pytest.mark.parametrize("training", slow_where(lambda name: name in ("lion", "own"), TRAININGS))
@pytest.mark.parametrize("network", NETWORKS)
def test_the_program_is_what_the_trainer_does(network: str, training: str) -> None:
    source = text(network, training)
    program = unrolled(source)
    found = tpc.simulate(program, width=12, trials=1, seed=4)
    wanted = tpc.simulate(tpc.parse(source), width=12, trials=1, seed=4)
    assert found.values.keys() == wanted.values.keys()
    for name, value in wanted.values.items():
        assert np.shape(found[name]) == np.shape(value)
        np.testing.assert_allclose(found[name], value, rtol=1e-7, atol=1e-9, err_msg=name)
