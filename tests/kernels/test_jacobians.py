"""The tangent kernel as a program against Jacobians of one finite network, entry by entry.

At any width the program's ntk is the sum over trained weights of lr J J'.T, where J is the
derivative of f = n^-1/2 sum(y) in the O(1) tensors w of ntp (W = n^-1/2 w for matrices): here by
finite differences of the forward pass alone.
"""

from collections.abc import Mapping

import numpy as np
import pytest

import tpc
from tests.network import sketch
from tests.network.sketch import Array, evaluate
from tpc.network.kernel_programs import batch_program, pair_program
from tpc.network.network import Network
from tpc.program.nodes import InitialScalar, InitialVector, Matrix, Node, Parameter

WIDTH = sketch.WIDTH

HEAD = """
dim n
input xi[2, 3]
weight W : n x n (mult=1.2, init=0.7, lr=2)
weight U[3] : n (mult=0.5)
weight b : n (train=false)
weight g (start=0.8, train=false)
"""

NETWORKS = {
    "tied and transposed": HEAD
    + """
weight v : n (lr=0.5)
h = tanh(U @ xi[0] + b)
k = tanh(W.T @ (g * W @ h) + W @ tanh(U @ xi[1]))
readout f = v * k
""",
    "tokens and outputs": HEAD
    + """
weight v[2] : n
h = W @ tanh(U @ xi.T + b)
k = h @ softmax(<h|h>) - avg(h)
readout f = v * tanh(k)
""",
    "sums of a first weight": HEAD
    + """
weight v : n
h = sum(U * xi[0]) - U @ xi[1] / 2
readout f = v * tanh(W @ sin(h)) - 0.3 * v * h
""",
    "batch norm": HEAD
    + """
weight v[2] : n
h = W @ tanh(U @ xi.T)
c = h - batchmean(h)
readout f = v * c / sqrt(batchmean(square(c)) + 0.1)
""",
}


def weights_of(network: Network) -> dict[Matrix | Node, Array]:
    """Draw the tensors in the graph: matrices with entries N(0, init^2 / n)."""
    random = np.random.default_rng(4)
    drawn: dict[Matrix | Node, Array] = {}
    for weight in network.weights:
        match weight.leaf:
            case Matrix() as matrix:
                drawn[matrix] = random.normal(0, 0.7 * WIDTH**-0.5, (WIDTH, WIDTH))
            case InitialVector(shape=shape) as vector:
                drawn[vector] = random.normal(size=(WIDTH, *shape))
            case InitialScalar() as scalar:
                drawn[scalar] = np.array(0.8)
    return drawn


def outputs(network: Network, weights: Mapping[Matrix | Node, Array], inputs: Array) -> Array:
    """Return f at every input, flattened."""
    given: list[dict[Node, Array]] = [{network.input: xi} for xi in inputs]
    values = evaluate([network.readout.node], dict(weights), given)
    return np.concatenate([y.sum(axis=0).reshape(-1) for (y,) in values]) / np.sqrt(WIDTH)


def kernel_by_differences(
    network: Network, weights: Mapping[Matrix | Node, Array], first: Array, second: Array
) -> Array:
    """Return the sum over weights and their entries of lr times the product of derivatives."""
    rates = {"W": 2.0, "v": 0.5 if "lr=0.5" in network.source else 1.0}
    total = np.zeros(())
    step = 1e-4
    for weight in network.weights:
        if not weight.trained:
            continue
        scale = WIDTH**-0.5 if isinstance(weight.leaf, Matrix) else 1.0
        for entry in np.ndindex(weights[weight.leaf].shape):
            slopes = []
            for inputs in (first, second):
                at = []
                for way in (step, -step):
                    moved = weights[weight.leaf].copy()
                    moved[entry] += scale * way
                    at.append(outputs(network, {**weights, weight.leaf: moved}, inputs))
                slopes.append((at[0] - at[1]) / (2 * step))
            total = total + rates.get(weight.name, 1.0) * np.outer(*slopes)
    return total


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.slow
def test_ntk_is_the_product_of_jacobians(name: str) -> None:
    network = tpc.parse(NETWORKS[name])
    assert isinstance(network, Network)
    weights = weights_of(network)
    random = np.random.default_rng(5)
    first, second = random.normal(size=(3, 2, 3)), random.normal(size=(2, 2, 3))
    coupled = name == "batch norm"
    columns = first if coupled else second
    program = batch_program(network, ("ntk",), first, None if coupled else second)
    ((found,),) = evaluate([program.outputs[0].node], weights, [{}])
    wanted = kernel_by_differences(network, weights, first, columns)
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-5, atol=1e-6)
    if coupled:
        return
    pair = pair_program(network, ("ntk",))
    names = {node.name: node for node in pair.nodes if isinstance(node, Parameter)}
    one = {names["first input"]: first[1], names["second input"]: second[0]}
    ((entry,),) = evaluate([pair.outputs[0].node], weights, [dict(one)])
    outputs_each = wanted.shape[0] // len(first)
    block = wanted[outputs_each : 2 * outputs_each, :outputs_each]
    np.testing.assert_allclose(entry.reshape(block.shape), block, rtol=1e-5, atol=1e-6)
