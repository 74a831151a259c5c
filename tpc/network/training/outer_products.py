"""Gradients of matrices: sums of |left><right| over the constant axes of both sides.

A use h = W z has the gradient |dh><z|, a use h = W.T z has |z><dh|, where rows are the free
coordinate and columns the other one. As an operator on kets

    (|left><right|) z = left . <right|z>,     its transpose z |-> right . <left|z>,

and as a kernel of two coordinates it is the sum over constant axes of left * right[j].

Reference:
    Tensor Programs IVb, Section 1.2.1 (outer products, linear and not); Definition 2.9.18.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from tpc.network.backpropagation import MatrixUse
from tpc.program.builder import Builder
from tpc.program.nodes import Node

COLUMN = "j"
"""The coordinate of columns in kernels; rows are at the free one."""


@dataclass(frozen=True, slots=True)
class OuterProduct:
    """|left><right| summed over constant axes: two vectors of one shape."""

    left: Node
    right: Node

    def transposed(self) -> "OuterProduct":
        """Return |right><left|."""
        return OuterProduct(self.right, self.left)


def outer_products(uses: Sequence[MatrixUse]) -> tuple[OuterProduct, ...]:
    """Return the gradient of a matrix, rows on the left."""
    return tuple(
        OuterProduct(use.operand, use.cotangent)
        if use.transposed
        else OuterProduct(use.cotangent, use.operand)
        for use in uses
    )


def times(b: Builder, product: OuterProduct, vector: Node) -> Node:
    """Return |left><right|vector>, of the vector's constant shape."""
    overlap = b.inner(product.right, vector)
    rank = len(product.left.shape)
    if rank:
        return b.contract(product.left, overlap, rank)
    return b.mul(overlap, product.left)


def kernel(b: Builder, gradient: Sequence[OuterProduct]) -> Node:
    """Return the gradient as a node with rows at the free coordinate and columns at `COLUMN`.

    That of a matrix on which the output does not depend is the number 0.
    """
    parts = [
        b.reduce("sum", b.mul(product.left, b.row(product.right, COLUMN))) for product in gradient
    ]
    return reduce(b.add, parts, b.number(0))


def overlap(b: Builder, one: Sequence[OuterProduct], other: Sequence[OuterProduct]) -> Node:
    """Return E E^1 of the product of two kernels: <left|left'> . <right|right'> summed."""
    parts = [
        b.reduce("sum", b.mul(b.inner(x.left, y.left), b.inner(x.right, y.right)))
        for x in one
        for y in other
    ]
    return reduce(b.add, parts)
