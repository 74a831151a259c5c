"""A matrix while it is trained: |W_t| as an operator on kets.

    |W_{t+1}| = (1 - lambda) |W_t| - eta Q_t(Gamma_0, ..., Gamma_t)

Where Q is linear the update is a sum of the outer products Gamma_s, and W_t z costs inner products.
Else Q acts on kernels of two coordinates, entry by entry, and

    W_t z = (1 - lambda)^t W_0 z - mean[j](Delta_t * z[j]),

with Delta_t the sum of all updates. The transpose averages the kernel with its slots exchanged.

Reference:
    Tensor Programs IVb, Definition 2.6.7; Theorem 2.9.25, equation (2.45).
"""

from collections.abc import Sequence
from typing import Protocol

from tpc.network.training.descent import Descent
from tpc.network.training.outer_products import COLUMN, OuterProduct, kernel, overlap, times
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node


class TrainedMatrix(Protocol):
    """|W_t| at the current step."""

    def product(self, transposed: bool, vector: Node) -> Node:
        """Return W_t z, or W_t.T z."""

    def descend(self, gradient: Sequence[OuterProduct], step: int) -> None:
        """Take one step."""


class FixedMatrix:
    """A matrix that is frozen, or whose updates vanish as the width grows: at most it decays."""

    def __init__(self, b: Builder, matrix: Matrix, start: Node, decay: Node | None) -> None:
        self._b = b
        self._matrix = matrix
        self._decay = decay
        self._kept = start

    def product(self, transposed: bool, vector: Node) -> Node:
        """Return W_t z, or W_t.T z."""
        return self._b.mul(self._kept, self._b.matmul(self._matrix, transposed, vector))

    def descend(self, gradient: Sequence[OuterProduct], step: int) -> None:
        """Take one step: decay."""
        self._kept = shrunk(self._b, self._decay, self._kept)


class LowRankMatrix(FixedMatrix):
    """A matrix with linear updates: the outer products of all steps, each with its factor."""

    def __init__(self, b: Builder, matrix: Matrix, start: Node, descent: Descent) -> None:
        super().__init__(b, matrix, start, descent.decay)
        self._descent = descent
        self._gradients: list[tuple[OuterProduct, ...]] = []
        self._factors: list[Node] = []

    def product(self, transposed: bool, vector: Node) -> Node:
        """Return W_t z, or W_t.T z."""
        b = self._b
        result = super().product(transposed, vector)
        for factor, gradient in zip(self._factors, self._gradients, strict=True):
            for each in gradient:
                oriented = each.transposed() if transposed else each
                result = b.sub(result, b.mul(factor, times(b, oriented, vector)))
        return result

    def descend(self, gradient: Sequence[OuterProduct], step: int) -> None:
        """Take one step."""
        b = self._b
        super().descend(gradient, step)
        self._gradients.append(tuple(gradient))
        update = self._descent.linear_update(step, self._norm_sq)
        old = [shrunk(b, self._descent.decay, factor) for factor in self._factors]
        self._factors = [b.add(x, y) for x, y in zip([*old, b.number(0)], update, strict=True)]

    def _norm_sq(self, coefficients: Sequence[Node]) -> Node:
        """Return E ||X||^2 of X = sum over s of coefficients[s] Gamma_s."""
        b = self._b
        known = list(zip(coefficients, self._gradients, strict=True))
        total = b.number(0)
        for x, one in known:
            for y, other in known:
                if one and other:
                    total = b.add(total, b.mul(b.mul(x, y), overlap(b, one, other)))
        return total


class KernelMatrix(FixedMatrix):
    """A matrix with nonlinear updates: their sum and the optimizer's states are kernels."""

    def __init__(self, b: Builder, matrix: Matrix, start: Node, descent: Descent) -> None:
        super().__init__(b, matrix, start, descent.decay)
        self._descent = descent
        self._states = descent.initial_states
        self._moved: Node | None = None

    def product(self, transposed: bool, vector: Node) -> Node:
        """Return W_t z, or W_t.T z."""
        b = self._b
        result = super().product(transposed, vector)
        if self._moved is None:
            return result
        moved = b.exchange(self._moved, COLUMN) if transposed else self._moved
        return b.sub(result, b.mean(b.mul(moved, b.row(vector, COLUMN)), (COLUMN,)))

    def descend(self, gradient: Sequence[OuterProduct], step: int) -> None:
        """Take one step."""
        b = self._b
        super().descend(gradient, step)
        update, self._states = self._descent.update(kernel(b, gradient), self._states, step)
        if self._moved is None:
            self._moved = update
        else:
            self._moved = b.add(shrunk(b, self._descent.decay, self._moved), update)


def shrunk(b: Builder, decay: Node | None, value: Node) -> Node:
    """Return (1 - lambda) times a value."""
    return value if decay is None else b.mul(b.sub(b.number(1), decay), value)


def train_matrix(
    b: Builder, matrix: Matrix, start: Node, descent: Descent | None, decay: Node | None
) -> TrainedMatrix:
    """Return a matrix before training.

    Args:
        b: Makes the nodes.
        matrix: The matrix as drawn.
        start: Its factor before training: 1, or 0 where the limit does not see its draw.
        descent: How it is updated, or None where its updates vanish.
        decay: Its weight decay in that case.
    """
    if descent is None:
        return FixedMatrix(b, matrix, start, decay)
    kind = LowRankMatrix if descent.is_linear else KernelMatrix
    return kind(b, matrix, start, descent)
