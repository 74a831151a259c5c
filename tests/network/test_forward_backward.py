"""Passes over a batch: of networks as text, with weights that move, and where inputs meet."""

import numpy as np
import pytest

import tpc
from tests.network.cases import Case, case_of
from tests.network.differences import INPUTS, check_gradients
from tests.network.sketch import WIDTH, Array, NetworkSketch, evaluate
from tpc.network.forward_backward import BatchPass, Differentiated, differentiate
from tpc.network.network import Network
from tpc.program.nodes import InitialScalar, InitialVector, Matrix, Node

MLP = """
dim n
param s = 1.5
input xi[4]
weight U[4] : n
weight W : n x n (mult=s)
weight b : n (mult=0.1)
weight g (start=1)
weight v : n
h = U @ xi
x1 = tanh(h)
x2 = tanh(W @ x1 + b)
readout f = g * v * x2
"""

NORMALISED = """
dim n
input xi[2]
weight U[2] : n
weight W : n x n
weight V[2] : n
h = W @ tanh(U @ xi)
z = (h - batchmean(h)) / sqrt(batchmean(square(h - batchmean(h))) + 0.1)
x = z + batchmean(<z|z>) * sin(h)
readout f = V * sum([1, 1] * tanh(x))
"""

AUTOENCODER = """
dim n
input xi[3]
weight U[3] : n
weight W : n x n
weight b, v : n
h = relu(W @ relu(U @ xi))
back = W.T @ h
readout f = v * mean[j](tanh(back * back[j] + b[j] - b))
"""


def network(text: str) -> Network:
    """Return a network."""
    found = tpc.parse(text)
    assert isinstance(found, Network)
    return found


@pytest.mark.parametrize("text", [MLP, NORMALISED, AUTOENCODER])
def test_gradients_of_networks_as_text(text: str) -> None:
    case = case_of(network(text))
    check_gradients(case, (), case.b.weights)


class Batch:
    """A network over a batch, with values."""

    def __init__(self, text: str, seed_axes: tuple[int, ...] = ()) -> None:
        self.network = network(text)
        self.case: Case = case_of(self.network)
        self.b: NetworkSketch = self.case.b
        self.one: Differentiated = differentiate(self.b, self.network, seed_axes)
        self.inputs = self.b.argument("X", INPUTS, *self.case.input.shape)
        self.drawn = np.random.default_rng(3).normal(size=self.inputs.shape)

    def value(self, *nodes: Node) -> list[Array]:
        """Return the values of nodes of the batch."""
        return evaluate(list(nodes), self.b.weights, [{self.inputs: self.drawn}])[0]

    def matrix(self, name: str) -> Matrix:
        """Return a matrix-like trainable tensor."""
        leaf = next(weight.leaf for weight in self.network.weights if weight.name == name)
        assert isinstance(leaf, Matrix)
        return leaf

    def leaf(self, name: str) -> InitialVector | InitialScalar:
        """Return another trainable tensor."""
        leaf = next(weight.leaf for weight in self.network.weights if weight.name == name)
        assert not isinstance(leaf, Matrix)
        return leaf


def test_a_pass_makes_the_nodes_that_one_would_write() -> None:
    """For an MLP, forward and backward: no node is new."""
    batch = Batch(MLP)
    b, x = batch.b, batch.inputs
    chi = b.argument("chi", INPUTS)
    w, (u, bias, g, v) = batch.matrix("W"), map(batch.leaf, "Ubgv")
    s, tenth = (batch.network.weights[index].mult for index in (1, 2))
    h = b.contract(u, b.transpose(x))
    x1 = b.apply("tanh", h)
    x2 = b.apply("tanh", b.add(b.mul(s, b.matmul(w, False, x1)), b.mul(tenth, bias)))
    b.mul(b.mul(g, v), x2)
    summed = b.contract(x2, chi)
    b.mul(summed, g), b.mean(b.mul(summed, v))
    dh2 = b.mul(b.mul(chi, b.mul(g, v)), slope(b, x2))
    b.mul(b.reduce("sum", dh2), tenth)
    dh = b.mul(b.matmul(w, True, b.mul(dh2, s)), slope(b, x1))
    b.contract(dh, x)
    before = len(b.nodes)
    run = BatchPass(b, batch.one, x)
    assert run.output.shape == (INPUTS,)
    run.total_gradients(chi)
    assert len(b.nodes) == before


def slope(b: NetworkSketch, x: Node) -> Node:
    """Return tanh'(h) for x = tanh(h)."""
    return b.sub(b.number(1), b.apply("square", x))


def test_outputs_and_total_gradients() -> None:
    """Against one input after the other."""
    batch = Batch(MLP)
    b = batch.b
    chi = b.constant([0.5, -1.0, 2.0])
    run = BatchPass(b, batch.one, batch.inputs)
    gradients = run.total_gradients(chi)
    each = run.gradients(chi)
    assert [leaf.name for leaf in gradients.vectors] == [leaf.name for leaf in each.vectors]
    totals = batch.value(*gradients.vectors.values(), *gradients.scalars.values())
    several = [*each.vectors.values(), *each.scalars.values()]
    for total, node, one in zip(totals, several, batch.value(*several), strict=True):
        np.testing.assert_allclose(total, one.sum(axis=len(node.coords)), rtol=1e-12)
    assert gradients.matrices.keys() == each.matrices.keys()


