"""A vector-like or scalar-like weight while it is trained.

    |v_{t+1}> = (1 - lambda) |v_t> - eta Q_t(|dv_0>.chi_0, ..., |dv_t>.chi_t)

Q acts entry by entry, on a ket or on numbers.

Reference:
    Tensor Programs IVb, Theorem 2.9.25, equations (2.46) and (2.47).
"""

from tpc.network.training.descent import Descent
from tpc.network.training.matrices import shrunk
from tpc.program.builder import Builder
from tpc.program.nodes import Node


class TrainedTensor:
    """v_t at the current step.

    Attributes:
        value: The ket or the scalar.
    """

    def __init__(self, b: Builder, start: Node, descent: Descent | None, decay: Node | None):
        """Take the value before training; without a descent it changes by its decay alone."""
        self._b = b
        self._descent = descent
        self._decay = descent.decay if descent else decay
        self._states = descent.initial_states if descent else ()
        self.value = start

    def descend(self, gradient: Node | None, step: int) -> None:
        """Take one step along the gradient, of the shape of the weight; None stands for zero."""
        b = self._b
        kept = shrunk(b, self._decay, self.value)
        if self._descent is None:
            self.value = kept
            return
        if gradient is None:
            gradient = b.mul(b.number(0), self.value)
        update, self._states = self._descent.update(gradient, self._states, step)
        self.value = b.sub(kept, update)
