"""Gradients of two inputs -> the neural tangent kernel, as a scalar of the total program.

A matrix's gradient is one operator, the sum over its uses:

    Gamma(W) = sum over h = W z of |dh><z|  +  sum over h = W.T z of |z><dh|
    K(x, x') = sum over W of lr <Gamma(W), Gamma'(W)>  +  sum over v of lr <dv|dv'>

so that pairs of uses on the same side give <dg|dh> <y|z>, on opposite sides <dg|z> <y|dh>. The
multipliers stand in the gradients.

Reference:
    Tensor Programs IVb, Definition 2.9.18 with Q the identity.
"""

from dataclasses import dataclass

from tpc.network.backpropagation import Gradients, MatrixUse
from tpc.network.inner_products import InnerProducts
from tpc.network.network import Weight, WeightKind
from tpc.network.products import Axes, sum_products
from tpc.program.builder import Builder
from tpc.program.nodes import InitialVector, Matrix, Node


@dataclass(frozen=True, slots=True)
class Jacobian:
    """The gradients of an output, and how their axes are laid out.

    Attributes:
        gradients: Of all outputs on their own.
        batch: How many axes over inputs lead: 0 for one input, else 1.
        seeds: How many seed axes follow.
        kept: Which of the leading axes are those of the output; the others are summed over.
    """

    gradients: Gradients
    batch: int
    seeds: int
    kept: tuple[int, ...]


def tangent_kernel(b: Builder, weights: tuple[Weight, ...], x: Jacobian, y: Jacobian) -> Node:
    """Return the kernel, with the kept axes of x, then those of y.

    Args:
        b: Makes the nodes.
        weights: The weights of the network; only trained matrices and vectors count.
        x: The gradients at the first inputs.
        y: Those at the second inputs.
    """
    pair = _Pair(b, x, y)
    total: Node = b.number(0)
    for weight in weights:
        match weight.leaf:
            case Matrix() as matrix if weight.trained:
                part = pair.of_matrix(matrix)
            case InitialVector() as vector if weight.trained:
                part = pair.of_vector(vector)
            case _:
                assert not weight.trained or weight.kind is WeightKind.SCALAR
                part = None
        if part is not None:
            total = b.add(total, b.mul(weight.lr, part))
    return total


class _Pair:
    """Both gradients, with names for their leading axes."""

    def __init__(self, b: Builder, x: Jacobian, y: Jacobian) -> None:
        self._b = b
        self._products = InnerProducts(b)
        self._x, self._y = x, y
        self._x_lead = self._products.fresh(x.batch + x.seeds)
        self._y_lead = self._products.fresh(y.batch + y.seeds)
        self._kept = tuple(self._x_lead[i] for i in x.kept)
        self._kept += tuple(self._y_lead[i] for i in y.kept)

    def of_vector(self, vector: InitialVector) -> Node | None:
        """Return <dv|dv'>, summed over the axes of v."""
        ours, theirs = self._x.gradients.vectors, self._y.gradients.vectors
        if vector not in ours or vector not in theirs:
            return None
        own = self._products.fresh(len(vector.shape))
        x_axes, y_axes = self._x_lead + own, self._y_lead + own
        return self._products.inner(ours[vector], x_axes, theirs[vector], y_axes, self._kept)

    def of_matrix(self, matrix: Matrix) -> Node | None:
        """Return the sum over pairs of uses."""
        total: Node | None = None
        for use in self._x.gradients.matrices.get(matrix, ()):
            for other in self._y.gradients.matrices.get(matrix, ()):
                part = self._of_uses(use, other)
                total = part if total is None else self._b.add(total, part)
        return total

    def _of_uses(self, use: MatrixUse, other: MatrixUse) -> Node:
        """Return <dg|dh> <y|z>, or <dg|z> <y|dh> on opposite sides, summed over axes of uses."""
        x_own = self._products.fresh(len(use.operand.shape) - self._x.batch)
        y_own = self._products.fresh(len(other.operand.shape) - self._y.batch)
        outer = use.cotangent, self._x_lead + x_own
        inner = use.operand, self._x_lead[: self._x.batch] + x_own
        outer_other = other.cotangent, self._y_lead + y_own
        inner_other = other.operand, self._y_lead[: self._y.batch] + y_own
        if use.transposed != other.transposed:
            outer_other, inner_other = inner_other, outer_other
        left, left_axes = self._inner(*outer, *outer_other)
        right, right_axes = self._inner(*inner, *inner_other)
        return sum_products(self._b, left, left_axes, right, right_axes, self._kept)

    def _inner(self, x: Node, x_axes: Axes, y: Node, y_axes: Axes) -> tuple[Node, Axes]:
        axes = x_axes + y_axes
        return self._products.inner(x, x_axes, y, y_axes, axes), axes
