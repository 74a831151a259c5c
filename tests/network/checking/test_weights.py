"""Inputs, weights and readouts of checked networks."""

import numpy as np
import pytest

import tpc
from tests.network.checking.networks import HEAD, codes_of, network_of, weight_of
from tpc.network.network import Exponents, WeightKind
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.checking.readouts import dependence_of
from tpc.program.checking.readouts import problem_of as readout_problem
from tpc.program.nodes import (
    BatchMean,
    Contract,
    Elementwise,
    InitialScalar,
    InitialVector,
    MatMul,
    Matrix,
    operands,
)


def test_the_parts_of_a_network() -> None:
    network = network_of(HEAD)
    assert network.input.shape == (2,) and network.input.is_scalar
    kinds = {weight.name: weight.kind for weight in network.weights}
    matrix, vector, scalar = WeightKind.MATRIX, WeightKind.VECTOR, WeightKind.SCALAR
    assert kinds == {"U": vector, "W": matrix, "g": scalar, "v": vector}
    assert [binding.name for binding in network.bindings] == ["U", "g", "v", "h", "x", "f"]
    assert network.readout.name == "f" and network.readout.node is network.bindings[-1].node
    assert network.training is None and network.dim.name == "n"
    assert network.parameters[0].name == "s"


def test_the_graph_is_in_topological_order_and_holds_every_leaf() -> None:
    network = network_of(HEAD)
    places = {node: place for place, node in enumerate(network.nodes)}
    assert all(places[below] < places[node] for node in network.nodes for below in operands(node))
    assert network.input in places and network.readout.node in places
    for weight in network.weights:
        assert {weight.init, weight.mult, weight.lr} <= places.keys()
        assert isinstance(weight.leaf, Matrix) or weight.leaf in places


def test_multipliers_stand_in_the_graph() -> None:
    text = f"{HEAD}weight u : n (mult=0.1)\nweight A : n x n (mult=s/2, init=3)\nz = A.T @ u\n"
    network = network_of(text)
    u, a = network.weights[-2:]
    z = network.bindings[-1].node
    assert isinstance(z, Elementwise) and z.function == "mul"
    scale, product = z.operands
    assert scale is a.mult and float(at_defaults(scale)) == 0.75
    assert isinstance(product, MatMul) and product.transposed and product.matrix is a.leaf
    assert float(at_defaults(product.matrix.variance)) == 9
    inner = product.operand
    assert isinstance(inner, Elementwise) and inner.operands == (u.mult, u.leaf)


def test_options() -> None:
    weight = weight_of("weight u[3] : n (init=s, mult=0.5, lr=s^2, train=false, abcd=[0, 1, 2, 3])")
    assert weight.shape == (3,) and not weight.trained
    assert [float(at_defaults(x)) for x in (weight.init, weight.mult, weight.lr)] == [
        1.5,
        0.5,
        2.25,
    ]
    assert weight.exponents == Exponents(0, 1, 2, 3)
    assert isinstance(weight.leaf, InitialVector) and weight.leaf.mean is None
    assert float(at_defaults(weight.leaf.covariance)) == 2.25
    plain = weight_of("weight u : n")
    assert plain.trained and plain.exponents is None
    assert [float(at_defaults(x)) for x in (plain.init, plain.mult, plain.lr)] == [1, 1, 1]
    zero = weight_of("weight Z : n x n (init=0)")
    assert isinstance(zero.leaf, Matrix) and float(at_defaults(zero.leaf.variance)) == 0


def test_scalar_like_weights_begin_where_they_are_told() -> None:
    weight = weight_of("weight a[2] (start=[s, 1], mult=2)")
    assert isinstance(weight.leaf, InitialScalar)
    np.testing.assert_array_equal(at_defaults(weight.leaf.limit), [1.5, 1])
    assert float(at_defaults(weight.init)) == 0
    bare = weight_of("weight a")
    assert isinstance(bare.leaf, InitialScalar) and float(at_defaults(bare.leaf.limit)) == 0


def test_several_weights_of_one_declaration_are_different() -> None:
    network = network_of(f"{HEAD}weight A, B : n x n (lr=2)\nz = A @ (B @ x)\n")
    a, b = network.weights[-2:]
    assert (a.name, b.name) == ("A", "B") and a.leaf is not b.leaf and a.lr is b.lr


def test_a_weight_may_be_used_often_and_transposed() -> None:
    text = f"{HEAD}y[0] = x\nfor t in range(3):\n    y[t + 1] = W.T @ (W @ y[t])\n"
    products = [node for node in network_of(text).nodes if isinstance(node, MatMul)]
    assert len(products) == 7 and len({node.matrix for node in products}) == 1


def test_an_input_of_several_axes() -> None:
    text = "dim n\ninput tok[6, 10]\nweight U[10], v : n\nh = U @ tok.T\nreadout f = v * sum(h)\n"
    network = network_of(text)
    h = network.bindings[2].node
    assert isinstance(h, Contract) and h.shape == (6,)


def test_the_average_over_inputs() -> None:
    network = network_of(f"{HEAD}z = h - batchmean(h)\nc = batchmean(avg(x)) + batchmean(2)\n")
    means = [node for node in network.nodes if isinstance(node, BatchMean)]
    assert [(node.is_vector, node.shape) for node in means] == [(True, ()), (False, ())]
    assert codes_of(f"{HEAD}m = mean[j](batchmean(x[j]))\n") == ["TP241"]


