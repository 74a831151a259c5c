"""Gradients against finite differences of the network at a small width."""

import numpy as np
import pytest

from tests.marks import slow_where
from tests.network.cases import CASES, make_case
from tests.network.differences import check_gradients
from tests.network.random_networks import random_case
from tests.network.sketch import NetworkSketch, evaluate
from tpc.program.backpropagation import backpropagate
from tpc.program.nodes import Node


@pytest.mark.parametrize("axes", [(), (2,)])
@pytest.mark.parametrize("name", CASES)
def test_gradients_are_finite_differences(name: str, axes: tuple[int, ...]) -> None:
    case = make_case(name)
    check_gradients(case, axes, case.b.weights)


@pytest.mark.parametrize("seed", slow_where(lambda seed: seed >= 4, range(16)))
@pytest.mark.slow
def test_gradients_of_random_networks(seed: int) -> None:
    case = random_case(seed)
    check_gradients(case, () if seed % 2 else (2,), case.b.weights)


def test_every_axis_of_every_weight() -> None:
    """The Jacobian of a network of two outputs, entry by entry of a vector-like weight."""
    b = NetworkSketch()
    v = b.vector("v", 2)
    seed = b.constant(np.eye(2))
    y = b.mul(b.apply("tanh", v), b.constant([1.0, 3.0]))
    gradients = backpropagate(b, y, (v,), seed)
    ((d,),) = evaluate([gradients.vectors[v]], b.weights, [{}])
    slope = 1 - np.tanh(b.weights[v]) ** 2
    np.testing.assert_allclose(d[:, 0], slope * [1, 0])
    np.testing.assert_allclose(d[:, 1], slope * [0, 3])


@pytest.mark.parametrize("function", ["step", "sign"])
def test_flat_functions_pass_nothing_back(function: str) -> None:
    b = NetworkSketch()
    v, a = b.vector("v"), b.vector("a")
    gradients = backpropagate(b, b.mul(a, b.apply(function, v)), (v, a), b.number(1))
    assert list(gradients.vectors) == [a]


def test_what_is_not_asked_for_costs_nothing() -> None:
    b = NetworkSketch()
    w, v, a = b.matrix("W"), b.vector("v"), b.vector("a")
    x = b.apply("tanh", b.matmul(w, False, b.apply("sin", v)))
    y = b.mul(a, x)
    before = len(b.nodes)
    gradients = backpropagate(b, y, (a,), b.number(1))
    assert gradients.vectors == {a: x}
    assert not gradients.matrices
    assert len(b.nodes) == before


def test_a_maximum_at_several_places_is_shared() -> None:
    """Columns that are one vector get its derivative once in all, as those of max(x, x)."""
    b = NetworkSketch()
    v = b.vector("v")

    def derivative(y: Node) -> np.ndarray:
        found = backpropagate(b, y, (v,), b.number(1)).vectors[v]
        ((value,),) = evaluate([found], b.weights, [{}])
        return value

    doubled = b.mul(v, b.constant([1.0, 1.0]))
    np.testing.assert_array_equal(derivative(b.reduce("amax", doubled)), np.ones(7))
    np.testing.assert_array_equal(derivative(b.apply("max", v, v)), np.ones(7))


def test_cotangents_are_vectors_of_full_shape() -> None:
    """Even where all coordinates, or all entries along an axis, are alike."""
    b = NetworkSketch()
    w, v, c = b.matrix("W"), b.vector("v", 3), b.scalar("c", 2, 3)
    h = b.matmul(w, False, v)
    y = b.add(b.reduce("sum", h), b.reduce("sum", b.add(b.mean(h), c)))
    gradients = backpropagate(b, y, (w, v, c), b.argument("seed", 5))
    (use,) = gradients.matrices[w]
    assert use.cotangent.is_vector
    assert use.cotangent.shape == gradients.vectors[v].shape == (5, 3)
    assert gradients.scalars[c].shape == (5, 2, 3)
