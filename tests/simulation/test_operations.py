"""Operations on constant axes against NumPy."""

import numpy as np
from scipy.linalg import sqrtm

from tests.simulation.finite_programs import Sketch
from tpc.program.nodes import Node
from tpc.simulation.simulate import simulate

A = np.arange(24.0).reshape(2, 3, 4)
SQUARE = np.array([[2.0, 1.0], [0.5, 3.0]])


def value(b: Sketch, node: Node) -> np.ndarray:
    """Return the value of a scalar node."""
    return np.asarray(simulate(b.program(y=node), 2, trials=1)["y"])


def test_axes_of_scalars() -> None:
    b = Sketch()
    a = b.constant(A)
    cases = [
        (b.take(a, (1, None, -1)), A[1, :, -1]),
        (b.permute(a, (2, 0, 1)), A.transpose(2, 0, 1)),
        (b.transpose(a), A.swapaxes(1, 2)),
        (b.expand(a, (0, 3)), A[None, :, :, None]),
        (b.reduce("sum", a), A.sum()),
        (b.reduce("amax", a, (-1, 0)), A.max(axis=(0, 2))),
        (b.contract(a, b.constant(A[0, :2].T)), np.tensordot(A, A[0, :2].T, 1)),
        (b.contract(a, b.constant(A[0, :2, :].T.reshape(4, 2)), 1), A @ A[0, :2].T),
        (b.contract(a, b.constant(A[1]), 2), np.tensordot(A, A[1], 2)),
        (b.softmax(a), np.exp(A) / np.exp(A).sum(axis=-1, keepdims=True)),
        (b.linear_algebra("inv", b.constant(SQUARE)), np.linalg.inv(SQUARE)),
        (b.linear_algebra("det", b.constant(SQUARE)), 5.5),
        (b.linear_algebra("trace", b.constant(SQUARE)), 5.0),
        (b.linear_algebra("root", b.constant(SQUARE @ SQUARE.T)), sqrtm(SQUARE @ SQUARE.T)),
        (b.stack((b.number(2), b.number(3))), [2, 3]),
        (b.stack((b.constant(A[0]), b.constant(A[1]))), A),
    ]
    for node, wanted in cases:
        found = value(b, node)
        assert found.shape == np.shape(wanted) == node.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_vectors_broadcast_over_constant_axes_like_numpy() -> None:
    """(n, 3) against (2, 3), and (n,) against (2,): the width axis stays on the left."""
    b = Sketch()
    x, s = b.vector("x", (3,), mean=[1.0, 2.0, 3.0], covariance=0.0), b.vector("s", mean=5.0)
    sums = b.mean(b.add(x, b.constant(A[:, :, 0])))
    np.testing.assert_allclose(value(b, sums), A[:, :, 0] + [1, 2, 3])
    ones = b.add(b.mul(s, b.number(0.0)), b.constant([1.0, 2.0]))
    np.testing.assert_allclose(value(b, b.mean(ones)), [1.0, 2.0])


def test_contract_puts_coordinates_first() -> None:
    b = Sketch()
    x = b.vector("x", (2,), mean=[1.0, 2.0], covariance=0.0)
    left = b.constant(A[:, 0, :2])
    np.testing.assert_allclose(value(b, b.mean(b.contract(left, x))), A[:, 0, :2] @ [1, 2])
    np.testing.assert_allclose(value(b, b.mean(b.contract(x, left))), [1, 2] @ A[:, 0, :2])
