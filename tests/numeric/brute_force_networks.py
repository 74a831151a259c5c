"""Finite networks in plain NumPy, with kernels from gradients of their own: a tape of operations.

Arrays have the trials in front, then the width, then positions or tokens. Every weight is drawn
from N(0, 1) and multiplied as in the parametrization ntp, matrices by n^-1/2 and the output too:

    nngp = <e|e'>,    ntk = sum over all weights w of (df / dw) (df' / dw).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(eq=False)
class Value:
    """An array that has been computed from others.

    Attributes:
        array: The array.
        back: For each of these what takes the gradient in this one to that in it.
        gradient: That of the output that was last asked for.
    """

    array: Array
    back: Sequence[tuple["Value", Callable[[Array], Array]]] = ()
    gradient: Array | None = None

    def __add__(self, other: Any) -> "Value":
        y = constant(other)
        return Value(self.array + y.array, [(self, lambda g: g), (y, lambda g: g)])

    def __sub__(self, other: Any) -> "Value":
        return self + constant(other) * -1.0

    def __mul__(self, other: Any) -> "Value":
        y = constant(other)
        both = [(self, lambda g: g * y.array), (y, lambda g: g * self.array)]
        return Value(self.array * y.array, both)

    def __truediv__(self, other: "Value") -> "Value":
        return self * apply(lambda x: 1 / x, lambda x: -1 / x**2, other)


def constant(value: Any) -> Value:
    """Return what has no gradient."""
    return value if isinstance(value, Value) else Value(np.asarray(value, dtype=float))


def apply(f: Callable[[Array], Array], slope: Callable[[Array], Array], x: Value) -> Value:
    """Return a function of every entry."""
    return Value(f(x.array), [(x, lambda g: g * slope(x.array))])


def einsum(subscripts: str, x: Any, y: Any) -> Value:
    """Return a contraction of two arrays, every label of which is in the other or in the result."""
    x, y = constant(x), constant(y)
    inputs, out = subscripts.split("->")
    left, right = inputs.split(",")

    def product(form: str, a: Array, b: Array) -> Array:
        return np.einsum(form, a, b, optimize=True)

    return Value(
        product(subscripts, x.array, y.array),
        [
            (x, lambda g: product(f"{out},{right}->{left}", g, y.array)),
            (y, lambda g: product(f"{out},{left}->{right}", g, x.array)),
        ],
    )


def backward(output: Value) -> None:
    """Compute the gradients of the sum of an array in all that it has been computed from."""
    order: list[Value] = []
    seen = set()
    waiting = [(output, False)]
    while waiting:
        node, done = waiting.pop()
        if done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            node.gradient = np.zeros_like(node.array)
            waiting.append((node, True))
            waiting += [(part, False) for part, _ in node.back]
    output.gradient = np.ones_like(output.array)
    for node in reversed(order):
        for part, rule in node.back:
            assert node.gradient is not None and part.gradient is not None
            part.gradient += _summed(rule(node.gradient), part.array.shape)


def _summed(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum over the axes along which an array was broadcast."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    ones = tuple(i for i, size in enumerate(shape) if size == 1 and gradient.shape[i] > 1)
    return gradient.sum(axis=ones, keepdims=True) if ones else gradient


@dataclass
class Weights:
    """The weights of some networks of one width, drawn when they are first used."""

    width: int
    trials: int
    random: np.random.Generator
    drawn: dict[str, Value] = field(default_factory=dict)

    def _of(self, name: str, *shape: int) -> Value:
        if name not in self.drawn:
            self.drawn[name] = Value(self.random.standard_normal((self.trials, *shape)))
        return self.drawn[name]

    def times(self, name: str, x: Value, mult: float = 1.0, transposed: bool = False) -> Value:
        """Return W @ x or W.T @ x."""
        form = "tji,tjk->tik" if transposed else "tij,tjk->tik"
        scale = mult / np.sqrt(self.width)
        return einsum(form, self._of(name, self.width, self.width) * scale, x)

    def embedded(self, name: str, x: Array, mult: float = 1.0) -> Value:
        """Return U @ x.T of an array of positions and channels."""
        return einsum("tnc,kc->tnk", self._of(name, self.width, x.shape[1]) * mult, x)

    def vector(self, name: str, mult: float = 1.0, columns: int = 1) -> Value:
        """Return a vector-like weight."""
        return self._of(name, self.width, columns) * mult


Network: TypeAlias = Callable[[Weights, Array], tuple[Value, Value]]
"""From weights and one input to v and e of the readout v * e, of which each column is an output."""


def kernels(network: Network, inputs: Array, weights: Weights) -> tuple[Array, Array]:
    """Return both kernels of a network, of shape trials, inputs x outputs, inputs x outputs."""
    ends = []
    gradients: dict[str, list[Array]] = {}
    for given in inputs:
        v, e = network(weights, given)
        f = v * e
        columns = f.array.shape[2]
        ends.append(np.broadcast_to(e.array, f.array.shape))
        for column in range(columns):
            one = np.zeros((weights.width, columns))
            one[:, column] = weights.width**-0.5
            backward(einsum("tnk,nk->t", f, one))
            for name, value in weights.drawn.items():
                own = value.gradient
                assert own is not None
                gradients.setdefault(name, []).append(own.reshape(weights.trials, -1).copy())
                value.gradient = None
    e = np.concatenate(ends, axis=2)
    nngp = np.einsum("tnk,tnl->tkl", e, e, optimize=True) / weights.width
    if v.array.shape[2] > 1:  # outputs that share nothing
        nngp *= np.tile(np.eye(columns), (len(inputs), len(inputs)))
    ntk = np.zeros_like(nngp)
    for rows in gradients.values():
        stacked = np.stack(rows, axis=1)
        ntk += stacked @ stacked.transpose(0, 2, 1)
    return nngp, ntk


def extrapolated(
    network: Network, inputs: Array, widths: Sequence[int] = (32, 64, 128), entries: int = 2**19
) -> list[tuple[Array, Array]]:
    """Return both kernels at infinite width, with errors: a of a + b / n.

    Args:
        network: The network.
        inputs: Some.
        widths: Of what is computed.
        entries: How many entries the draws of a matrix have.
    """
    means, squares = [], []
    for width in widths:
        weights = Weights(width, entries // width**2, np.random.default_rng(width))
        found = np.stack(kernels(network, inputs, weights), axis=1)
        means.append(found.mean(axis=0))
        squares.append(found.var(axis=0, ddof=1) / len(found))
    y, variance = np.stack(means), np.stack(squares) + 1e-24
    x = (1 / np.array(widths)).reshape(-1, *[1] * (y.ndim - 1))
    total, first = (1 / variance).sum(axis=0), (x / variance).sum(axis=0)
    second = (x * x / variance).sum(axis=0)
    determinant = total * second - first**2
    a = (second * (y / variance).sum(axis=0) - first * (x * y / variance).sum(axis=0)) / determinant
    error = np.sqrt(second / determinant)
    return [(a[0], error[0]), (a[1], error[1])]


# --------------------------------------------------------------------------------------- functions


def _bell(x: Array) -> Array:
    return np.asarray(np.exp(-x * x / 2) / np.sqrt(2 * np.pi))


def act(name: str, x: Value) -> Value:
    """Return a nonlinearity."""
    match name:
        case "relu":
            return apply(lambda x: np.maximum(x, 0), lambda x: np.heaviside(x, 0.5), x)
        case "erf":
            return apply(special.erf, lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x), x)
        case "gelu":
            return apply(lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * _bell(x), x)
        case "tanh":
            return apply(np.tanh, lambda x: 1 - np.tanh(x) ** 2, x)
    raise ValueError(name)


def mean(x: Value) -> Value:
    """Return the average over the width."""
    n = x.array.shape[1]
    return Value(x.array.mean(axis=1, keepdims=True), [(x, lambda g: g * np.ones((n, 1)) / n)])


def norm(x: Value) -> Value:
    """Return a layer norm."""
    centred = x - mean(x)
    scale = apply(np.sqrt, lambda x: 0.5 / np.sqrt(x), mean(centred * centred) + 1e-5)
    return centred / scale


def attended(scores: Value, values: Value) -> Value:
    """Return causal attention: softmax of scores, of shape queries, keys, times values."""
    size = scores.array.shape[1]
    seen = np.tril(np.ones((size, size)))
    exps = apply(np.exp, np.exp, scores) * seen
    share = exps / einsum("tqk,kz->tqz", exps, np.ones((size, 1)))
    return einsum("tnk,tqk->tnq", values, share)


def dots(k: Value) -> Value:
    """Return <k|k> of every two tokens."""
    return einsum("tnq,tnk->tqk", k, k) * (1 / k.array.shape[1])


# ----------------------------------------------------------------------------------- architectures


def normed(name: str, layers: int, before: bool = True, behind: bool = False) -> Network:
    """Return a perceptron with layer norms before or behind its functions."""

    def network(w: Weights, xi: Array) -> tuple[Value, Value]:
        x = w.embedded("U", xi[None], 0.6)
        for i in range(layers):
            h = w.times(f"W{i}", x) if i else x
            x = act(name, norm(h) if before else h)
            x = norm(x) if behind else x
        return w.vector("v"), x

    return network


def residual(name: str, blocks: int, inner: bool = False, before: bool = False) -> Network:
    """Return a residual network."""

    def network(w: Weights, xi: Array) -> tuple[Value, Value]:
        s = w.embedded("U", xi[None], 0.6)
        for i in range(blocks):
            h = norm(s) if before else s
            h = w.times(f"W{i}", h) if inner else h
            s = s + w.times(f"A{i}", act(name, h)) * 0.5
        return w.vector("v"), act(name, s)

    return network


def gpt(w: Weights, tok: Array) -> tuple[Value, Value]:
    """Return a transformer block with attention before layer norms."""
    x = w.embedded("U", tok, 0.7) + w.vector("place", 0.7, 3)
    y = x + attended(dots(w.times("K", norm(x))), w.times("V", norm(x)))
    z = y + w.times("B", act("gelu", w.times("A", norm(y))))
    return w.vector("v"), column(norm(z), 2)


def column(x: Value, at: int) -> Value:
    """Return one position."""
    return einsum("tnk,kl->tnl", x, np.eye(x.array.shape[2])[:, [at]])


def mapped(x: Value, matrix: Any) -> Value:
    """Return x @ A over positions."""
    return einsum("tnk,kl->tnl", x, np.asarray(matrix, dtype=float))


def pooling(name: str) -> Network:
    """Return a network with pools of two positions, then of all."""

    def network(w: Weights, xi: Array) -> tuple[Value, Value]:
        x = mapped(act("relu", w.embedded("U", xi, 0.6)), np.repeat(np.eye(3), 2, axis=0)) * 0.5
        return w.vector("v"), mapped(act(name, w.times("W", x)), np.ones((3, 1))) * (1 / 3)

    return network


EDGES = [[1, 1, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1], [1, 0, 1, 1]]


def graph(name: str) -> Network:
    """Return a graph network, an output for each of four nodes."""

    def network(w: Weights, xi: Array) -> tuple[Value, Value]:
        h = w.times("W", mapped(act("relu", w.embedded("U", xi, 0.6)), EDGES))
        return w.vector("v"), mapped(act(name, h), EDGES) * (1 / 3)

    return network


def convolution_with_residual(w: Weights, xi: Array) -> tuple[Value, Value]:
    """Return a convolution of two offsets, added to what it is given."""
    x = w.embedded("U", xi, 0.6)
    y = act("relu", x)
    s = x + w.times("C", y) + w.times("L", mapped(y, np.eye(5, k=1)))
    return w.vector("v"), mapped(act("erf", s), np.ones((5, 1))) * 0.2


def convolution(w: Weights, xi: Array) -> tuple[Value, Value]:
    """Return examples/networks/convolution.tp."""
    left, right = np.eye(6, k=1), np.eye(6, k=-1)
    shifts = (left, np.eye(6), right)
    h = w.embedded("U0", shifts[0] @ xi, 1 / 3)
    for i in (1, 2):
        h = h + w.embedded(f"U{i}", shifts[i] @ xi, 1 / 3)
    x = act("relu", h)
    h2 = w.vector("b", 0.1)
    for i in range(3):
        h2 = w.times(f"W{i}", mapped(x, shifts[i]), np.sqrt(2 / 3)) + h2
    return w.vector("v"), mapped(act("relu", h2), np.ones((6, 1))) * (1 / 6)


def mlp(w: Weights, xi: Array) -> tuple[Value, Value]:
    """Return examples/networks/mlp.tp."""
    x = act("relu", w.embedded("U", xi[None], np.sqrt(0.5)) + w.vector("b1", 0.1))
    return w.vector("v"), act("relu", w.times("W", x, np.sqrt(2)) + w.vector("b2", 0.1))


def residual_mlp(w: Weights, xi: Array) -> tuple[Value, Value]:
    """Return examples/networks/residual_mlp.tp."""
    s = w.embedded("U", xi[None], 0.5)
    for i in range(2):
        s = s + w.times(f"A{i}", act("gelu", w.times(f"W{i}", norm(s)))) * 0.5
    return w.vector("v"), norm(s)


def rnn(w: Weights, tok: Array) -> tuple[Value, Value]:
    """Return examples/networks/rnn.tp."""
    s = w.vector("start", 0.1)
    for token in tok:
        s = act(
            "erf", w.times("W", s, 1.2) + w.embedded("U", token[None], 0.5) + w.vector("b", 0.1)
        )
    return w.vector("v"), s


def tied_autoencoder(w: Weights, xi: Array) -> tuple[Value, Value]:
    """Return examples/networks/tied_autoencoder.tp, an output for each entry of the input."""
    code = act("relu", w.times("W", w.embedded("U", xi[None]), 1.2) + w.vector("b", 0.1))
    back = w.times("W", code, 1.2, transposed=True) + w.vector("c", 0.1)
    return w.vector("V", 1.0, 3), act("tanh", back)


def transformer_block(w: Weights, tok: Array) -> tuple[Value, Value]:
    """Return examples/networks/transformer_block.tp."""
    x0 = norm(w.embedded("U", tok) + w.vector("place", 0.3, 4))
    x1 = norm(x0 + attended(dots(w.times("K", x0)), w.times("V", x0)))
    inner = act("relu", w.times("W1", x1) + w.vector("b1", 0.1))
    x2 = norm(x1 + w.times("W2", inner) + w.vector("b2", 0.1))
    return w.vector("v"), column(x2, 3)
