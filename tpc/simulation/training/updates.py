"""The steps of an optimizer as graphs on arrays, planned once for all trials.

    (direction, states after) = step t of the optimizer (gradient, states before)

Step t takes the states in the form that step t - 1 leaves them in.
"""

from dataclasses import dataclass

from tpc.network.network import OptimizerUse
from tpc.network.optimizers.averages import GrownAverages
from tpc.network.optimizers.update import advance, initial_states
from tpc.program.builder import Builder
from tpc.program.nodes import Coordinates, Mean, Node, Placeholder, Shape
from tpc.simulation.training.batch_evaluation import Evaluation


@dataclass(frozen=True, slots=True)
class UpdateStep:
    """One step of an optimizer.

    Attributes:
        gradient: Stands for the gradient.
        before: The states before the step: numbers at first, then placeholders.
        after: Their axes after the step.
        evaluation: Computes the direction and the states after the step.
        averages: Whether it acts on the tensor as a whole, not entry by entry.
        factor: Stands for the factor of all gradients, where there is one.
    """

    gradient: Node
    before: tuple[Node, ...]
    after: tuple[tuple[Coordinates, Shape], ...]
    evaluation: Evaluation
    averages: bool
    factor: Node | None


class UpdateSteps:
    """The steps of one optimizer on tensors with given axes."""

    def __init__(
        self, use: OptimizerUse, coords: Coordinates, shape: Shape, bounded: bool = False
    ) -> None:
        """Plan for tensors with the growing axes `coords` and the constant axes `shape`.

        Where they are `bounded` by a common norm, gradients have a factor.
        """
        self._use, self._coords, self._shape, self._bounded = use, coords, shape, bounded
        self._planned: list[UpdateStep] = []

    def at(self, step: int) -> UpdateStep:
        """Return step t."""
        while len(self._planned) <= step:
            at = len(self._planned)
            planned = self._plan(at)
            if len(self._planned) == at:  # no other thread was faster
                self._planned.append(planned)
        return self._planned[step]

    def _plan(self, step: int) -> UpdateStep:
        b = Builder()
        gradient = b.make(Placeholder, self._coords, self._shape, "gradient")
        if step == 0:
            before = initial_states(b, self._use)
        else:
            before = tuple(
                b.make(Placeholder, coords, shape, f"state {at}")
                for at, (coords, shape) in enumerate(self._planned[step - 1].after)
            )
        averages = GrownAverages(b, held=True)
        factor = b.placeholder(b.number(1), "factor") if self._bounded else None
        direction, after = advance(b, self._use, gradient, before, step, averages, factor)
        evaluation = Evaluation((direction, *after))
        return UpdateStep(
            gradient,
            before,
            tuple((node.coords, node.shape) for node in after),
            evaluation,
            any(isinstance(node, Mean) for node in evaluation.order),
            factor,
        )
