"""The trainable tensors of a finite network, drawn at one width.

    w ~ N(0, init^2 n^-2b),  W = n^-a w   [Tensor Programs IVb, Def. 2.2.1]

What is held is W without its multiplier, which stands in the network's graph. A scalar-like weight
is n^-(a + b) times its `start`.
"""

from collections.abc import Mapping

import numpy as np

from tpc.network.network import Exponents, Network, OptimizerUse, Weight
from tpc.network.parametrizations import Scaling
from tpc.program.nodes import FREE, Coordinates, InitialScalar, Matrix
from tpc.simulation.result import Array
from tpc.simulation.streams import stream
from tpc.simulation.training.descent import Descent, Gradient
from tpc.simulation.training.evaluation import Evaluation, number

COLUMN = "column"
"""The coordinate of the second growing axis of a matrix."""


class Tensor:
    """A weight of a finite network.

    Attributes:
        weight: Its declaration.
        value: W without its multiplier, of shape (n, n), (n,) + k or k.
    """

    def __init__(
        self,
        weight: Weight,
        exponents: Exponents,
        use: OptimizerUse,
        params: Mapping[str, Array],
        key: tuple[int, int, int],
    ) -> None:
        """Draw a weight; `key` is (seed, width, trial)."""
        self.weight = weight
        self.value = draw(weight, exponents, params, key)
        self._coords = _coords(weight)
        self._descent: Descent | None = None
        if weight.trained:
            self._descent = Descent(use, number(weight.lr, params), exponents, key[1], params)

    def descend(self, gradient: Gradient) -> None:
        """Take one step, if the weight is trained."""
        if self._descent is not None:
            self._descent.descend(self.value, self._coords, gradient)


def draw(
    weight: Weight, exponents: Exponents, params: Mapping[str, Array], key: tuple[int, int, int]
) -> Array:
    """Draw W; each weight has a random stream of its own."""
    _, width, _ = key
    scale = float(width) ** -(exponents.a + exponents.b)
    if isinstance(weight.leaf, InitialScalar):
        start = Evaluation((weight.leaf.limit,)).compute({}, params)[0]
        return np.array(scale * start, dtype=np.float64)
    shape = (width,) * len(_coords(weight)) + weight.shape
    drawn = stream(*key, weight.name).standard_normal(shape)
    drawn *= scale * number(weight.init, params)
    return drawn


def draw_all(
    network: Network,
    scaling: Scaling,
    uses: Mapping[str, OptimizerUse],
    params: Mapping[str, Array],
    key: tuple[int, int, int],
) -> list[Tensor]:
    """Draw every weight; `uses` are their optimizers, by name."""
    return [
        Tensor(weight, scaling.exponents[weight.name], uses[weight.name], params, key)
        for weight in network.weights
    ]


def _coords(weight: Weight) -> Coordinates:
    match weight.leaf:
        case Matrix(rows=rows, columns=columns):
            return ((FREE, rows), (COLUMN, columns))
        case InitialScalar():
            return ()
        case vector:
            return vector.coords
