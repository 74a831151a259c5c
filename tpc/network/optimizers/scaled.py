"""Optimizers that see signs or squared gradients, without a corrected average of gradients.

Reference:
    Tensor Programs IVb, equations (2.2) and (SignSGD).
"""

from tpc.network.optimizers.rule import Moment, blend, fade, is_zero, root
from tpc.program.nodes import Node


def signsgd(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g / sqrt(g^2 + eps^2), the sign of g where eps is 0."""
    b, g, eps = at.builder, at.gradient, at.options["eps"]
    if is_zero(eps):
        return b.apply("sign", g), ()
    return b.div(g, root(b, b.apply("square", g), eps)), ()


def rmsprop(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g / sqrt(v + eps^2), v = a v + (1 - a) g^2."""
    b, g = at.builder, at.gradient
    v = blend(b, at.options["a"], at.states[0], b.apply("square", g))
    return b.div(g, root(b, v, at.options["eps"])), (v,)


def adagrad(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g / sqrt(v + eps^2), v = v + g^2."""
    b, g = at.builder, at.gradient
    v = fade(b, b.number(1), at.states[0], b.apply("square", g))
    return b.div(g, root(b, v, at.options["eps"])), (v,)


def adadelta(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g sqrt(u + eps^2) / sqrt(v + eps^2), v and (afterwards) u averages of g^2 and Q^2."""
    b, g, rho, eps = at.builder, at.gradient, at.options["rho"], at.options["eps"]
    v = blend(b, rho, at.states[0], b.apply("square", g))
    above = b.apply("sqrt", b.add(at.states[1], b.apply("square", eps)))
    direction = b.div(b.mul(g, above), root(b, v, eps))
    return direction, (v, blend(b, rho, at.states[1], b.apply("square", direction)))


def lion(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = sign(beta1 m + (1 - beta1) g), and afterwards m = beta2 m + (1 - beta2) g."""
    b, g, m = at.builder, at.gradient, at.states[0]
    direction = b.apply("sign", blend(b, at.options["beta1"], m, g))
    return direction, (blend(b, at.options["beta2"], m, g),)
