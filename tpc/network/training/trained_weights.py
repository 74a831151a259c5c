"""A weight at the current step of training, in the maximal update limit.

    |W_{t+1}| = (1 - lambda) |W_t| - eta Q_t(Gamma_0, ..., Gamma_t)          an operator on kets
    |v_{t+1}> = (1 - lambda) |v_t> - eta Q_t(|dv_0>.chi_0, ..., |dv_t>.chi_t)

A weight that is frozen, or whose updates vanish as the width grows, changes by its decay at most.

Reference:
    Tensor Programs IVb, Theorem 2.9.25, equations (2.45), (2.46) and (2.47).
"""

from tpc.network.training.descent import Descent
from tpc.network.training.updates import Gradient, update_of
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node


class TrainedMatrix:
    """|W_t| = (1 - lambda)^t |W_0| - U_t."""

    def __init__(
        self,
        b: Builder,
        matrix: Matrix,
        start: Node,
        descent: Descent | None,
        moves: bool,
        height: float,
    ) -> None:
        """Take a matrix before training.

        Args:
            b: Makes the nodes.
            matrix: The matrix as drawn.
            start: Its factor before training: 1, or 0 where the limit does not see its draw.
            descent: Its updates, or None where it is frozen.
            moves: Whether they do not vanish.
            height: Its rows by its columns.
        """
        self._b = b
        self._matrix = matrix
        self._kept = start
        self._descent = descent
        self._update = update_of(b, descent, height) if descent and moves else None

    def product(self, transposed: bool, vector: Node) -> Node:
        """Return W_t z, or W_t.T z."""
        b = self._b
        product = b.mul(self._kept, b.matmul(self._matrix, transposed, vector))
        return self._update.taken_off(product, transposed, vector) if self._update else product

    def descend(self, gradient: Gradient | None, step: int, factor: Node | None) -> None:
        """Take one step along the gradient times a factor; None stands for zero, and for 1."""
        if self._descent:
            self._kept = self._descent.kept(self._kept, step)
        if self._update and gradient:
            self._update.descend(gradient, step, factor)


class TrainedTensor:
    """v_t, a ket or a scalar, on which Q acts entry by entry.

    Attributes:
        value: The ket or the scalar.
    """

    def __init__(self, b: Builder, start: Node, descent: Descent | None, moves: bool) -> None:
        """Take the value before training, and as for a matrix."""
        self._b = b
        self._descent = descent
        self._moves = moves
        self._states = descent.initial_states if descent else ()
        self.value = start

    def descend(self, gradient: Node | None, step: int, factor: Node | None) -> None:
        """Take one step along the gradient, of the shape of the weight, as of a matrix."""
        b, old = self._b, self.value
        if self._descent is None:
            return
        self.value = self._descent.kept(old, step)
        if self._moves:
            gradient = b.mul(b.number(0), old) if gradient is None else gradient
            update, self._states = self._descent.update(gradient, self._states, step, factor)
            self.value = b.sub(self.value, update)
