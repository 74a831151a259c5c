"""Small networks for one input, among them every instruction in forms that networks use."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.network.sketch import WIDTH, NetworkSketch
from tpc.network.network import Network
from tpc.program.nodes import BatchMean, InitialScalar, InitialVector, Matrix, Node, Placeholder


@dataclass(frozen=True)
class Case:
    """A network: its builder, which holds the weights, its input and its readout's vector."""

    b: NetworkSketch
    input: Placeholder
    output: Node


Made = Callable[[NetworkSketch], tuple[Placeholder, Node]]
CASES: dict[str, Made] = {}


def case(made: Made) -> Made:
    """Register a case."""
    CASES[made.__name__] = made
    return made


def make_case(name: str) -> Case:
    """Return the case of a name."""
    b = NetworkSketch()
    return Case(b, *CASES[name](b))


def case_of(network: Network) -> Case:
    """Return a checked network with random weights."""
    b = NetworkSketch()
    b.adopt(network.nodes)
    for weight in network.weights:
        match weight.leaf:
            case Matrix():
                b.draw(weight.leaf, WIDTH, WIDTH)
            case InitialVector():
                b.draw(weight.leaf, WIDTH, *weight.shape)
            case InitialScalar():
                b.draw(weight.leaf, *weight.shape)
    for noise in network.noises:
        b.draw(noise, WIDTH, *noise.shape)
    return Case(b, network.input, network.readout.node)


def batch_mean(b: NetworkSketch, x: Node) -> Node:
    """Return batchmean(x)."""
    return b.make(BatchMean, x.coords, x.shape, x)


def centred(b: NetworkSketch, x: Node, mean: Callable[[Node], Node]) -> Node:
    """Return (x - mean(x)) / sqrt(mean(square(x - mean(x))) + 0.1)."""
    apart = b.sub(x, mean(x))
    spread = b.add(mean(b.apply("square", apart)), b.number(0.1))
    return b.div(apart, b.apply("sqrt", spread))


def first_layer(b: NetworkSketch, size: int = 3) -> tuple[Placeholder, Node]:
    """Return an input and U @ xi."""
    xi = b.input(size)
    return xi, b.contract(b.vector("U", size), xi)


def sequence_layer(b: NetworkSketch, length: int = 4) -> tuple[Placeholder, Node]:
    """Return an input of some tokens and their tanh(U @ xi.T), of shape (length,)."""
    xi = b.input(length, 3)
    return xi, b.apply("tanh", b.contract(b.vector("U", 3), b.transpose(xi)))


