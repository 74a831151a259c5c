"""Jacobians against central differences of an independent interpreter."""

from collections.abc import Callable

import numpy as np
import pytest

from tpc.diagnostics import NOWHERE
from tpc.limit.builder import LimitBuilder
from tpc.limit.jacobian import Differentiator, Free, Jacobian, Pinned, Tied
from tpc.limit.limit_nodes import Hat
from tpc.program.nodes import (
    FREE,
    Constant,
    Contract,
    Elementwise,
    Expand,
    Matrix,
    Mean,
    Node,
    Permute,
    Reduce,
    Row,
    Softmax,
    Take,
    operands,
)
from tpc.program.partials import NotDifferentiable

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative,
    "pow": np.power, "tanh": np.tanh, "sin": np.sin, "cos": np.cos, "exp": np.exp,
    "square": np.square, "relu": lambda x: np.maximum(x, 0), "equal": np.equal,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)), "sqrt": np.sqrt, "log": np.log,
    "step": lambda x: np.heaviside(x, 0.5), "max": np.maximum, "min": np.minimum,
    "clip": np.clip, "sign": np.sign, "abs": np.abs,
}  # fmt: skip


def value_at(node: Node, hats: dict[Node, np.ndarray], copy: dict[Node, np.ndarray]) -> np.ndarray:
    """Evaluate a node at one sample of the hats, its rows at one copy."""

    def of(operand: Node) -> np.ndarray:
        return value_at(operand, hats, copy)

    match node:
        case Hat():
            return hats[node]
        case Row(operand=operand):
            return value_at(operand, copy, copy)
        case Mean(operand=operand):
            return of(operand)  # one copy stands for all
        case Constant():
            return node.value
        case Elementwise():
            return FUNCTIONS[node.function](*map(of, node.operands))
        case Contract():
            return np.tensordot(of(node.left), of(node.right), node.axes)
        case Take(keys=keys):
            return of(node.operand)[tuple(slice(None) if k is None else k for k in keys)]
        case Permute(order=order):
            return of(node.operand).transpose(order)
        case Expand(axes=axes):
            return np.expand_dims(of(node.operand), axes)
        case Reduce(reduction="sum", axes=axes):
            return of(node.operand).sum(axis=axes)
        case Reduce(axes=axes):
            return of(node.operand).max(axis=axes)
        case Softmax():
            weights = np.exp(of(node.operand))
            return weights / weights.sum(axis=-1, keepdims=True)
        case _:
            raise AssertionError(node)


def dense(
    jacobian: Jacobian, hat: Hat, shape: tuple[int, ...], at: Callable[[Node], np.ndarray]
) -> np.ndarray:
    """Write a Jacobian out as the full array of shape hat.shape + shape."""
    full = np.zeros(hat.shape + shape)
    for term in jacobian:
        stored = at(term.value)
        free = [size for size, s in zip(hat.shape, term.layout, strict=True) if isinstance(s, Free)]
        stored = np.broadcast_to(stored, (*free, *shape))
        for index in np.ndindex(full.shape):
            of_hat, of_x = index[: len(hat.shape)], index[len(hat.shape) :]
            reads = []
            for i, slot in zip(of_hat, term.layout, strict=True):
                match slot:
                    case Tied(axis=axis):
                        if i != of_x[axis]:
                            break
                    case Pinned(index=at_index):
                        if i != at_index:
                            break
                    case Free():
                        reads.append(i)
            else:
                full[index] += stored[(*reads, *of_x)]
    return full


def make_hat(b: LimitBuilder, name: str, shape: tuple[int, ...]) -> Hat:
    matrix = Matrix(name, "n", "n", b.number(1), "n", NOWHERE)
    operand = b.initial_vector(name, "n", shape, None, b.number(1))
    gain, second = b.number(1), b.inner(operand, operand)
    hat = b.make(Hat, ((FREE, "n"),), shape, matrix, False, operand, gain, second, 0)
    assert isinstance(hat, Hat)
    return hat


A = np.array([[1.0, 0.5, -0.3], [0.2, -1.0, 0.4]])
T = np.arange(12.0).reshape(2, 3, 2) / 7 - 0.6

