"""Gradients of the outputs with respect to one weight, as operators on kets; their overlaps.

For every output a, which has the axes O = (M,) + e of rows and components,

    matrix   J_a = sum over its uses of |left_a><right_a|,      vector   J_a = |dv_a>,

each summed over constant axes k of its own. A gradient of the loss is Gamma = sum over a of chi_a
J_a, and what an update U does to the outputs is <J_a|U>, with

    <J_a|J_b> = sum over k, k' of <left_a|left_b> <right_a|right_b>

for matrices, so that uses on opposite sides pair |dg> with |z>. Where `batchmean` couples the
inputs, k includes an axis over them.

Reference:
    Tensor Programs IVb, Definition 2.9.18, equations (2.32), (2.33) and (2.35).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from tpc.network.backpropagation import MatrixUse
from tpc.network.products import Axes, sum_products
from tpc.network.training.outer_products import COLUMN, OuterProduct, kernel
from tpc.program.builder import Builder
from tpc.program.nodes import Elementwise, Expand, Node

OWN, OTHER = 100, 200
"""The names of summed axes start here, in the first and in the second of two gradients."""


@dataclass(frozen=True, slots=True)
class Factor:
    """A node with the names of its axes: outputs from 0, summed ones from `OWN` or `OTHER`."""

    node: Node
    axes: Axes

    def renamed(self, outputs: int) -> "Factor":
        """Return the same of a second gradient, with outputs and summed axes of other names."""
        own = tuple(axis - OWN + OTHER if axis >= OWN else axis + outputs for axis in self.axes)
        return Factor(self.node, own)


@dataclass(frozen=True, slots=True)
class Operator:
    """|left><right| for each output."""

    left: Factor
    right: Factor


@dataclass(frozen=True, slots=True)
class Layout:
    """How axes of cotangents are named.

    Attributes:
        outputs: The shape O of the outputs.
        coupled: Whether cotangents have an axis over the inputs in front of O, to be summed.
    """

    outputs: tuple[int, ...]
    coupled: bool

    @property
    def output_axes(self) -> Axes:
        """The names of the axes of outputs."""
        return tuple(range(len(self.outputs)))

    def cotangent(self, node: Node) -> Factor:
        """Name the axes of a cotangent."""
        names = (OWN, *self.output_axes) if self.coupled else self.output_axes
        return Factor(node, names + self._constant(len(node.shape) - len(names)))

    def operand(self, node: Node) -> Factor:
        """Name the axes of what a matrix multiplies, which has one over the inputs in front."""
        return Factor(node, (OWN if self.coupled else 0, *self._constant(len(node.shape) - 1)))

    def operators(self, uses: Sequence[MatrixUse]) -> tuple[Operator, ...]:
        """Return the gradient of a matrix, rows on the left."""
        found = []
        for use in uses:
            sides = self.cotangent(use.cotangent), self.operand(use.operand)
            found.append(Operator(*(sides[::-1] if use.transposed else sides)))
        return tuple(found)

    def _constant(self, rank: int) -> Axes:
        return tuple(range(OWN + 1, OWN + 1 + rank))


class Overlaps:
    """<J_a|J_b> and <J_a|U> for the gradients of one layout."""

    def __init__(self, b: Builder, layout: Layout) -> None:
        self._b = b
        self._layout = layout
        self._outputs = layout.output_axes
        self._both = tuple(range(2 * len(self._outputs)))

    def of_operators(self, one: Sequence[Operator], other: Sequence[Operator]) -> Node:
        """Return <J_a|J_b> of two gradients of a matrix, of shape O + O."""
        b = self._b
        parts = []
        for x in one:
            for y in other:
                second = y.left.renamed(len(self._outputs)), y.right.renamed(len(self._outputs))
                left, right = self._inner(x.left, second[0]), self._inner(x.right, second[1])
                parts.append(
                    sum_products(b, left.node, left.axes, right.node, right.axes, self._both)
                )
        return reduce(b.add, parts)

    def of_vectors(self, one: Node, other: Node) -> Node:
        """Return <J_a|J_b> of two gradients of a vector, of shape O + O."""
        b, layout = self._b, self._layout
        x, numbers = peeled(b, layout.cotangent(one))
        y, others = peeled(b, layout.cotangent(other))
        inner = self._inner(x, y.renamed(len(self._outputs)))
        others = others.renamed(len(self._outputs))
        # The constant axes of the two are one: on the diagonal where both kets have them.
        for axis, length in zip(layout.cotangent(one).axes, one.shape, strict=True):
            twin = axis - OWN + OTHER
            if axis > OWN and axis in inner.axes and twin in inner.axes:
                kept = tuple(a for a in inner.axes if a != twin)
                inner = self._product(inner, Factor(b.constant(np.eye(length)), (axis, twin)), kept)
        inner, others = _joined(inner), _joined(others)
        needed = tuple(a for a in (*inner.axes, *numbers.axes) if a in others.axes)
        kept = tuple(dict.fromkeys((*self._both, *needed)))
        present = {*inner.axes, *numbers.axes}
        half = self._product(inner, numbers, tuple(a for a in kept if a in present))
        return self._product(half, others, self._both).node

    def applied(self, one: Sequence[Operator], update: Node) -> Node:
        """Return <J_a|U> for an update of a matrix, a kernel with columns at `COLUMN`."""
        b = self._b
        parts = []
        for x in one:
            rows = b.mean(b.mul(update, b.row(x.right.node, COLUMN)), (COLUMN,))
            product = sum_products(b, x.left.node, x.left.axes, rows, x.right.axes, self._outputs)
            parts.append(b.mean(product))
        return reduce(b.add, parts)

    def applied_to_vector(self, one: Node, update: Node) -> Node:
        """Return <J_a|U> for an update of a vector."""
        b, factor = self._b, self._layout.cotangent(one)
        constant = factor.axes[len(factor.axes) - len(update.shape) :]
        return b.mean(sum_products(b, factor.node, factor.axes, update, constant, self._outputs))

    def gradient(self, one: Sequence[Operator], chi: Node) -> Node:
        """Return Gamma = sum over a of chi_a J_a of a matrix, as a kernel."""
        return kernel(self._b, [self._folded(x, chi) for x in one])

    def vector_gradient(self, one: Node, chi: Node) -> Node:
        """Return sum over a of chi_a |dv_a>."""
        factor = self._layout.cotangent(one)
        kept = tuple(axis for axis in factor.axes if axis > OWN)
        return sum_products(self._b, factor.node, factor.axes, chi, self._outputs, kept)

    def _folded(self, x: Operator, chi: Node) -> OuterProduct:
        """Multiply the cotangent by chi, so that both sides have the axes of the operand."""
        first = len(x.left.axes) >= len(x.right.axes)
        cotangent, operand = (x.left, x.right) if first else (x.right, x.left)
        folded = sum_products(
            self._b, cotangent.node, cotangent.axes, chi, self._outputs, operand.axes
        )
        sides = (folded, operand.node) if first else (operand.node, folded)
        return OuterProduct(*sides)

    def _inner(self, x: Factor, y: Factor) -> Factor:
        return Factor(self._b.inner(x.node, y.node), x.axes + y.axes)

    def _product(self, x: Factor, y: Factor, kept: Axes) -> Factor:
        return Factor(sum_products(self._b, x.node, x.axes, y.node, y.axes, kept), kept)


def _joined(factor: Factor) -> Factor:
    """Return the factor with the constant axes of the second gradient named as of the first."""
    axes = (axis - OTHER + OWN if axis > OTHER else axis for axis in factor.axes)
    return Factor(factor.node, tuple(axes))


def peeled(b: Builder, factor: Factor) -> tuple[Factor, Factor]:
    """Take a ket apart into one of fewer axes and numbers: dh and xi of dh xi."""
    node, axes = factor.node, factor.axes
    numbers = Factor(b.number(1), ())
    while True:
        match node:
            case Expand(operand=inner, axes=new):
                node, axes = inner, tuple(a for i, a in enumerate(axes) if i not in new)
            case Elementwise(function="mul", operands=(x, y)) if x.is_scalar != y.is_scalar:
                scalar, node = (x, y) if x.is_scalar else (y, x)
                own = axes[len(axes) - len(scalar.shape) :]
                axes = axes[len(axes) - len(node.shape) :]
                kept = tuple(dict.fromkeys((*own, *numbers.axes)))
                both = sum_products(b, scalar, own, numbers.node, numbers.axes, kept)
                numbers = Factor(both, kept)
            case _:
                return Factor(node, axes), numbers
