"""Deep architectures have exact tangent kernels, those that samples of the same limit have."""

from pathlib import Path

import numpy as np
import pytest

import tpc

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

ARCHITECTURES = {
    "layer norm, relu, 3": normed("relu", 3),
    "layer norm, relu, 6": normed("relu", 6),
    "layer norm, erf, 4": normed("erf", 4),
    "layer norm, gelu, 3": normed("gelu", 3),
    "layer norm behind relu, 3": normed("relu", 3, before="", behind="norm"),
    "layer norm on both sides, 3": normed("relu", 3, behind="norm"),
    "residual, relu": residual("relu", 4),
    "residual, relu, two matrices": residual("relu", 3, "W"),
    "residual, relu, layer norm": residual("relu", 3, "W", "norm"),
    "residual, gelu, layer norm": residual("gelu", 2, "W", "norm"),
    "block of a GPT": GPT,
    "transformer block": (NETWORKS / "transformer_block.tp").read_text(),
}


@pytest.mark.parametrize("title", ARCHITECTURES)
def test_the_tangent_kernel_is_exact_and_that_of_samples(title: str) -> None:
    network = tpc.parse(ARCHITECTURES[title])
    inputs = np.random.default_rng(3).standard_normal((2, *network.input.shape))
    exact = tpc.kernel(network, inputs, kind="ntk")
    assert exact.methods["ntk"] in ("exact", "series")
    sampled = tpc.kernel(network, inputs, kind="ntk", method="mc", samples=2**14)
    error = np.maximum(sampled.stderr["ntk"], 1e-9)
    assert np.all(np.abs(exact["ntk"] - sampled["ntk"]) < 6 * error)
