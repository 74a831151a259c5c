"""A weight at the current step of training, in the maximal update limit.

    |W_{t+1}| = (1 - lambda) |W_t| - eta Q_t(Gamma_0, ..., Gamma_t)          an operator on kets
    |v_{t+1}> = (1 - lambda) |v_t> - eta Q_t(|dv_0>.chi_0, ..., |dv_t>.chi_t)

A weight that is frozen, or whose updates vanish as the width grows, changes by its decay at most.

Reference:
    Tensor Programs IVb, Theorem 2.9.25, equations (2.45), (2.46) and (2.47).
"""

from tpc.network.training.descent import Descent, shrunk
from tpc.network.training.updates import Gradient, Update
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node


class TrainedMatrix:
    """|W_t| = (1 - lambda)^t |W_0| - U_t."""

    def __init__(
        self, b: Builder, matrix: Matrix, start: Node, decay: Node | None, update: Update | None
    ) -> None:
        """Take a matrix before training.

        Args:
            b: Makes the nodes.
            matrix: The matrix as drawn.
            start: Its factor before training: 1, or 0 where the limit does not see its draw.
            decay: Its weight decay.
            update: What training takes off, or None where that vanishes.
        """
        self._b = b
        self._matrix = matrix
        self._kept = start
        self._decay = decay
        self._update = update

    def product(self, transposed: bool, vector: Node) -> Node:
        """Return W_t z, or W_t.T z."""
        b = self._b
        product = b.mul(self._kept, b.matmul(self._matrix, transposed, vector))
        return self._update.taken_off(product, transposed, vector) if self._update else product

    def descend(self, gradient: Gradient | None, step: int) -> None:
        """Take one step along the gradient; None stands for zero."""
        self._kept = shrunk(self._b, self._decay, self._kept)
        if self._update and gradient:
            self._update.descend(gradient, step)


class TrainedTensor:
    """v_t, a ket or a scalar, on which Q acts entry by entry.

    Attributes:
        value: The ket or the scalar.
    """

    def __init__(self, b: Builder, start: Node, decay: Node | None, descent: Descent | None):
        """Take the value before training, and how it is updated, or None where that vanishes."""
        self._b = b
        self._decay = decay
        self._descent = descent
        self._states = descent.initial_states if descent else ()
        self.value = start

    def descend(self, gradient: Node | None, step: int) -> None:
        """Take one step along the gradient, of the shape of the weight; None stands for zero."""
        b, old = self._b, self.value
        self.value = shrunk(b, self._decay, old)
        if self._descent is not None:
            gradient = b.mul(b.number(0), old) if gradient is None else gradient
            update, self._states = self._descent.update(gradient, self._states, step)
            self.value = b.sub(self.value, update)