def test_the_readout_need_not_be_gaussian() -> None:
    """That is asked only where a Gaussian output is needed, by the same check as in programs."""
    network = network_of(HEAD.replace("f = v * x", "f = x"))
    problem = readout_problem(network.readout.node, dependence_of(network.nodes), network.source)
    assert problem is not None
    network = network_of(HEAD)
    assert not readout_problem(network.readout.node, dependence_of(network.nodes), network.source)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("weight A : n x n x n", "TP113"),
        ("weight A : n (init)", "TP113"),
        ("weight A : n (0.5)", "TP113"),
        ("weight A : m", "TP201"),
        ("weight A[0] : n", "TP222"),
        ("weight A : n (init=n)", "TP226"),
        ("weight A : n (init=x)", "TP221"),
        ("weight A : n (abcd=[s, 0, 0, 0])", "TP221"),
        ("weight A : n (abcd=[1, 2])", "TP258"),
        ("weight x : n", "TP202"),
        ("weight a[2] (start=[1, 2, 3])", "TP220"),
        ("weight A : s", "TP225"),
        ("for t in range(2): weight A : n", ""),
        ("y = W @ xi", "TP209"),
        ("y = x @ W", "TP211"),
        ("y = W * xi", "TP209"),
        ("y = f + 1", "TP242"),
        ("dialect netsor+", ""),
        ("dialect netsor+\ny = W.T @ x", "TP204"),
    ],
)
def test_what_is_wrong(line: str, code: str) -> None:
    assert codes_of(f"{HEAD}{line}\n") == ([code] if code else [])


def test_everything_wrong_is_reported_at_once() -> None:
    text = (
        "dim n\ninput xi[2]\ninput eta\nweight A : m\nvector v : n\nweight B : n (lrr=2)\n"
        "y = A @ xi\nz = B * v\noutput z\nreadout f = q\n"
    )
    assert codes_of(text) == ["TP252", "TP201", "TP250", "TP257", "TP251", "TP201"]


LAYERS = """\
dim n
input xi[2]
weight U[2], v : n
h[0] = U @ xi
for l in range(3):
    weight W : n x n (mult=1.3)
    weight b : n (mult=0.1)
    z = W @ relu(h[l]) + b
    h[l + 1] = h[l] + z
w = W[2] @ h[0]
readout f = v * (h[3] + w)
"""


def test_a_weight_in_a_loop_is_a_new_one_in_every_round() -> None:
    network = network_of(LAYERS)
    names = [weight.name for weight in network.weights]
    assert names == ["U", "v", "W[0]", "b[0]", "W[1]", "b[1]", "W[2]", "b[2]"]
    assert len({weight.leaf for weight in network.weights}) == len(names)
    by_name = {binding.name: binding.node for binding in network.bindings}
    product = by_name["w"].operands[1]  # type: ignore[attr-defined]
    assert isinstance(product, MatMul) and product.matrix is network.weights[-2].leaf
    assert {"z[0]", "z[2]", "h[3]"} <= by_name.keys()


@pytest.mark.slow
def test_layers_of_a_loop_are_those_written_out() -> None:
    lines = LAYERS.splitlines()
    rounds = [
        line.strip()
        .replace("weight W", f"weight W{at}").replace("weight b", f"weight b{at}")
        .replace("z =", f"z{at} =").replace("W @", f"W{at} @").replace("+ b", f"+ b{at}")
        .replace("+ z", f"+ z{at}").replace("[l + 1]", f"[{at + 1}]").replace("[l]", f"[{at}]")
        for at in range(3)
        for line in lines[5:9]
    ]  # fmt: skip
    written = [*lines[:4], *rounds, lines[9].replace("W[2]", "W2"), lines[10]]
    x = np.array([[1.0, 0.5], [-0.3, 0.8]])
    one, other = (tpc.kernel(tpc.parse(text), x) for text in (LAYERS, "\n".join(written)))
    for name in ("nngp", "ntk"):
        np.testing.assert_array_equal(one[name], other[name])


TRAINED = f"""{LAYERS}
train f:
    data [[1, 0]], [1]
    loss mse
    optimizer sgd(lr=1)
    {{}}
    parametrization mup
    steps 1
"""


def rates(*lines: str) -> list[float]:
    network = network_of(TRAINED.format("\n    ".join(lines)))
    assert network.training is not None
    uses = [network.training.optimizer_of(f"W[{at}]") for at in range(3)]
    return [float(at_defaults(dict(use.options)["lr"])) for use in uses]  # type: ignore[arg-type]


def test_optimizers_of_a_family_and_of_one_member() -> None:
    assert rates("optimizer W: sgd(lr=2)") == [2, 2, 2]
    assert rates("optimizer W[2]: sgd(lr=3)", "optimizer W: sgd(lr=2)") == [2, 2, 3]
    assert rates("optimizer W: sgd(lr=2)", "optimizer W[0], W[4 - 3]: sgd(lr=3)") == [3, 3, 2]


@pytest.mark.parametrize(
    "line",
    ["optimizer W[3]: sgd(lr=1)", "optimizer W[1], W[1]: sgd(lr=1)", "optimizer 2: sgd(lr=1)"],
)
def test_optimizers_of_no_weight(line: str) -> None:
    assert codes_of(TRAINED.format(line)) == ["TP279"]