def test_totals_take_no_array_for_each_input() -> None:
    """The gradient of U[d] over M inputs is n x d, never n x M x d."""
    batch = Batch(MLP)
    run = BatchPass(batch.b, batch.one, batch.inputs)
    run.total_gradients(batch.b.argument("chi", INPUTS))
    largest = max(np.prod(node.shape) for node in batch.b.nodes if node.is_vector)
    assert largest == max(INPUTS, batch.case.input.shape[0])


def test_products_may_be_replaced() -> None:
    """W + a b.T / n in place of W, forward and backward."""
    batch = Batch(MLP)
    b, weights = batch.b, batch.b.weights
    left, right = b.vector("left"), b.vector("right")
    chi = b.constant([0.5, -1.0, 2.0])

    def product(matrix: Matrix, transposed: bool, x: Node) -> Node:
        ahead, behind = (right, left) if transposed else (left, right)
        moved = b.mul(ahead, b.inner(behind, x))
        return b.add(b.matmul(matrix, transposed, x), moved)

    def results(run: BatchPass) -> list[Array]:
        found = run.total_gradients(chi)
        (uses,) = found.matrices.values()
        return batch.value(run.output, *found.vectors.values(), uses[0].cotangent)

    found = results(BatchPass(b, batch.one, batch.inputs, matmul=product))
    matrix = batch.matrix("W")
    weights[matrix] = weights[matrix] + np.outer(weights[left], weights[right]) / WIDTH
    for value, wanted in zip(found, results(BatchPass(b, batch.one, batch.inputs)), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-12)


def test_weights_may_be_replaced() -> None:
    batch = Batch(MLP)
    b, v = batch.b, batch.leaf("v")
    later = b.sub(v, b.apply("sin", v))
    run = BatchPass(b, batch.one, batch.inputs, {v: later})
    (moved,) = batch.value(run.output)
    b.weights[v] = b.weights[v] - np.sin(b.weights[v])
    (wanted,) = batch.value(BatchPass(b, batch.one, batch.inputs).output)
    np.testing.assert_allclose(moved, wanted, rtol=1e-12)


def test_outputs_of_coupled_inputs_have_gradients_of_their_own() -> None:
    """Where inputs meet in a batch mean, seeds for output (i, e) of all inputs: S = (M, e)."""
    axes = (INPUTS, 2)
    batch = Batch(NORMALISED, axes)
    b = batch.b
    run = BatchPass(b, batch.one, batch.inputs)
    seeds = np.einsum("mi,ef->mief", np.eye(INPUTS), np.eye(2))
    u = batch.leaf("U")
    assert isinstance(u, InitialVector)
    (found,) = batch.value(run.total_gradients(b.constant(seeds)).vectors[u])
    way = np.random.default_rng(8).normal(size=b.weights[u].shape)
    start, sums = b.weights[u], []
    for step in (-2e-4, -1e-4, 1e-4, 2e-4):
        b.weights[u] = start + step * way
        sums.append(batch.value(run.output)[0].sum(axis=0))
    wanted = (8 * (sums[2] - sums[1]) - (sums[3] - sums[0])) / 12e-4
    np.testing.assert_allclose(np.einsum("aied,ad->ie", found, way), wanted, rtol=1e-6)


def test_a_batch_mean_is_one_value() -> None:
    batch = Batch(NORMALISED)
    run = BatchPass(batch.b, batch.one, batch.inputs)
    h = next(binding.node for binding in batch.network.bindings if binding.name == "h")
    assert run.image(h).shape == (INPUTS,)
    (z,) = batch.value(run.image(next(x.node for x in batch.network.bindings if x.name == "z")))
    np.testing.assert_allclose(z.mean(axis=1), 0, atol=1e-12)


def test_frozen_weights_have_no_gradient() -> None:
    text = MLP.replace("W : n x n (mult=s)", "W : n x n (mult=s, train=false)")
    gradients = Batch(text.replace("g (start=1)", "g (start=1, train=false)")).one.gradients
    assert not gradients.matrices
    assert not gradients.scalars
    assert {leaf.name for leaf in gradients.vectors} == {"U", "b", "v"}


def test_a_thousand_inputs_are_one_node() -> None:
    """The number of nodes does not depend on how many inputs there are."""
    counts = []
    for size in (5, 1000):
        batch = Batch(NORMALISED)
        x = batch.b.argument("X", size, 2)
        run = BatchPass(batch.b, batch.one, x)
        run.total_gradients(batch.b.argument("chi", size, 2))
        counts.append(len(batch.b.nodes))
        assert all(np.prod(node.shape) <= 2 * size * 2 for node in batch.b.nodes)
    assert counts[0] == counts[1]
