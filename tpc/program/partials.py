"""Partial derivatives of the elementwise functions, as graphs.

A derivative is made of the same functions, so that it can be differentiated, printed and compiled
in turn. `step` is the derivative of `relu`, with step(0) = 1/2. The derivative of `step` and `sign`
holds `delta`, which no program text may contain and no generated code can compute: a limit that
needs its expectation takes the Stein form.
"""

from math import pi, sqrt

from tpc.program.builder import Builder
from tpc.program.nodes import Node


class NotDifferentiable(Exception):
    """The derivative asked for, of a delta or an indicator, is no function."""


def partial(b: Builder, function: str, arguments: tuple[Node, ...], slot: int) -> Node:
    """Return the partial derivative of `function` in one argument, as a graph.

    Raises:
        NotDifferentiable: The function is `delta` or `equal`.
    """
    x = arguments[0]
    y = arguments[-1]
    one = b.number(1)
    match function, slot:
        case ("add", _) | ("sub", 0):
            return one
        case "sub", _:
            return b.number(-1)
        case "mul", _:
            return arguments[1 - slot]
        case "div", 0:
            return b.div(one, y)
        case "div", _:
            return b.neg(b.div(x, b.apply("square", y)))
        case "pow", 0:
            return b.mul(y, b.pow(x, b.sub(y, one)))
        case "pow", _:
            return b.mul(b.pow(x, y), b.apply("log", x))
        case "leaky_relu", 0:
            return b.add(y, b.mul(b.sub(one, y), b.apply("step", x)))
        case "leaky_relu", _:
            return b.apply("min", x, b.number(0))
        case "elu", 0:
            below = b.mul(y, b.exp(b.apply("min", x, b.number(0))))
            return b.add(b.apply("step", x), b.mul(below, b.apply("step", b.neg(x))))
        case "elu", _:
            return b.sub(b.exp(b.apply("min", x, b.number(0))), one)
        case ("max", 0) | ("min", 1):
            return b.apply("step", b.sub(x, y))
        case ("max", _) | ("min", _):
            return b.apply("step", b.sub(y, x))
        case "clip", 0:
            low, high = arguments[1:]
            return b.mul(b.apply("step", b.sub(x, low)), b.apply("step", b.sub(high, x)))
        case "clip", 1:
            return b.apply("step", b.sub(arguments[1], x))
        case "clip", _:
            return b.apply("step", b.sub(x, arguments[2]))
        case _:
            return _derivative(b, function, x)


def _derivative(b: Builder, function: str, x: Node) -> Node:
    """Return the derivative of a function of one argument."""
    one, two = b.number(1), b.number(2)
    match function:
        case "neg":
            return b.number(-1)
        case "relu":
            return b.apply("step", x)
        case "gelu":
            return b.add(b.apply("Phi", x), b.mul(x, _normal_density(b, x)))
        case "silu":
            s = b.apply("sigmoid", x)
            return b.mul(s, b.add(one, b.mul(x, b.sub(one, s))))
        case "sigmoid":
            s = b.apply("sigmoid", x)
            return b.mul(s, b.sub(one, s))
        case "softplus":
            return b.apply("sigmoid", x)
        case "tanh":
            return b.sub(one, b.apply("square", b.apply("tanh", x)))
        case "erf":
            return b.mul(b.number(2 / sqrt(pi)), b.exp(b.neg(b.apply("square", x))))
        case "Phi":
            return _normal_density(b, x)
        case "sin":
            return b.apply("cos", x)
        case "cos":
            return b.neg(b.apply("sin", x))
        case "exp":
            return b.exp(x)
        case "log":
            return b.div(one, x)
        case "sqrt":
            return b.div(b.number(0.5), b.apply("sqrt", x))
        case "square":
            return b.mul(two, x)
        case "abs":
            return b.apply("sign", x)
        case "sign":
            return b.mul(two, b.apply("delta", x))
        case "step":
            return b.apply("delta", x)
        case _:
            raise NotDifferentiable(function)


def _normal_density(b: Builder, x: Node) -> Node:
    bell = b.exp(b.mul(b.number(-0.5), b.apply("square", x)))
    return b.mul(b.number(1 / sqrt(2 * pi)), bell)
