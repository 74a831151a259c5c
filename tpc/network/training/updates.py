"""What training has taken off one weight, W_t = (1 - lambda)^t W_0 - U_t, in either limit.

    U_{t+1} = (1 - lambda) U_t + eta Q_t(Gamma_0, ..., Gamma_t)

where Gamma_s = sum over outputs a of chi_s,a J_s,a. An update is *factored* where Q is linear, a
combination of the gradients so far with numbers,

    U_t = sum over s of c_ts Gamma_s,   U_t z = sum of c_ts left chi_s <right|z>,

at the cost of inner products. Else it is a *kernel*, Q acting entry by entry: a ket for a vector,
for a matrix a node of two coordinates, U_t z = mean[j](U_t * z[j]), of which the transpose has the
slots exchanged. Either knows what it does to a vector, in the maximal update limit, and <J_a|U_t>,
what it takes off the outputs, in the neural tangent limit. A matrix with k rows and m columns has
entries U / m, so that U.T z is k / m times an average, as is what it takes off the outputs.

Reference:
    Tensor Programs IVb, Definition 2.6.7, Definition 2.9.22; Theorem 2.9.25, equation (2.45).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Protocol

from tpc.network.jacobians import Jacobian, Layout, overlap
from tpc.network.network import Network
from tpc.network.training.descent import Descent
from tpc.program.backpropagation import Gradients
from tpc.program.builder import Builder
from tpc.program.nodes import Node
from tpc.program.products import Named, axes, contraction

COLUMN = "j"
"""The coordinate of columns in kernels; rows are at the free one."""


@dataclass(frozen=True, slots=True)
class Gradient:
    """Gamma = sum over a of chi_a J_a.

    Attributes:
        jacobian: J.
        chi: The error signals, of the shape of the outputs; 1 where these are already added up.
    """

    jacobian: Jacobian
    chi: Node

    @property
    def signals(self) -> Named:
        """The error signals with the axes of outputs."""
        return Named(self.chi, self.jacobian.outputs)

    def whole(self, b: Builder) -> Node:
        """Return the gradient entry by entry, of a matrix with columns at `COLUMN`."""
        parts = []
        for term in self.jacobian.terms:
            # chi multiplies the side of most axes, which keeps those of the other side.
            at = max(range(len(term)), key=lambda side: len(term[side].axes))
            kept = term[1 - at].axes if len(term) > 1 else self.jacobian.own
            sides = [side.node for side in term]
            sides[at] = contraction(b, kept, term[at], self.signals)
            ket, *columns = sides
            for right in columns:
                ket = b.reduce("sum", b.mul(ket, b.row(right, COLUMN)))
            parts.append(ket)
        return reduce(b.add, parts)


def gradients_of(b: Builder, network: Network, found: Gradients) -> dict[str, Gradient]:
    """Return the gradients of a loss, added up over inputs, of every weight that has one."""
    layout = Layout(axes("input"), (), ())
    jacobians = {weight.name: layout.jacobian(found, weight.leaf) for weight in network.weights}
    return {name: Gradient(of, b.number(1)) for name, of in jacobians.items() if of}


class Update(Protocol):
    """U_t at the current step."""

    def descend(self, gradient: Gradient, step: int, factor: Node | None = None) -> None:
        """Take one step along a gradient times the factor of all gradients."""

    def taken_off(self, product: Node, transposed: bool, vector: Node) -> Node:
        """Return a product less U_t z, or less U_t.T z."""

    def effect(self, jacobian: Jacobian) -> Node | None:
        """Return <J_a|U_t> times rows over columns, or None where nothing has moved."""


class FactoredUpdate:
    """The gradients of all steps, each with its coefficient."""

    def __init__(self, b: Builder, descent: Descent, height: float) -> None:
        self._b = b
        self._descent = descent
        self._height = b.number(height)
        self._gradients: list[Gradient] = []
        self._coefficients: list[Node] = []

    def descend(self, gradient: Gradient, step: int, factor: Node | None = None) -> None:
        """Take one step."""
        b = self._b
        chi = gradient.chi if factor is None else b.mul(factor, gradient.chi)
        self._gradients.append(replace(gradient, chi=chi))
        new = self._descent.linear_update(step, self._norm_sq)
        old = [self._descent.kept(known, step) for known in self._coefficients]
        self._coefficients = [b.add(x, y) for x, y in zip([*old, b.number(0)], new, strict=True)]

    def taken_off(self, product: Node, transposed: bool, vector: Node) -> Node:
        """Return a product less U_t z, or less U_t.T z."""
        b, own = self._b, axes("own", len(vector.shape))
        for coefficient, gradient in zip(self._coefficients, self._gradients, strict=True):
            for term in gradient.jacobian.terms:
                left, right = reversed(term) if transposed else term
                inner = Named(b.inner(right.node, vector), right.axes + own)
                moved = contraction(b, own, left, inner, gradient.signals)
                moved = b.mul(self._height, moved) if transposed else moved
                product = b.sub(product, b.mul(coefficient, moved))
        return product

    def effect(self, jacobian: Jacobian) -> Node | None:
        """Return <J_a|U_t>, times rows over columns."""
        effect = self._effect(jacobian, self._coefficients)
        return None if effect is None else self._b.mul(self._height, effect)

    def _effect(self, jacobian: Jacobian, coefficients: Sequence[Node]) -> Node | None:
        """Return <J_a|X> of a combination X; gradients with the same J share an overlap."""
        b = self._b
        sums: dict[Jacobian, Node] = {}
        for coefficient, gradient in zip(coefficients, self._gradients, strict=True):
            term, known = b.mul(coefficient, gradient.chi), sums.get(gradient.jacobian)
            sums[gradient.jacobian] = term if known is None else b.add(known, term)
        parts = [applied(b, overlap(b, jacobian, known), chi) for known, chi in sums.items()]
        return reduce(b.add, parts) if parts else None

    def _norm_sq(self, coefficients: Sequence[Node]) -> Node:
        """Return E ||X||^2 of a combination X."""
        b, total = self._b, self._b.number(0)
        for coefficient, gradient in zip(coefficients, self._gradients, strict=True):
            effect = self._effect(gradient.jacobian, coefficients)
            assert effect is not None
            total = b.add(total, applied(b, b.mul(coefficient, gradient.chi), effect))
        return total


class KernelUpdate:
    """The sum of all updates and the optimizer's states, entry by entry."""

    def __init__(self, b: Builder, descent: Descent, height: float) -> None:
        self._b = b
        self._descent = descent
        self._height = height
        self._states = descent.initial_states
        self._moved: Node | None = None

    def descend(self, gradient: Gradient, step: int, factor: Node | None = None) -> None:
        """Take one step."""
        whole, moved = gradient.whole(self._b), self._moved
        new, self._states = self._descent.update(whole, self._states, step, factor)
        self._moved = new if moved is None else self._b.add(self._descent.kept(moved, step), new)

    def taken_off(self, product: Node, transposed: bool, vector: Node) -> Node:
        """Return a product less U_t z, or less U_t.T z."""
        b, moved = self._b, self._moved
        if moved is None:
            return product
        return b.sub(product, kernel_product(b, moved, transposed, vector, self._height))

    def effect(self, jacobian: Jacobian) -> Node | None:
        """Return <J_a|U_t>, times rows over columns."""
        moved = self._moved
        return None if moved is None else kernel_effect(self._b, moved, jacobian, self._height)


