"""The covariance of a ket, without the cancellation of E[x x'] and E[x] E[x]'.

What is Gaussian has a covariance of its own. Else constants leave the ket first: Cov(x + c) is
Cov(x). Where no closed form is known, the ket is centred before products are averaged.
"""

import numpy as np

from tpc.limit.builder import LimitBuilder
from tpc.program.nodes import Elementwise, Inner, Node, operands
from tpc.program.traversal import fold


def covariance_of(builder: LimitBuilder, ket: Node) -> Node:
    """Return Cov(|x>), whose axes are those of x twice."""
    integrals = builder.integrals
    if integrals and integrals.gaussians.is_gaussian(ket):
        found = integrals.gaussians.covariance(ket, ket)
        return builder.constant(np.zeros(ket.shape + ket.shape)) if found is None else found
    rest = without_constants(builder, ket)
    mean = builder.mean(rest)
    second = builder.inner(rest, rest)
    if isinstance(second, Inner):
        centred = builder.sub(rest, mean)
        return builder.inner(centred, centred)
    rank = len(ket.shape)
    columns = builder.expand(mean, tuple(range(rank, 2 * rank)))
    return builder.sub(second, builder.mul(columns, mean))


def without_constants(builder: LimitBuilder, ket: Node) -> Node:
    """Return a ket less the scalars that are added to it."""

    def rule(node: Node, images: dict[Node, Node]) -> Node:
        match node:
            case Elementwise(function="add" | "sub", operands=(x, y)):
                one, two = images.get(x, x), images.get(y, y)
                if not y.is_vector and x.shape == node.shape:
                    return one
                if not x.is_vector and y.shape == node.shape:
                    return two if node.function == "add" else builder.neg(two)
                return builder.apply(node.function, one, two)
            case Elementwise(function="neg" | "mul" | "div", operands=given) if is_linear(node):
                return builder.apply(node.function, *(images.get(x, x) for x in given))
        return node

    return fold((ket,), rule, vectors_added, {})[ket]


def is_linear(node: Elementwise) -> bool:
    """Whether a product or quotient has one vector, not in the denominator."""
    vectors = [x.is_vector for x in node.operands]
    return sum(vectors) == 1 and vectors[0] | (node.function == "mul")


def vectors_added(node: Node) -> tuple[Node, ...]:
    """Return the vectors of which a node is a linear combination, if it is one."""
    match node:
        case Elementwise(function="add" | "sub"):
            pass
        case Elementwise(function="neg" | "mul" | "div") if is_linear(node):
            pass
        case _:
            return ()
    return tuple(x for x in operands(node) if x.is_vector)
