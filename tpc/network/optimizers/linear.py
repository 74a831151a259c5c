"""Optimizers whose update is linear in the gradients: sgd, momentum, nesterov."""

from tpc.network.optimizers.rule import Moment, fade
from tpc.program.nodes import Node


def sgd(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g."""
    return at.gradient, ()


def momentum(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = m, m = beta m + g."""
    m = fade(at.builder, at.options["beta"], at.states[0], at.gradient)
    return m, (m,)


def nesterov(at: Moment) -> tuple[Node, tuple[Node, ...]]:
    """Q = g + beta m, m = beta m + g."""
    b, beta = at.builder, at.options["beta"]
    m = fade(b, beta, at.states[0], at.gradient)
    return b.add(at.gradient, b.mul(beta, m)), (m,)
