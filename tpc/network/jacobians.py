"""The gradients of all outputs in one weight, as operators on kets, and their inner products.

For every output a of a network

    matrix   J_a = sum over uses h = W z of |dh_a><z|  +  sum over uses h = W.T z of |z><dh_a|,
    vector   J_a = |dv_a>,

each summed over constant axes of its own; J_a is m d avg(y_a) / dW for the m columns of W, and N_v
d avg(y_a) / dv for a v of N_v entries. With <J_a|J_b> the inner product of operators,

    <J_a|J_b> = sum over pairs of terms of <left_a|left_b> <right_a|right_b>,

so that uses on the same side give <dg|dh> <y|z>, on opposite sides <dg|z> <y|dh>, and vectors
<dv_a|dv_b>. The multipliers of weights stand in the gradients.

Reference:
    Tensor Programs IVb, Definition 2.9.18, equations (2.32), (2.33) and (2.35).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from math import prod
from typing import TypeAlias

import numpy as np

from tpc.network.inner_products import inner_product, unopened_inner_product, whole_inner_product
from tpc.network.network import Array
from tpc.program.backpropagation import Gradients, MatrixUse
from tpc.program.builder import Builder
from tpc.program.nodes import InitialScalar, InitialVector, Matrix, Node, Shape
from tpc.program.products import Axes, Axis, Named, axes, contraction

Term: TypeAlias = tuple[Named, ...]
"""|left><right|, or the one ket of a vector; a sum over axes that are not those of the result."""

InnerProduct: TypeAlias = Callable[[Builder, Axes, Named, Named], Node]


@dataclass(frozen=True, slots=True)
class Jacobian:
    """The gradients J_a in one weight.

    Attributes:
        terms: What they are the sum of.
        outputs: The axes of a.
        own: The constant axes of the weight.
    """

    terms: tuple[Term, ...]
    outputs: Axes
    own: Axes = ()

    def scaled(self, b: Builder, factor: float) -> "Jacobian":
        """Return it times a number."""
        terms = tuple(
            (Named(b.mul(b.number(factor), ket.node), ket.axes), *rest) for ket, *rest in self.terms
        )
        return Jacobian(terms, self.outputs, self.own)

    def beside(self, other: "Jacobian") -> "Jacobian":
        """Return the same with axes that another one has not, but for those of the weight."""
        names = dict(zip(self.own, other.own, strict=True))
        for axis in (axis for term in self.terms for side in term for axis in side.axes):
            names.setdefault(axis, Axis(axis.name))

        def renamed(old: Axes) -> Axes:
            return tuple(names.get(axis, axis) for axis in old)

        terms = tuple(
            tuple(Named(side.node, renamed(side.axes)) for side in term) for term in self.terms
        )
        return Jacobian(terms, renamed(self.outputs), other.own)


@dataclass(frozen=True, slots=True)
class Layout:
    """The leading axes of cotangents, those that all gradients of one pass share.

    Attributes:
        inputs: The axis over inputs; none for one input. Operands of matrices have it, too.
        seeds: The seed axes behind it.
        outputs: Which of these are the axes of outputs; the others are summed over.
    """

    inputs: Axes
    seeds: Axes
    outputs: Axes

    def jacobian(
        self, gradients: Gradients, leaf: Matrix | InitialVector | InitialScalar
    ) -> Jacobian | None:
        """Return the gradients in one weight, or None where no output depends on it."""
        match leaf:
            case Matrix():
                uses = gradients.matrices.get(leaf, ())
                return Jacobian(tuple(map(self._term, uses)), self.outputs) if uses else None
            case InitialVector():
                cotangent = gradients.vectors.get(leaf)
            case _:
                cotangent = gradients.scalars.get(leaf)
        own = axes("weight", len(leaf.shape))
        if cotangent is None:
            return None
        lead = self.inputs + self.seeds  # added up over inputs, it has the seed axes alone
        lead = lead[len(lead) + len(own) - len(cotangent.shape) :]
        return Jacobian(((Named(cotangent, lead + own),),), self.outputs, own)

    def _term(self, use: MatrixUse) -> Term:
        own = axes("use", len(use.operand.shape) - len(self.inputs))
        cotangent = Named(use.cotangent, self.inputs + self.seeds + own)
        operand = Named(use.operand, self.inputs + own)
        return (operand, cotangent) if use.transposed else (cotangent, operand)


def each_output(size: int, shape: Shape, coupled: bool) -> tuple[Array, Layout]:
    """Return dy for the gradient of each output of a batch on its own, and the axes that it gives.

    Args:
        size: The number M of inputs.
        shape: The shape e of the readout.
        coupled: Whether outputs depend on all inputs, so that each of them is a seed.

    Returns:
        dy of shape (M,) + S + e, with the seed axes S = e, or (M,) + e where inputs are coupled.
    """
    inputs, seeds = axes("input"), axes("output", coupled + len(shape))
    own = np.eye(prod(shape)).reshape(shape + shape)
    if not coupled:
        seed = np.broadcast_to(own, (size, *own.shape))
        return seed, Layout(inputs, seeds, inputs + seeds)
    seed = np.multiply.outer(np.eye(size), own)
    return seed, Layout(inputs, seeds, seeds)


def overlap(
    b: Builder, one: Jacobian, other: Jacobian, apart: bool = False, whole: bool = False
) -> Node:
    """Return <J_a|J_b> of two gradients in one weight, with the axes a, then b.

    Args:
        b: Makes the nodes.
        one: J_a.
        other: J_b.
        apart: Whether the kets of a matrix are taken apart into sums, as those of a vector with
            axes are: the terms of a kernel have closed forms, but they may be many.
        whole: Whether no ket is, which finite widths do without.
    """
    other = other.beside(one)
    kept = one.outputs + other.outputs
    inner = inner_product if apart or one.own else whole_inner_product
    inner = unopened_inner_product if whole and one.own else inner
    parts = [_overlap(b, kept, inner, x, y) for x in one.terms for y in other.terms]
    return reduce(b.add, parts)


def _overlap(b: Builder, kept: Axes, inner: InnerProduct, x: Term, y: Term) -> Node:
    """Multiply the inner products of both sides, each with the axes that are needed elsewhere."""
    present = [dict.fromkeys(left.axes + right.axes) for left, right in zip(x, y, strict=True)]
    sides = []
    for at, own in enumerate(present):
        elsewhere = {*kept, *(axis for side in present if side is not own for axis in side)}
        wanted = tuple(axis for axis in own if axis in elsewhere)
        sides.append(Named(inner(b, wanted, x[at], y[at]), wanted))
    return contraction(b, kept, *sides)
