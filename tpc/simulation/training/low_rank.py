"""A trained matrix that is never there: its start by the law of products, its updates as factors.

Where the update is linear in the gradients, Q_t = sum over s <= t of q_ts n^d g_s, and every
gradient is a sum of outer products, g_s = n^-a left_s right_s.T. So with k = 1 - decay

    W_t = k^t W_0 + sum over s < t of c_ts left_s right_s.T,
    c_{t+1, s} = k c_ts - (n^-a lr factor n^-c) n^(d - a) q_ts,

and W_t x takes a product with W_0 and 2 n r operations for each step before. T steps over M inputs
cost O(n M T) memory where the matrix has n^2 entries.
"""

from collections.abc import Sequence

import numpy as np

from tpc.program.ensembles import GAUSSIAN
from tpc.simulation.engines import make_operator
from tpc.simulation.result import Array
from tpc.simulation.streams import Stream, stream
from tpc.simulation.training.tensors import Gradient, TensorPlan


class LowRankTensor:
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
        n = plan.width
        draws = Stream(stream(seed, n, trial, plan.weight.name))
        self._start = make_operator("matrix-free", GAUSSIAN, n, n, products, draws)
        self._scale = plan.deviation
        self._coefficients = coefficients
        self._lefts: list[Array] = []
        self._rights: list[Array] = []
        self._weights = np.zeros(0)

    @property
    def value(self) -> "LowRankTensor":
        """What multiplies: this."""
        return self

    def multiply(self, transposed: bool, vectors: Array) -> Array:
        """Return W @ vectors, or W.T @ vectors, for vectors in columns."""
        product: Array = self._scale * self._start.multiply(transposed, vectors)
        for weight, left, right in zip(self._weights, self._lefts, self._rights, strict=True):
            outer, inner = (right, left) if transposed else (left, right)
            product += outer @ (weight * (inner.T @ vectors))
        return product

    def descend(self, gradient: Gradient) -> None:
        """Take one step, dL/dW being the gradient."""
        assert gradient.right is not None
        self._lefts.append(gradient.left)
        self._rights.append(gradient.right)
        now = np.array(self._coefficients[len(self._weights)])
        self._scale *= self.plan.kept
        kept = np.append(self.plan.kept * self._weights, 0.0)
        self._weights = kept - self.plan.rate * self.plan.gain * now
