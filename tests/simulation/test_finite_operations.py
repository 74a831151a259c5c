"""Operations on constant axes against NumPy."""

from collections.abc import Callable
from typing import TypeAlias

import mpmath
import numpy as np
import pytest
from scipy.linalg import sqrtm

from tests.simulation.finite_programs import Sketch
from tpc.functions import FUNCTIONS
from tpc.program import operations
from tpc.program.nodes import Node
from tpc.simulation import finite_operations as referee
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


def normal_cdf(x: float) -> mpmath.mpf:
    return mpmath.ncdf(x)


TRUTH = {
    "relu": lambda x: max(x, 0),
    "gelu": lambda x: x * normal_cdf(x),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "tanh": mpmath.tanh,
    "arctan": mpmath.atan,
    "erf": mpmath.erf,
    "Phi": normal_cdf,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "exp": mpmath.exp,
    "log": lambda x: mpmath.log(x) if x > 0 else (-mpmath.inf if x == 0 else mpmath.nan),
    "sqrt": lambda x: mpmath.sqrt(x) if x >= 0 else mpmath.nan,
    "square": lambda x: x * x,
    "abs": abs,
    "sign": lambda x: (x > 0) - (x < 0),
    "step": lambda x: 0.5 if x == 0 else float(x > 0),
    "neg": lambda x: -x,
    "leaky_relu": lambda x, a: x if x > 0 else a * x,
    "elu": lambda x, a: x if x > 0 else a * mpmath.expm1(x),
    "max": max,
    "min": min,
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: mpmath.power(x, y) if x >= 0 else mpmath.nan,
    "equal": lambda x, y: float(x == y),
    "clip": lambda x, low, high: min(max(x, low), high),
}


Elementwise: TypeAlias = Callable[..., np.ndarray]

SIDES = (referee.elementwise, operations.elementwise)


def test_every_function_is_covered() -> None:
    assert set(TRUTH) == set(FUNCTIONS) - {"delta"}


@pytest.mark.parametrize("elementwise", SIDES)
@pytest.mark.parametrize("function", sorted(TRUTH))
def test_function_against_mpmath(function: str, elementwise: Elementwise) -> None:
    others = {1: (), 2: (0.75,), 3: (-1.0, 0.5)}[FUNCTIONS[function].arity]
    for x in (-30.0, -1.25, -1e-3, 0.0, 1e-3, 0.5, 0.75, 2.0, 30.0):
        with np.errstate(all="ignore"):
            found = elementwise(function, np.array([x]), *(np.array(y) for y in others))
        wanted = float(TRUTH[function](x, *others))
        np.testing.assert_allclose(found, [wanted], rtol=1e-13, atol=0, err_msg=str(x))


@pytest.mark.parametrize("elementwise", SIDES)
@pytest.mark.parametrize("function", sorted(TRUTH))
def test_ordinary_values_raise_no_flag(function: str, elementwise: Elementwise) -> None:
    """A static is refused where NumPy signals overflow or an invalid operation."""
    others = {1: (), 2: (0.75,), 3: (-1.0, 0.5)}[FUNCTIONS[function].arity]
    large = 800.0 if function not in ("exp", "pow") else 80.0
    for x in (1e-3, large) if function in ("log", "sqrt", "pow") else (-large, 1e-3, large):
        with np.errstate(divide="raise", over="raise", invalid="raise", under="ignore"):
            value = elementwise(function, np.array(x), *(np.array(y) for y in others))
        assert np.isfinite(value), x


def test_delta_is_refused() -> None:
    with pytest.raises(AssertionError, match="delta"):
        referee.elementwise("delta", np.zeros(2))
