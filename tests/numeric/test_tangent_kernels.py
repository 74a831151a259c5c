"""Deep architectures have exact tangent kernels, those that samples of the same limit have."""

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tpc.driver.shown import ShownLimit
from tpc.limit.derive import derive_limit
from tpc.network.kernel_programs import batch_program, pair_program
from tpc.network.network import Network
from tpc.program.passes import normalise

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

ARCHITECTURES = {
    "layer norm, relu, 3": normed("relu", 3),
    "layer norm, relu, 6": normed("relu", 6),
    "layer norm, erf, 4": normed("erf", 4),
    "layer norm, gelu, 3": normed("gelu", 3),
    "layer norm behind relu, 3": normed("relu", 3, before="", behind="norm"),
    "layer norm on both sides, 3": normed("relu", 3, behind="norm"),
    "residual, relu, 8": residual("relu", 8),
    "residual, erf, 3": residual("erf", 3),
    "residual, erf, 6": residual("erf", 6),
    "residual, gelu, 2": residual("gelu", 2),
    "residual, gelu, 6": residual("gelu", 6),
    "residual, relu, 20": residual("relu", 20),
    "residual, tanh, 6": residual("tanh", 6),
    "residual, relu, two matrices": residual("relu", 3, "W"),
    "residual, relu, layer norm": residual("relu", 3, "W", "norm"),
    "residual, gelu, layer norm": residual("gelu", 2, "W", "norm"),
    "pooling": POOLING.replace("ACT", "relu"),
    "pooling, tanh": POOLING.replace("ACT", "tanh"),
    "graph": GRAPH.replace("ACT", "relu"),
    "graph, erf": GRAPH.replace("ACT", "erf"),
    "convolution with a residual": CONVOLUTION.replace("ACT", "erf"),
    "block of a GPT": GPT,
    "transformer block": (NETWORKS / "transformer_block.tp").read_text(),
    "tied autoencoder": (NETWORKS / "tied_autoencoder.tp").read_text(),
}

QUICK = ("layer norm, relu, 3", "pooling, tanh")


@pytest.mark.parametrize("title", slow_where(lambda title: title not in QUICK, ARCHITECTURES))
def test_kernels_are_exact_and_those_of_samples(
    title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = tpc.parse(ARCHITECTURES[title])
    inputs = np.random.default_rng(3).standard_normal((2, *network.input.shape))
    exact = tpc.kernel(network, inputs)
    assert set(exact.methods.values()) <= {"exact", "series"}
    program = normalise(batch_program(network, ("nngp", "ntk"), inputs, None))
    module = ModuleType("limit")
    monkeypatch.setitem(sys.modules, "limit", module)
    limit = ShownLimit.of(derive_limit(program, integrate=False))
    exec(compile(tpc.emit(limit), "limit", "exec"), module.__dict__)
    sampled = module.evaluate(samples=2**14)
    for kind in ("nngp", "ntk"):
        error = np.maximum(sampled.stderr[kind], 1e-12)
        assert np.all(np.abs(exact[kind] - sampled[kind]) < 6 * error)


@pytest.mark.parametrize("act", ["relu", "gelu"])
def test_deep_residual_networks_have_programs_of_few_nodes(act: str) -> None:
    """Layers have their sums in common."""
    sizes = []
    for blocks in (8, 16):
        network = tpc.parse(residual(act, blocks))
        assert isinstance(network, Network)
        sizes.append(len(pair_program(network, ("nngp", "ntk")).nodes))
    assert sizes[1] < 3 * sizes[0] < 3000
