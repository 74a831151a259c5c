"""A trained matrix that is never there, under an optimizer that sees gradients as operators.

    W_t = k^t W_0 - (left C_t right.T) / sqrt(m n),   left.T left / m = right.T right / n = 1,
    C_{t+1} = k C_t + n^(e - a) lr factor n^-c X_t,   e = 1,

where X_t is the direction of step t on the array of an operator between the same orthonormal
columns: gradients have columns and rows in their span. Directions that are new in a gradient by
rounding alone have columns of zeros.
"""

import numpy as np

from tpc.program.ensembles import GAUSSIAN
from tpc.program.nodes import Matrix, Node
from tpc.simulation.engines import make_operator
from tpc.simulation.result import Array
from tpc.simulation.streams import Stream, stream
from tpc.simulation.training.tensors import FiniteGradient, TensorPlan, extended


class LowRankTensor:
    """A matrix-like weight in one trial, which multiplies without its entries.

    Attributes:
        plan: What all trials share.
    """

    def __init__(self, plan: TensorPlan, seed: int, trial: int, products: tuple[int, int]) -> None:
        """Know nothing of the matrix yet; W and W.T multiply as many vectors as `products`."""
        self.plan = plan
        rows, columns = plan.axes
        draws = Stream(stream(seed, plan.width, trial, plan.weight.name))
        self._start = make_operator("matrix-free", GAUSSIAN, rows, columns, products, draws)
        self._scale = plan.deviation
        self._size = np.sqrt(rows * columns)
        self._left, self._right = np.zeros((rows, 0)), np.zeros((columns, 0))
        self._core = np.zeros((0, 0))
        self._states: list[Array] = []
        self._step = 0

    @property
    def value(self) -> "LowRankTensor":
        """What multiplies: this."""
        return self

    def multiply(self, transposed: bool, vectors: Array) -> Array:
        """Return W @ vectors, or W.T @ vectors, for vectors in columns."""
        product: Array = self._scale * self._start.multiply(transposed, vectors)
        return product - self.moved(transposed, vectors)

    def moved(self, transposed: bool, vectors: Array) -> Array:
        """Return what updates have taken off a product."""
        left, right, core = self._left, self._right, self._core
        if transposed:
            left, right, core = right, left, core.T
        moved: Array = left @ (core @ (right.T @ vectors)) / self._size
        return moved

    def descend(self, gradient: FiniteGradient, factor: float = 1.0) -> None:
        """Take one step, dL/dW being the gradient, with the factor of all gradients."""
        assert gradient.right is not None
        plan = self.plan
        self._left, above = extended(self._left, gradient.left)
        self._right, below = extended(self._right, gradient.right)
        size = len(above)
        self._core = _padded(self._core, size)
        step = plan.steps.at(self._step, (size, size))
        whole = plan.gain * plan.half * self._size * above @ below.T
        given: dict[Node | Matrix, Array] = {step.gradient: whole}
        if step.factor is not None:
            given[step.factor] = np.array(factor)
        if step.norm is not None:
            given[step.norm] = np.asarray(plan.norm_scale * self._scale * self._size)
        states = [_padded(state, size) if state.ndim == 2 else state for state in self._states]
        given |= dict(zip(step.before, states, strict=False))
        direction, *self._states = step.evaluation.compute(given, plan.params)
        kept, rate = plan.rates(self._step)
        self._core = kept * self._core + rate / plan.half * direction
        self._scale *= kept
        self._step += 1


def _padded(array: Array, size: int) -> Array:
    """Return a square array with zeros for what is new."""
    more = size - len(array)
    return np.pad(array, ((0, more), (0, more)))
