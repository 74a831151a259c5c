"""Deep architectures have exact tangent kernels: those of wide networks, written by hand."""

from pathlib import Path
from time import process_time

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tests.numeric import brute_force_networks as brute
from tpc.network.kernel_programs import pair_program
from tpc.network.network import Network

NETWORKS = Path(__file__).parents[2] / "examples" / "networks"

BEGIN = "dim n\ninput xi[3]\nweight U[3] : n (mult=0.6)\nweight v : n\n"
NORM = "def norm(h) = (h - avg(h)) / sqrt(avg(square(h - avg(h))) + 1e-5)\n"


def weights(letters: str, layers: int) -> str:
    """Declare a matrix for each letter and layer."""
    return "".join(f"weight {x}{i} : n x n\n" for x in letters for i in range(1, layers + 1))


def normed(act: str, layers: int, before: str = "norm", behind: str = "") -> str:
    """Return a perceptron with layer norms before or behind its functions."""
    lines = [f"x0 = {behind}({act}({before}(U @ xi)))"]
    lines += [f"x{i} = {behind}({act}({before}(W{i} @ x{i - 1})))" for i in range(1, layers)]
    return "\n".join(
        [BEGIN + weights("W", layers - 1) + NORM, *lines, f"readout f = v * x{layers - 1}\n"]
    )


def residual(act: str, blocks: int, inner: str = "", before: str = "") -> str:
    """Return a residual network; `inner` is the first matrix of each branch, if any."""
    lines = ["s0 = U @ xi"]
    for i in range(1, blocks + 1):
        branch = f"{inner}{i} @ {before}(s{i - 1})" if inner else f"{before}(s{i - 1})"
        lines.append(f"s{i} = s{i - 1} + 0.5 * A{i} @ {act}({branch})")
    head = BEGIN + weights("A" + inner, blocks) + NORM
    return "\n".join([head, *lines, f"readout f = v * {act}(s{blocks})\n"])


GPT = """
dim n
input tok[3, 2]
weight U[2], place[3] : n (mult=0.7)
weight K, V, A, B : n x n
weight v : n
const mask = [[0, -1e30, -1e30], [0, 0, -1e30], [0, 0, 0]]
def norm(h) = (h - avg(h)) / sqrt(avg(square(h - avg(h))) + 1e-5)
x = U @ tok.T + place
k = K @ norm(x)
y = x + (V @ norm(x)) @ softmax(<k|k> + mask).T
z = y + B @ gelu(A @ norm(y))
readout f = v * norm(z)[2]
"""

POOLING = (
    BEGIN.replace("xi[3]", "xi[6, 3]")
    + """
weight W : n x n
const pool = [[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]
const last = [1, 1, 1]
x = relu(U @ xi.T) @ pool / 2
y = ACT(W @ x) @ last / 3
readout f = v * y
"""
)

GRAPH = (
    BEGIN.replace("xi[3]", "xi[4, 3]")
    + """
weight W : n x n
const edges = [[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1]]
x = ACT(W @ relu(U @ xi.T) @ edges) @ edges / 3
readout f = v * x
"""
)

CONVOLUTION = (
    BEGIN.replace("xi[3]", "xi[5, 3]")
    + """
weight L, C : n x n
const left = [[0,1,0,0,0], [0,0,1,0,0], [0,0,0,1,0], [0,0,0,0,1], [0,0,0,0,0]]
x = U @ xi.T
s = x + C @ relu(x) + L @ (relu(x) @ left)
readout f = v * sum(ACT(s)) / 5
"""
)


def example(name: str) -> str:
    """Return the text of an example."""
    return (NETWORKS / f"{name}.tp").read_text(encoding="utf-8")