def update_of(b: Builder, descent: Descent, height: float) -> Update:
    """Return the update of a weight that has not moved, of `height` rows for each column."""
    kind = FactoredUpdate if descent.is_linear else KernelUpdate
    return kind(b, descent, height)


def kernel_product(
    b: Builder, kernel: Node, transposed: bool, vector: Node, height: float = 1.0
) -> Node:
    """Return mean[j](k * z[j]) for a kernel k, or that for its transpose, times rows / columns."""
    if transposed:
        kernel = b.mul(b.number(height), b.exchange(kernel, COLUMN))
    return b.mean(b.mul(kernel, b.row(vector, COLUMN)), (COLUMN,))


def kernel_effect(b: Builder, moved: Node, jacobian: Jacobian, height: float = 1.0) -> Node:
    """Return <J_a|U> for a kernel U, or a ket, times rows over columns."""
    parts = []
    for left, *columns in jacobian.terms:
        rest = Named(moved, jacobian.own)
        for right in columns:
            rest = Named(kernel_product(b, moved, False, right.node), right.axes)
        parts.append(b.mean(contraction(b, jacobian.outputs, left, rest)))
    return b.mul(b.number(height), reduce(b.add, parts))


def applied(b: Builder, overlaps: Node, chi: Node) -> Node:
    """Return the sum over all axes of chi, the last ones of the other factor."""
    return b.contract(overlaps, chi, len(chi.shape)) if chi.shape else b.mul(overlaps, chi)