@case
def mlp(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, h = first_layer(b)
    x = b.apply("tanh", b.add(h, b.mul(b.number(0.3), b.vector("b"))))
    h = b.mul(b.number(1.7), b.matmul(b.matrix("W"), False, x))
    return xi, b.mul(b.vector("v"), b.mul(b.scalar("g"), b.apply("gelu", h)))


@case
def several_outputs(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, h = first_layer(b)
    h = b.matmul(b.matrix("W"), False, b.apply("relu", h))
    return xi, b.mul(b.vector("V", 2), b.expand(b.apply("silu", h), (0,)))


@case
def tied(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, h = first_layer(b)
    w = b.matrix("W")
    h = b.matmul(w, False, b.apply("tanh", h))
    h = b.matmul(w, False, b.apply("tanh", b.add(h, b.vector("b"))))
    back = b.matmul(w, True, b.apply("erf", h))
    return xi, b.mul(b.vector("v"), b.mul(back, b.matmul(b.matrix("A"), True, back)))


@case
def products_in_the_readout(b: NetworkSketch) -> tuple[Placeholder, Node]:
    """Cotangents that are alike at all coordinates."""
    xi, h = first_layer(b)
    w = b.matrix("W")
    h = b.matmul(w, False, b.apply("sin", b.add(h, b.vector("b"))))
    c = b.mean(b.matmul(w, True, h))
    return xi, b.add(b.matmul(w, False, h), b.mul(c, b.vector("a")))


@case
def biases_alone(b: NetworkSketch) -> tuple[Placeholder, Node]:
    """Gradients that do not depend on the input."""
    xi = b.input(2)
    h = b.matmul(b.matrix("W"), False, b.vector("b"))
    return xi, b.add(b.apply("tanh", h), b.mul(b.reduce("sum", xi), b.vector("a")))


@case
def layer_norm(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, h = first_layer(b)
    h = centred(b, h, b.mean)
    h = centred(b, b.matmul(b.matrix("W"), False, b.apply("relu", h)), b.mean)
    return xi, b.mul(b.vector("v"), b.mul(b.scalar("g"), h))


@case
def batch_norm(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, h = first_layer(b)
    h = centred(b, h, lambda x: batch_mean(b, x))
    h = centred(b, b.matmul(b.matrix("W"), False, b.apply("tanh", h)), lambda x: batch_mean(b, x))
    spread = batch_mean(b, b.inner(h, h))
    return xi, b.mul(b.vector("v"), b.mul(spread, b.apply("tanh", h)))


@case
def attention(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, x = sequence_layer(b)
    query, key, value = (b.matmul(b.matrix(name), False, x) for name in "QKV")
    weights = b.softmax(b.mul(b.number(2), b.inner(query, key)))
    x = b.add(x, b.contract(value, b.transpose(weights)))
    return xi, b.mul(b.vector("v"), b.reduce("sum", b.mul(x, b.matmul(b.matrix("W"), False, x))))


@case
def convolution(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, x = sequence_layer(b)
    for layer in range(2):
        shifted = [
            b.matmul(b.matrix(f"W{layer}{k}"), False, b.contract(x, b.constant(np.eye(4, k=k))))
            for k in (-1, 0, 1)
        ]
        x = b.apply("relu", b.add(b.add(*shifted[:2]), shifted[2]))
    return xi, b.mul(b.vector("v"), b.reduce("amax", x))


@case
def recurrent(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi = b.input(3, 2)
    u, w, state = b.vector("U", 2), b.matrix("W"), b.vector("s")
    for t in range(3):
        fresh = b.contract(u, b.take(xi, (t, None)))
        state = b.apply("tanh", b.add(b.matmul(w, False, state), fresh))
    return xi, b.mul(b.vector("v"), state)


@case
def outer(b: NetworkSketch) -> tuple[Placeholder, Node]:
    """mean[j] of a body that does not separate, with the same vectors at both coordinates."""
    xi, h = first_layer(b)
    z = b.matmul(b.matrix("W"), False, h)
    apart = b.sub(h, b.row(b.mul(z, h), "j"))
    body = b.mul(b.apply("tanh", b.mul(b.scalar("g"), apart)), b.row(b.apply("sin", z), "j"))
    y = b.mean(body, ("j",))
    return xi, b.mul(b.vector("v"), b.matmul(b.matrix("W2"), True, y))


@case
def average_beside_a_row(b: NetworkSketch) -> tuple[Placeholder, Node]:
    """A number in a body with the free and a bound coordinate."""
    xi, h = first_layer(b)
    z = b.matmul(b.matrix("W"), False, b.apply("tanh", h))
    body = b.mul(b.apply("tanh", b.mul(b.row(z, "j"), h)), b.mean(b.mul(h, z)))
    return xi, b.mul(b.vector("v"), b.add(h, b.mean(b.add(body, b.row(h, "j")), ("j",))))


@case
def outer_of_two(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, h = first_layer(b)
    z = b.matmul(b.matrix("W"), False, h)
    body = b.add(b.mul(h, b.row(z, "j")), b.mul(b.row(b.vector("a"), "l"), b.row(z, "l")))
    y = b.mean(b.apply("tanh", b.add(body, b.mul(b.row(h, "j"), b.row(h, "l")))), ("j", "l"))
    return xi, b.mul(b.vector("v"), b.add(y, b.mul(b.mean(y), z)))


@case
def outer_without_free(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, h = first_layer(b)
    z = b.matmul(b.matrix("W"), False, h)
    two = b.mean(b.apply("max", b.row(h, "j"), b.row(z, "l")), ("j", "l"))
    one = b.mean(b.apply("tanh", b.mul(b.row(z, "j"), two)), ("j",))
    return xi, b.mul(b.vector("v"), b.apply("tanh", b.mul(one, b.add(h, z))))


@case
def outer_with_axes(b: NetworkSketch) -> tuple[Placeholder, Node]:
    """Operations on constant axes inside a body, and a mean of a mean."""
    xi, x = sequence_layer(b)
    row = b.row(b.matmul(b.matrix("W"), False, x), "j")
    picked = b.mul(b.take(row, (1,)), b.take(b.vector("a", 2), (0,)))
    soft = b.softmax(b.mul(row, b.expand(x, (0,))))
    body = b.add(b.contract(soft, b.scalar("g", 4)), b.reduce("amax", b.add(x, row)))
    inner = b.mean(b.add(body, b.reduce("sum", b.mul(b.add(row, picked), x))), ("j",))
    again = b.mean(b.apply("sin", b.mul(inner, b.row(inner, "l"))), ("l",))
    return xi, b.mul(b.vector("v"), b.mul(again, inner))


@case
def axes(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi = b.input(2, 3)
    x = b.contract(b.vector("U", 2, 3), b.transpose(xi), 1)
    x = b.apply("tanh", b.permute(x, (1, 0)))
    x = b.matmul(b.matrix("W"), False, x)
    y = b.contract(x, b.scalar("g", 2, 3))
    y = b.add(b.softmax(y), b.expand(b.take(x, (None, -1)), (1,)))
    y = b.add(y, b.expand(b.vector("b", 3), (0,)))
    top = b.expand(b.reduce("amax", y, (1,)), (1,))
    total = b.add(b.reduce("sum", b.mul(y, top), (0,)), b.reduce("sum", y))
    return xi, b.mul(b.vector("v", 3), total)


@case
def algebra(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, x = sequence_layer(b, 3)
    x = b.matmul(b.matrix("W"), False, x)
    gram = b.add(b.inner(x, x), b.constant(np.eye(3) + 0.2 * np.eye(3, k=1)))
    inverse = b.linear_algebra("inv", gram)
    y = b.contract(x, b.contract(inverse, b.scalar("A", 3, 3)))
    sizes = b.add(b.linear_algebra("det", gram), b.linear_algebra("trace", inverse))
    return xi, b.mul(b.vector("v"), b.mul(sizes, b.reduce("sum", y)))


@case
def inner_products(b: NetworkSketch) -> tuple[Placeholder, Node]:
    xi, x = sequence_layer(b, 3)
    a = b.vector("a", 2)
    z = b.matmul(b.matrix("W"), False, x)
    first, second = b.inner(a, z), b.inner(z, b.vector("b"))
    third = b.inner(b.vector("b"), a)
    y = b.contract(a, b.mul(first, second))
    y = b.add(y, b.contract(z, b.reduce("sum", b.inner(z, b.mul(x, x)), (0,))))
    return xi, b.mul(b.expand(y, (0,)), b.expand(b.mul(third, b.vector("w", 2)), (1,)))


@case
def functions(b: NetworkSketch) -> tuple[Placeholder, Node]:
    """Every function, where its arguments are trained; their values stay away from kinks."""
    xi, h = first_layer(b)
    total = h
    plain = "relu gelu silu sigmoid softplus tanh erf Phi sin cos exp abs square neg sign step"
    for name in plain.split():
        total = b.add(total, b.mul(b.apply(name, h), b.vector(f"a_{name}")))
    positive = b.add(b.apply("square", h), b.apply("exp", b.scalar("g")))
    for name in ("log", "sqrt"):
        total = b.add(total, b.apply(name, positive))
    for name in ("leaky_relu", "elu", "max", "min"):
        total = b.add(total, b.apply(name, h, b.mul(b.scalar(f"g_{name}"), b.vector("b"))))
    total = b.add(total, b.apply("pow", positive, b.scalar("power")))
    total = b.add(total, b.apply("clip", h, b.scalar("low"), b.scalar("high")))
    return xi, b.mul(b.vector("v"), b.div(total, positive))


@case
def scalar_network(b: NetworkSketch) -> tuple[Placeholder, Node]:
    """Scalars with constant axes, broadcast both ways."""
    xi = b.input(2, 3)
    row, column = b.scalar("r", 3), b.scalar("c", 2, 1)
    mixed = b.apply("tanh", b.add(b.mul(xi, row), column))
    mixed = b.mul(mixed, b.expand(b.reduce("sum", b.mul(mixed, b.scalar("s")), (1,)), (1,)))
    return xi, b.mul(b.vector("v", 2, 1), b.add(mixed, b.inner(b.vector("a", 2), b.vector("w", 3))))
