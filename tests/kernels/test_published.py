"""Kernels of networks against published code; sources are named in the files of numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

import tpc
from tests.marks import slow_where

REFERENCE = Path(__file__).parents[1] / "reference"
MLP = json.loads((REFERENCE / "mlp_kernels.json").read_text())
OTHER = json.loads((REFERENCE / "network_kernels.json").read_text())

TOLERANCE = {"relu": 1e-12, "erf": 1e-12, "gelu": 1e-12, "tanh": 1e-8}


def mlp(act: str, depth: int) -> str:
    """Return a network as neural-tangents parametrizes it: 1.3 and 0.2, with biases."""
    lines = ["dim n", "input xi[4]", "weight U[4] : n (mult=0.65)", "weight v : n (mult=1.3)"]
    lines += [f"weight W{layer} : n x n (mult=1.3)" for layer in range(2, depth + 1)]
    lines += [f"weight b{layer} : n (mult=0.2)" for layer in range(1, depth + 2)]
    lines += [f"x1 = {act}(U @ xi + b1)"]
    for layer in range(2, depth + 1):
        lines += [f"x{layer} = {act}(W{layer} @ x{layer - 1} + b{layer})"]
    return "\n".join([*lines, f"readout f = v * x{depth} + b{depth + 1}", ""])


RESIDUAL = """
dim n
input xi[4]
weight U[4] : n (mult=0.65)
weight W : n x n (mult=1.3)
weight v : n (mult=1.3)
weight b1, b2, b3 : n (mult=0.2)
h1 = U @ xi + b1
h2 = h1 + W @ relu(h1) + b2
readout f = v * relu(h2) + b3
"""

LAYER_NORM = """
dim n
input xi[4]
weight U[4] : n (mult=0.65)
weight v : n (mult=1.3)
weight b1, b2 : n (mult=0.2)
h = U @ xi + b1
z = (h - avg(h)) / sqrt(avg(square(h - avg(h))) + 1e-12)
readout f = v * relu(z) + b2
"""

CONVOLUTION = """
dim n
const LEFT = [[0,0,0,0,0,1],[1,0,0,0,0,0],[0,1,0,0,0,0],[0,0,1,0,0,0],[0,0,0,1,0,0],[0,0,0,0,1,0]]
input xi[6, 2]
weight U0[2], U1[2], U2[2] : n (mult=1.3 / sqrt(6))
weight W0, W1, W2 : n x n (mult=1.3 / sqrt(3))
weight b1, b2, b3 : n (mult=0.2)
weight v : n (mult=1.3)
h = U0 @ xi.T @ LEFT + U1 @ xi.T + U2 @ xi.T @ LEFT.T + b1
x = relu(h)
g = W0 @ x @ LEFT + W1 @ x + W2 @ x @ LEFT.T + b2
readout f = v * sum(relu(g)) / 6 + b3
"""

RECURRENT = """
dim n
param varv = 1.2
input xi[3, 4]
weight W : n x n (init=sqrt(1.5))
weight U[4] : n (init=sqrt(0.8), mult=0.5)
weight b : n (init=sqrt(0.1))
weight v : n (init=sqrt(varv))
z = U @ xi.T
h[0] = z[0] + b
for t in range(1, 3):
    h[t] = W @ erf(h[t - 1]) + z[t] + b
readout f = v * erf(h[2])
"""

TRANSFORMER = """
dim n
const MASK = [[0, -1e30, -1e30], [0, 0, -1e30], [0, 0, 0]]
input xi[3, 4]
weight U[4] : n (init=sqrt(1.2), mult=0.5)
weight W1, W2 : n x n (init=sqrt(1.4))
weight b1, b2 : n (init=sqrt(0.1))
weight v[3] : n
def norm(x) = (x - avg(x)) / sqrt(avg(square(x - avg(x))))
k = U @ xi.T
z = norm(k + k @ softmax(<k|k> + MASK).T)
x = norm(W2 @ relu(W1 @ z + b1) + b2 + z)
readout f = v * x
"""


@pytest.mark.parametrize(
    "entry",
    slow_where(lambda entry: entry["act"] == "gelu", MLP["mlp"]),
    ids=lambda entry: f"{entry['act']}-{entry['depth']}",
)
@pytest.mark.slow
def test_mlp(entry: dict[str, object]) -> None:
    act = str(entry["act"])
    found = tpc.kernel(tpc.parse(mlp(act, int(str(entry["depth"])))), MLP["X"])
    for kind in ("nngp", "ntk"):
        np.testing.assert_allclose(found[kind], np.array(entry[kind]), atol=TOLERANCE[act], rtol=0)


@pytest.mark.parametrize(
    ("name", "text", "inputs"),
    [
        ("residual", RESIDUAL, "X"),
        ("layer norm", LAYER_NORM, "X"),
        ("convolution", CONVOLUTION, "X_seq"),
    ],
)
@pytest.mark.slow
def test_residual_layer_norm_convolution(name: str, text: str, inputs: str) -> None:
    found = tpc.kernel(tpc.parse(text), OTHER[inputs])
    assert set(found.methods.values()) == {"exact"}
    for kind, wanted in OTHER["kernels"][name].items():
        np.testing.assert_allclose(found[kind], np.array(wanted), atol=1e-9, rtol=0)


@pytest.mark.slow
def test_tied_recurrent_network() -> None:
    network, sequences = tpc.parse(RECURRENT), OTHER["sequences"]
    wanted = np.array(OTHER["recurrent"]["ntk"])
    np.testing.assert_allclose(tpc.kernel(network, sequences)["ntk"], wanted, atol=1e-9)
    states = np.array(OTHER["recurrent"]["nngp"])[2::3, 2::3]
    found = tpc.kernel(network, sequences, kind="nngp", params={"varv": 1.0})
    np.testing.assert_allclose(found["nngp"], states, atol=1e-9)


@pytest.mark.slow
def test_transformer_with_an_output_for_each_token() -> None:
    found = tpc.kernel(tpc.parse(TRANSFORMER), OTHER["sequences"], kind="nngp")["nngp"]
    tokens = np.array(OTHER["transformer"]["nngp"]).reshape(2, 3, 2, 3)
    np.testing.assert_allclose(found, tokens * np.eye(3)[:, None], atol=1e-9)


def name(declaration: str) -> str:
    """Return the name of a weight."""
    return declaration.split()[1].split("[")[0]


@pytest.mark.parametrize("act", ["relu", "erf", pytest.param("gelu", marks=pytest.mark.slow)])
def test_the_order_of_declarations_does_not_matter(act: str) -> None:
    """It decides how gradients are taken apart, so the same kernel comes by other steps."""
    lines = mlp(act, 2).split("\n")
    declared = [line for line in lines if line.startswith("weight")]
    rest = [line for line in lines if not line.startswith("weight")]
    layers = sorted(declared, key=lambda line: ["U", "b1", "W2", "b2", "v", "b3"].index(name(line)))
    swapped = [*rest[:2], *layers, *rest[2:]]
    (entry,) = (one for one in MLP["mlp"] if one["act"] == act and one["depth"] == 2)
    found = tpc.kernel(tpc.parse("\n".join(swapped)), MLP["X"])
    for kind in ("nngp", "ntk"):
        np.testing.assert_allclose(found[kind], entry[kind], rtol=1e-12)
