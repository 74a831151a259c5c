"""What operations of the graph do with arrays, with and without leading axes."""

import pickle

import numpy as np
import pytest

from tpc.program.builder import Builder
from tpc.program.nodes import FREE, InitialVector, Node, operands
from tpc.program.operations import UFUNCS, contract, folded, linear_algebra, operation

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 2, 4))


def made(b: Builder) -> list[Node]:
    """Return nodes of every kind that has an operation on constant axes."""
    x, y = b.constant(A), b.constant(B)
    return [
        b.apply("tanh", x), b.apply("softplus", x), b.apply("relu", x), b.apply("max", x, x),
        b.apply("clip", x, b.constant(A - 1), b.constant(A + 1)),
        b.contract(x, y), b.take(y, (1, None, 2)),
        b.permute(y, (2, 0, 1)), b.expand(x, (0, 2)), b.reduce("sum", y, (0, 2)),
        b.reduce("amax", y, (1,)), b.softmax(x), b.stack((x, x)),
        *(b.linear_algebra(name, x) for name in ("inv", "trace", "det")),
    ]  # fmt: skip


@pytest.mark.parametrize("place", range(16))
def test_leading_axes_change_nothing(place: int) -> None:
    node = made(Builder())[place]
    values = [operand.value for operand in operands(node)]  # type: ignore[attr-defined]
    plain = operation(node)(*values)
    assert plain.shape == node.shape
    stacked = [np.stack([[value, 2 * value]]) for value in values]
    found = pickle.loads(pickle.dumps(operation(node, 2)))(*stacked)
    np.testing.assert_allclose(found[0, 0], plain, rtol=1e-14)
    twice = operation(node)(*(2 * value for value in values))
    np.testing.assert_allclose(found[0, 1], twice, rtol=1e-14)


def test_contractions_are_those_of_tensordot() -> None:
    left, right = RNG.normal(size=(5, 2, 3, 4)), RNG.normal(size=(3, 4, 6))
    np.testing.assert_allclose(contract(left, right, 2), np.tensordot(left, right, 2))
    assert contract(np.ones(3), np.ones(3), 1).shape == ()
    assert contract(np.ones((0, 3)), np.ones((3, 2)), 1).shape == (0, 2)


def test_ufuncs_write_floats() -> None:
    assert {"add", "tanh", "max", "square"} <= UFUNCS.keys()
    for ufunc in UFUNCS.values():
        ufunc(*np.ones((ufunc.nin, 2)), out=np.empty(2))


def test_only_constants_are_folded() -> None:
    b = Builder()
    x = b.constant(A)
    assert np.array_equal(folded(b.apply("square", x), {"square"}), A**2)
    assert folded(b.apply("square", x), {"exp"}) is None
    assert folded(b.apply("log", b.number(-1)), {"log"}) is None
    vector = b.make(InitialVector, ((FREE, "n"),), (), "v", None, b.number(1))
    assert folded(b.apply("square", vector), {"square"}) is None
    assert folded(b.mean(b.add(vector, x)), {"add"}) is None


def test_the_inverse_of_a_singular_matrix_is_no_number() -> None:
    assert np.isnan(linear_algebra("inv", np.ones((2, 2)))).all()
