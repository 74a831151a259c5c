"""How one weight moves the outputs in the neural tangent limit.

An update U_{t+1} = (1 - lambda) U_t + eta Q_t(Gamma_0, ..., Gamma_t) takes <J|U> off the outputs,
J being their gradient in the weight at initialisation. With a linear Q the Gammas are sums of J,
and U is known by the numbers chi that multiply them:

    <J_a|U>  =  sum over s of u_s <J_a|J_b> chi_s,b.

Reference:
    Tensor Programs IVb, Definition 2.9.22.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from tpc.network.training.descent import Descent
from tpc.network.training.gradient_operators import Operator, Overlaps
from tpc.network.training.matrices import shrunk
from tpc.program.builder import Builder
from tpc.program.nodes import Node

Gradient = Node | tuple[Operator, ...]
"""J of a vector, or of a matrix."""


class Tangent(Protocol):
    """The update of one weight at the current step."""

    def descend(self, gradient: Gradient, chi: Node, step: int) -> None:
        """Take one step with the gradient J of the kets at that step, and error signals chi."""

    def effect(self, gradient: Gradient) -> Node | None:
        """Return <J|U>, or None where nothing has moved."""


class LinearTangent:
    """An update by an optimizer that is linear in the gradients."""

    def __init__(self, b: Builder, overlaps: Overlaps, descent: Descent) -> None:
        self._b = b
        self._overlaps = overlaps
        self._descent = descent
        self._gradients: list[Gradient] = []
        self._signals: list[Node] = []
        self._factors: list[Node] = []

    def descend(self, gradient: Gradient, chi: Node, step: int) -> None:
        """Take one step."""
        b = self._b
        self._gradients.append(gradient)
        self._signals.append(chi)
        update = self._descent.linear_update(step, self._norm_sq)
        old = [shrunk(b, self._descent.decay, factor) for factor in self._factors]
        self._factors = [b.add(x, y) for x, y in zip([*old, b.number(0)], update, strict=True)]

    def effect(self, gradient: Gradient) -> Node | None:
        """Return <J|U>; steps with the same kets share an overlap."""
        b = self._b
        sums: dict[Gradient, Node] = {}
        for factor, known, chi in zip(self._factors, self._gradients, self._signals, strict=True):
            term = b.mul(factor, chi)
            sums[known] = b.add(sums[known], term) if known in sums else term
        total: Node | None = None
        for known, chi in sums.items():
            part = b.contract(self._overlap(gradient, known), chi, len(chi.shape))
            total = part if total is None else b.add(total, part)
        return total

    def _overlap(self, one: Gradient, other: Gradient) -> Node:
        if isinstance(one, tuple):
            assert isinstance(other, tuple)
            return self._overlaps.of_operators(one, other)
        assert isinstance(other, Node)
        return self._overlaps.of_vectors(one, other)

    def _norm_sq(self, factors: Sequence[Node]) -> Node:
        """Return E ||X||^2 of X = sum over s of factors[s] Gamma_s."""
        b = self._b
        total = b.number(0)
        known = list(zip(factors, self._gradients, self._signals, strict=True))
        for x, one, left in known:
            for y, other, right in known:
                rank = len(left.shape)
                moved = b.contract(self._overlap(one, other), b.mul(y, right), rank)
                total = b.add(total, b.contract(b.mul(x, left), moved, rank))
        return total


class NonlinearTangent:
    """An update by any other optimizer, as a ket or a kernel of two coordinates."""

    def __init__(self, b: Builder, overlaps: Overlaps, descent: Descent) -> None:
        self._b = b
        self._overlaps = overlaps
        self._descent = descent
        self._states = descent.initial_states
        self._moved: Node | None = None

    def descend(self, gradient: Gradient, chi: Node, step: int) -> None:
        """Take one step."""
        b, overlaps = self._b, self._overlaps
        if isinstance(gradient, tuple):
            total = overlaps.gradient(gradient, chi)
        else:
            total = overlaps.vector_gradient(gradient, chi)
        update, self._states = self._descent.update(total, self._states, step)
        if self._moved is None:
            self._moved = update
        else:
            self._moved = b.add(shrunk(b, self._descent.decay, self._moved), update)

    def effect(self, gradient: Gradient) -> Node | None:
        """Return <J|U>."""
        if self._moved is None:
            return None
        if isinstance(gradient, tuple):
            return self._overlaps.applied(gradient, self._moved)
        return self._overlaps.applied_to_vector(gradient, self._moved)


def tangent(b: Builder, overlaps: Overlaps, descent: Descent) -> Tangent:
    """Return a weight that has not moved."""
    kind: Callable[[Builder, Overlaps, Descent], Tangent]
    kind = LinearTangent if descent.is_linear else NonlinearTangent
    return kind(b, overlaps, descent)
