"""A trained matrix that is never there: its start by the law of products, its update in factors.

Where the update is linear in the gradients, Q_t = sum over s <= t of q_ts n^d g_s, and every
gradient is a sum of outer products, g_s = n^-a left_s right_s.T. So with k = 1 - decay

    W_t = k^t W_0 - left (c_t * right.T),
    c_{t+1, s} = k c_ts + (n^-a lr factor n^-c) n^(d - a) q_ts,

the columns of all steps side by side, those of step s with the coefficient c_ts. W_t x takes a
product with W_0 and 4 n operations for each column. T steps over M inputs cost O(n M T) memory
where the matrix has n^2 entries.
"""

from collections.abc import Sequence

import numpy as np

from tpc.program.ensembles import GAUSSIAN
from tpc.simulation.engines import make_operator
from tpc.simulation.result import Array
from tpc.simulation.streams import Stream, stream
from tpc.simulation.training.tensors import FiniteGradient, TensorPlan


class FactoredTensor:
    """A matrix-like weight in one trial, which multiplies without its entries.

    Attributes:
        plan: What all trials share.
    """

    def __init__(
        self,
        plan: TensorPlan,
        seed: int,
        trial: int,
        products: tuple[int, int],
        coefficients: Sequence[Sequence[float]],
    ) -> None:
        """Know nothing of the matrix yet.

        Args:
            plan: What all trials share.
            seed: Of all random streams.
            trial: Which of them.
            products: How many vectors W and W.T will multiply at most.
            coefficients: q_ts, a row for each step.
        """
        self.plan = plan
        rows, columns = plan.axes
        draws = Stream(stream(seed, plan.width, trial, plan.weight.name))
        self._start = make_operator("matrix-free", GAUSSIAN, rows, columns, products, draws)
        self._scale = plan.deviation
        self._rows = coefficients
        self._left, self._right = np.zeros((rows, 0)), np.zeros((columns, 0))
        self._columns: list[int] = []
        self._coefficients = np.zeros(0)

    @property
    def value(self) -> "FactoredTensor":
        """What multiplies: this."""
        return self

    def multiply(self, transposed: bool, vectors: Array) -> Array:
        """Return W @ vectors, or W.T @ vectors, for vectors in columns."""
        product: Array = self._scale * self._start.multiply(transposed, vectors)
        outer, inner = (self._right, self._left) if transposed else (self._left, self._right)
        weights = np.repeat(self._coefficients, self._columns)
        product -= outer @ (weights[:, None] * (inner.T @ vectors))
        return product

    def descend(self, gradient: FiniteGradient, factor: float = 1.0) -> None:
        """Take one step, dL/dW being the gradient, with the factor of all gradients."""
        assert gradient.right is not None
        plan, step = self.plan, len(self._columns)
        self._left = np.concatenate([self._left, factor * gradient.left], axis=1)
        self._right = np.concatenate([self._right, gradient.right], axis=1)
        self._columns.append(gradient.left.shape[1])
        left, rate = plan.rates(step)
        self._scale *= left
        kept = np.append(left * self._coefficients, 0.0)
        self._coefficients = kept + rate * plan.gain * np.array(self._rows[step])
