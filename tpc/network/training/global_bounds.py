"""What clips or normalises all gradients together, as a factor: min(1, theta / nu), or 1 / nu.

    nu^2 = sum of |Gamma_w|^2 over the weights that the common norm sees (`global_norms.py`)

A factor is a scalar of the program: gradients are multiplied by it before optimizers see them.
"""

from collections.abc import Mapping
from functools import reduce

from tpc.network.global_norms import global_norm
from tpc.network.jacobians import overlap
from tpc.network.network import Network, OptimizerUse
from tpc.network.optimizers.averages import GrownAverages
from tpc.network.optimizers.rule import positive
from tpc.network.optimizers.update import at_step, clipped, numeric_options
from tpc.network.scales import Classification
from tpc.network.training.updates import Gradient, applied
from tpc.program.builder import Builder
from tpc.program.nodes import Node


class GlobalFactor:
    """The factor of gradients at each step.

    Attributes:
        seen: The weights whose gradients the norm sees, with their factors in its square.
    """

    def __init__(self, b: Builder, network: Network, scales: Classification) -> None:
        assert network.training is not None
        self._b = b
        self._bound = bound = network.training.bound
        self.seen = global_norm(scales, bound.weights).seen if bound else {}

    def of_squares(self, squares: Mapping[str, Node], step: int | Node) -> dict[str, Node]:
        """Return the factor for each weight that has one.

        Args:
            squares: |Gamma|^2 of the weights that are seen; those without a gradient left out.
            step: The number of the step.
        """
        b, bound = self._b, self._bound
        if bound is None:
            return {}
        parts = [b.mul(b.number(self.seen[name]), square) for name, square in squares.items()]
        norm = b.apply("sqrt", reduce(b.add, parts, b.number(0)))
        if bound.threshold is None:
            factor = b.div(b.number(1), positive(b, norm))
        else:
            theta = at_step(b, bound.threshold, bound.time, step)
            factor = b.div(b.number(1), b.apply("max", b.number(1), b.div(norm, theta)))
        return dict.fromkeys(bound.weights, factor)

    def of_gradients(
        self, gradients: Mapping[str, Gradient], uses: Mapping[str, OptimizerUse], step: int | Node
    ) -> dict[str, Node]:
        """Return the same from the gradients of a step, by weight."""
        found = {
            name: square_norm(self._b, gradients[name], uses[name], step)
            for name in self.seen
            if name in gradients
        }
        return self.of_squares(found, step)


def square_norm(b: Builder, gradient: Gradient, use: OptimizerUse, step: int | Node) -> Node:
    """Return E ||Gamma||^2 of a gradient, its entries clipped where the block says so."""
    options = numeric_options(b, use, step)
    if "clip_value" in options or not gradient.jacobian.terms[0][0].node.coords:
        whole = clipped(b, options, gradient.whole(b))
        return b.apply("square", GrownAverages(b).norm(whole))
    found = overlap(b, gradient.jacobian, gradient.jacobian)
    return applied(b, gradient.chi, applied(b, found, gradient.chi))
