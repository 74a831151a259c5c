"""The steps of an optimizer as graphs on arrays, planned once for all trials.

    (direction, states after) = step t of the optimizer (gradient, states before)

Step t takes the states in the form that step t - 1 leaves them in.
"""

from dataclasses import dataclass
from threading import Lock

from tpc.network.network import OptimizerUse
from tpc.network.optimizers.averages import GrownAverages
from tpc.network.optimizers.rule import Facing
from tpc.network.optimizers.update import acts_on_operators, advance, asks_norm, initial_states
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
        norm: Stands for |w|, or the norm of the step of a graft, where the optimizer asks for it.
    """

    gradient: Node
    before: tuple[Node, ...]
    after: tuple[tuple[Coordinates, Shape], ...]
    evaluation: Evaluation
    averages: bool
    factor: Node | None
    norm: Node | None


class UpdateSteps:
    """The steps of one optimizer on tensors with given axes."""

    def __init__(
        self,
        use: OptimizerUse,
        coords: Coordinates,
        shape: Shape,
        bounded: bool = False,
        facing: Facing | None = None,
    ) -> None:
        """Plan for tensors with the growing axes `coords` and the constant axes `shape`.

        Where they are `bounded` by a common norm, gradients have a factor.
        """
        self._use, self._coords, self._shape, self._bounded = use, coords, shape, bounded
        self._facing = facing
        self._planned: list[UpdateStep] = []
        self._sizes: list[Shape] = []
        self._planning = Lock()

    @property
    def states(self) -> int:
        """How many arrays the optimizer remembers."""
        return len(initial_states(Builder(), self._use))

    def at(self, step: int, shape: Shape | None = None) -> UpdateStep:
        """Return step t; the arrays of operators may have grown since the step before."""
        with self._planning:
            while len(self._planned) <= step:
                size = self._shape if shape is None else shape
                self._planned.append(self._plan(len(self._planned), size))
                self._sizes.append(size)
        return self._planned[step]

    def _plan(self, step: int, size: Shape) -> UpdateStep:
        b = Builder()
        gradient = b.make(Placeholder, self._coords, size, "gradient")
        norm = b.placeholder(b.number(0), "norm") if asks_norm(self._use) else None
        if step == 0:
            before = initial_states(b, self._use)
        else:
            before = tuple(
                b.make(
                    Placeholder, coords, size if shape == self._sizes[-1] else shape, f"state {at}"
                )
                for at, (coords, shape) in enumerate(self._planned[step - 1].after)
            )
        averages = GrownAverages(b, held=True)
        factor = b.placeholder(b.number(1), "factor") if self._bounded else None
        direction, after = advance(
            b, self._use, gradient, before, step, averages, factor, self._facing, norm
        )
        evaluation = Evaluation((direction, *after))
        return UpdateStep(
            gradient,
            before,
            tuple((node.coords, node.shape) for node in after),
            evaluation,
            acts_on_operators(self._use) or any(isinstance(x, Mean) for x in evaluation.order),
            factor,
            norm,
        )