ARCHITECTURES = {
    "layer norm, relu, 3": (normed("relu", 3), brute.normed("relu", 3)),
    "layer norm, relu, 6": (normed("relu", 6), brute.normed("relu", 6)),
    "layer norm, erf, 4": (normed("erf", 4), brute.normed("erf", 4)),
    "layer norm, gelu, 3": (normed("gelu", 3), brute.normed("gelu", 3)),
    "layer norm behind relu, 3": (
        normed("relu", 3, before="", behind="norm"),
        brute.normed("relu", 3, False, True),
    ),
    "layer norm on both sides, 3": (
        normed("relu", 3, behind="norm"),
        brute.normed("relu", 3, True, True),
    ),
    "residual, relu, 8": (residual("relu", 8), brute.residual("relu", 8)),
    "residual, relu, 20": (residual("relu", 20), brute.residual("relu", 20)),
    "residual, erf, 3": (residual("erf", 3), brute.residual("erf", 3)),
    "residual, erf, 6": (residual("erf", 6), brute.residual("erf", 6)),
    "residual, gelu, 2": (residual("gelu", 2), brute.residual("gelu", 2)),
    "residual, gelu, 6": (residual("gelu", 6), brute.residual("gelu", 6)),
    "residual, tanh, 6": (residual("tanh", 6), brute.residual("tanh", 6)),
    "residual, relu, two matrices": (
        residual("relu", 3, "W"),
        brute.residual("relu", 3, inner=True),
    ),
    "residual, relu, layer norm": (
        residual("relu", 3, "W", "norm"),
        brute.residual("relu", 3, True, True),
    ),
    "residual, gelu, layer norm": (
        residual("gelu", 2, "W", "norm"),
        brute.residual("gelu", 2, True, True),
    ),
    "pooling": (POOLING.replace("ACT", "relu"), brute.pooling("relu")),
    "pooling, tanh": (POOLING.replace("ACT", "tanh"), brute.pooling("tanh")),
    "graph": (GRAPH.replace("ACT", "relu"), brute.graph("relu")),
    "graph, erf": (GRAPH.replace("ACT", "erf"), brute.graph("erf")),
    "convolution with a residual": (
        CONVOLUTION.replace("ACT", "erf"),
        brute.convolution_with_residual,
    ),
    "block of a GPT": (GPT, brute.gpt),
    "mlp.tp": (example("mlp"), brute.mlp),
    "residual_mlp.tp": (example("residual_mlp"), brute.residual_mlp),
    "convolution.tp": (example("convolution"), brute.convolution),
    "rnn.tp": (example("rnn"), brute.rnn),
    "transformer_block.tp": (example("transformer_block"), brute.transformer_block),
    "tied_autoencoder.tp": (example("tied_autoencoder"), brute.tied_autoencoder),
}

QUICK = ("mlp.tp",)


@pytest.mark.parametrize("title", slow_where(lambda title: title not in QUICK, ARCHITECTURES))
@pytest.mark.slow
def test_kernels_are_exact_and_those_of_networks(title: str) -> None:
    """A number of an exact kernel is where networks written by hand go with their width."""
    text, by_hand = ARCHITECTURES[title]
    network = tpc.parse(text)
    assert isinstance(network, Network)
    inputs = np.random.default_rng(3).standard_normal((2, *network.input.shape))
    exact = tpc.kernel(network, inputs)
    assert set(exact.methods.values()) <= {"exact", "series"}
    for kind, (value, error) in zip(
        ("nngp", "ntk"), brute.extrapolated(by_hand, inputs), strict=True
    ):
        limit = exact[kind].reshape(value.shape)
        assert np.all(np.abs(value - limit) < 5 * error + 1e-9), kind
        assert np.median(error / np.abs(limit.diagonal().mean())) < 0.06


@pytest.mark.slow
def test_a_block_of_a_gpt_takes_seconds() -> None:
    network = tpc.parse(GPT)
    inputs = np.random.default_rng(3).standard_normal((3, *network.input.shape))
    start = process_time()
    assert set(tpc.kernel(network, inputs).methods.values()) == {"exact"}
    assert process_time() - start < 5


@pytest.mark.parametrize("act", ["relu", "gelu"])
@pytest.mark.slow
def test_deep_residual_networks_have_programs_of_few_nodes(act: str) -> None:
    """Layers have their sums in common."""
    sizes = []
    for blocks in (8, 16):
        network = tpc.parse(residual(act, blocks))
        assert isinstance(network, Network)
        sizes.append(len(pair_program(network, ("nngp", "ntk")).nodes))
    assert sizes[1] < 3 * sizes[0] < 3000