CASES: dict[str, Callable[[LimitBuilder, Hat, Hat], Node]] = {
    "elementwise": lambda b, h, g: b.mul(b.apply("tanh", h), b.apply("sin", g)),
    "same hat twice": lambda b, h, g: b.mul(b.apply("tanh", h), b.exp(h)),
    "broadcast": lambda b, h, g: b.mul(b.expand(b.take(h, (None, 0)), (1,)), g),
    "new axis": lambda b, h, g: b.mul(b.expand(h, (0,)), b.constant(np.ones((4, 1, 1)))),
    "row of the hat": lambda b, h, g: b.mul(b.take(h, (1,)), b.take(g, (0, 2))),
    "one entry": lambda b, h, g: b.mul(b.take(h, (1, 2)), g),
    "contract": lambda b, h, g: b.contract(b.apply("tanh", h), b.constant(A.T)),
    "contract two axes": lambda b, h, g: b.contract(b.apply("sin", h), b.constant(T), 2),
    "contract twice": lambda b, h, g: b.contract(
        b.apply("tanh", b.contract(h, b.constant(A.T))), b.constant(A)
    ),
    "sum over one axis": lambda b, h, g: b.reduce("sum", b.mul(h, g), (0,)),
    "sum over both": lambda b, h, g: b.reduce("sum", b.apply("square", h)),
    "sum then broadcast": lambda b, h, g: b.mul(h, b.reduce("sum", b.apply("sin", h), (0,))),
    "sum after contract": lambda b, h, g: b.reduce("sum", b.contract(h, b.constant(A.T)), (0,)),
    "softmax": lambda b, h, g: b.softmax(b.mul(h, g)),
    "softmax of sums": lambda b, h, g: b.softmax(b.reduce("sum", h, (0,))),
    "amax": lambda b, h, g: b.reduce("amax", b.mul(h, g), (1,)),
    "transpose": lambda b, h, g: b.mul(b.permute(h, (1, 0)), b.permute(g, (1, 0))),
    "transpose then contract": lambda b, h, g: b.contract(b.permute(h, (1, 0)), b.constant(A)),
    "unit through contract": lambda b, h, g: b.contract(b.mul(b.number(2), h), b.constant(A.T)),
    "quotients": lambda b, h, g: b.div(b.apply("sigmoid", h), b.exp(g)),
    "free slot": lambda b, h, g: b.mean(b.apply("tanh", b.mul(h, b.row(g, "j"))), ("j",)),
    "free slot, contracted": lambda b, h, g: b.mul(
        b.mean(b.apply("tanh", b.reduce("sum", b.mul(h, b.row(g, "j")), (1,))), ("j",)),
        b.take(h, (None, 1)),
    ),
    "clip": lambda b, h, g: b.apply("clip", b.mul(h, g), b.number(-0.2), b.number(0.4)),
    "maximum": lambda b, h, g: b.apply("max", h, b.take(g, (0,))),
    "constant power": lambda b, h, g: b.pow(b.exp(h), b.number(1.5)),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_jacobian_is_the_derivative(case: str) -> None:
    b = LimitBuilder()
    h, g = make_hat(b, "h", (2, 3)), make_hat(b, "g", (2, 3))
    differentiator = Differentiator(b)
    differentiator.watch(h)
    differentiator.watch(g)
    x = CASES[case](b, h, g)
    rng = np.random.default_rng(7)
    at, copy = ({h: rng.normal(size=(2, 3)), g: rng.normal(size=(2, 3))} for _ in range(2))
    for hat in (h, g):
        found = np.zeros((2, 3, *x.shape))
        if differentiator.reaches(hat, x):
            jacobian = differentiator.jacobian(x, hat)
            found = dense(jacobian, hat, x.shape, lambda node: value_at(node, at, copy))
        expected = np.zeros_like(found)
        step = 1e-5
        for index in np.ndindex(2, 3):
            ends = []
            for sign in (1, -1):
                moved = at[hat].copy()
                moved[index] += sign * step
                ends.append(value_at(x, {**at, hat: moved}, copy))
            expected[index] = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    # The graph handed out is made of nodes whose operands come first.
    order = {node: i for i, node in enumerate(b.nodes)}
    assert all(order[o] < order[node] for node in b.nodes for o in operands(node))


def test_elementwise_jacobians_stay_diagonal() -> None:
    b = LimitBuilder()
    h = make_hat(b, "h", (50,))
    differentiator = Differentiator(b)
    differentiator.watch(h)
    (term,) = differentiator.jacobian(b.mul(b.apply("tanh", h), b.exp(h)), h)
    assert term.layout == (Tied(0),)
    assert term.value.shape == (50,)


def test_copies_and_scalars_are_constants() -> None:
    b = LimitBuilder()
    h, g = make_hat(b, "h", ()), make_hat(b, "g", ())
    differentiator = Differentiator(b)
    differentiator.watch(h)
    differentiator.watch(g)
    assert not differentiator.reaches(h, b.mean(b.mul(g, b.row(h, "j")), ("j",)))
    assert not differentiator.reaches(h, b.mul(g, b.inner(h, h)))


def test_an_indicator_has_no_derivative() -> None:
    b = LimitBuilder()
    h = make_hat(b, "h", ())
    differentiator = Differentiator(b)
    differentiator.watch(h)
    with pytest.raises(NotDifferentiable):
        differentiator.jacobian(b.apply("delta", h), h)
