"""A network and its training -> one round of the maximal update limit, run as a region.

    f_t = avg(y_t),  chi_t = dLoss/df_t,
    v_{t+1} = (1 - lambda) v_t - eta Q_t(dv_0.chi_0, ..., dv_t.chi_t)
    W_t z = kept_t W_0 z - sum over s < t of c_ts |dh_s><x_s|z>

The rounds differ by their batches alone. An optimizer that is linear in the gradients is linear
in their coordinates: with unit vectors for gradients its states and updates are arrays over rounds,
and c_{t+1} = (1 - lambda) c_t + eta Q_t(e_0, ..., e_t).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from tpc.network.backpropagation import MatrixUse
from tpc.network.forward_backward import BatchPass, differentiate
from tpc.network.network import Network, OptimizerUse, Weight
from tpc.network.optimizers.every_step import is_linear
from tpc.network.optimizers.update import (
    advance,
    decay,
    flags_of,
    initial_states,
    is_bounded,
)
from tpc.network.scales import Classification, WeightScale
from tpc.network.training.descent import shrunk, without_bounds
from tpc.network.training.open_round import OpenRound
from tpc.program.builder import Builder
from tpc.program.nodes import MatMul, Matrix, Node, Row
from tpc.program.region import (
    ROUND,
    Carried,
    Earlier,
    Record,
    Round,
    earlier,
    round_input,
    sum_over_rounds,
)


def has_equal_rounds(network: Network, scales: Classification) -> bool:
    """Whether the steps of training differ by their batches alone.

    That is so where all optimizers are linear in the gradients and none uses the number of the
    step; those of matrices may not be bounded by norms, and none may normalise: X / |X| of an X
    that is zero is zero, where closed forms say so, and noise over noise in a loop. A network may
    not average over pairs of coordinates.
    """
    if any(isinstance(node, Row) for node in network.nodes):
        return False
    weights = {weight.name: weight for weight in network.weights}
    return all(
        is_uniform(scale.optimizer)
        and not flags_of(scale.optimizer)["normalize"]
        and not (is_bounded(scale.optimizer) and isinstance(weights[scale.name].leaf, Matrix))
        for scale in scales.weights
        if weights[scale.name].trained and scale.moves
    )


def is_uniform(use: OptimizerUse) -> bool:
    """Whether an optimizer is linear in the gradients and does the same in every step."""
    b = Builder()
    like = b.number(0)
    gradient = b.placeholder(like, "g")
    states = tuple(
        b.placeholder(like, f"state {at}") for at, _ in enumerate(initial_states(b, use))
    )
    first, second = (advance(b, use, gradient, states, step) for step in (0, 1))
    return first == second and is_linear(without_bounds(use))


def round_of_training(network: Network, scales: Classification) -> Round:
    """Return one step of training as a round; after the last step the outputs alone count."""
    return TrainingRound(network, scales).round()


class TrainingRound(OpenRound):
    """The nodes of one round."""

    def __init__(self, network: Network, scales: Classification) -> None:
        super().__init__(network)
        self._scales = scales
        self._of = differentiate(self._b, network)
        found = self._of.gradients.matrices
        self._matrices = {
            weight.leaf: MovingMatrix(self, weight, scales.by_name[weight.name], found)
            for weight in network.weights
            if isinstance(weight.leaf, Matrix)
        }

    def round(self) -> Round:
        """Return the round."""
        b, training = self._b, self._training
        inputs = b.constant(training.rows)
        values: dict[Node, Node] = {
            weight.leaf: self._value(weight)
            for weight in self._network.weights
            if not isinstance(weight.leaf, Matrix)
        }
        step = BatchPass(b, self._of, inputs, values, self._product)
        for leaf, value in values.items():
            if isinstance(value, Carried):
                self._recorder.bind(value.name, 0, leaf)
        self._recorder.bind_forward(ROUND, step.image, values)
        outputs = b.mean(step.output) if step.output.coords else step.output
        shown = self._centred(outputs) if training.center else outputs
        self._recorder.record(ROUND, shown, step.tracked())
        self._descend(step, shown, values)
        return self.closed()

    def name(self, name: str, node: Node) -> None:
        """Name a value of the round unless it has a name."""
        self._recorder.bind(name, ROUND, node)

    def name_of_use(self, matrix: Matrix, number: int) -> str:
        """Return what the text calls a product with a matrix, or the matrix and a number."""
        use = self._of.gradients.matrices[matrix][number - 1]
        for binding in self._network.bindings:
            match binding.node:
                case MatMul(matrix=own, transposed=transposed, operand=operand):
                    if (own, transposed, operand) == (matrix, use.transposed, use.operand):
                        return binding.name
        return f"{matrix.name}_{number}"

    def keep(self, leaf: Earlier, ket: Node) -> None:
        """Let later rounds look back at a ket."""
        assert leaf.coords == ket.coords and leaf.shape == ket.shape
        self._records.append(Record(leaf, ket))

    @property
    def rows(self) -> int:
        """How many inputs the passes are for."""
        return len(self._training.rows)

    def _value(self, weight: Weight) -> Node:
        """Return a vector-like or scalar-like weight in this round."""
        scale, start = self._scales.by_name[weight.name], self._start(weight)
        shrinks = decay(self._b, scale.optimizer) is not None
        changes = weight.trained and (scale.moves or shrinks)
        return self.carried(weight.name, start) if changes else start

    def _start(self, weight: Weight) -> Node:
        assert not isinstance(weight.leaf, Matrix)
        starts = self._scales.by_name[weight.name].starts
        return weight.leaf if starts else self._b.mul(self._b.number(0), weight.leaf)

    def _centred(self, outputs: Node) -> Node:
        """Take the outputs of the first round off."""
        b = self._b
        zero = b.constant(np.zeros(outputs.shape))
        first = round_input(b, b.constant(np.eye(self.rounds)[0]))
        before = self.carried("start", zero)
        start = b.add(before, b.mul(first, outputs))
        self.pass_on(before, zero, start)
        return b.sub(outputs, start)

    def _product(self, matrix: Matrix, transposed: bool, vector: Node) -> Node:
        return self._matrices[matrix].product(transposed, vector)

    def _descend(self, step: BatchPass, outputs: Node, values: Mapping[Node, Node]) -> None:
        """Take one step with every weight, along gradients at the weights before it."""
        b = self._b
        chi = self.error_signals(outputs)
        gradients = step.total_gradients(chi)
        b.span = self._training.span
        for matrix, moving in self._matrices.items():
            moving.descend(gradients.matrices.get(matrix, ()))
        found: set[tuple[Node, Node]] = {*gradients.vectors.items(), *gradients.scalars.items()}
        totals: dict[Node, Node] = dict(found)
        for weight in self._network.weights:
            if not isinstance(weight.leaf, Matrix):
                self._move(weight, values[weight.leaf], totals.get(weight.leaf))

    def _move(self, weight: Weight, value: Node, gradient: Node | None) -> None:
        """Pass a vector-like or scalar-like weight on, with the states of its optimizer."""
        b, scale = self._b, self._scales.by_name[weight.name]
        if not isinstance(value, Carried) or isinstance(weight.leaf, Matrix):
            return
        share = decay(b, scale.optimizer) if weight.trained else None
        following = shrunk(b, share, value)
        if weight.trained and scale.moves:
            if gradient is None:
                gradient = b.mul(b.number(0), value)
            zero = b.mul(b.number(0), weight.leaf)
            update = self.update(weight.name, scale.optimizer, weight, gradient, zero)
            following = b.sub(following, update)
        self.pass_on(value, self._start(weight), following)


class MovingMatrix:
    """W_t in a round, with what earlier rounds have added to it."""

    def __init__(
        self,
        of: TrainingRound,
        weight: Weight,
        scale: WeightScale,
        gradients: Mapping[Matrix, tuple[MatrixUse, ...]],
    ) -> None:
        assert isinstance(weight.leaf, Matrix)
        self._of = of
        self._weight = weight
        self._matrix = weight.leaf
        self._use = scale.optimizer
        b = of.builder
        self._start = b.number(1 if scale.starts else 0)
        self._decay = decay(b, scale.optimizer) if weight.trained else None
        shrinks = self._decay is not None and scale.starts
        self._kept = of.carried(f"kept_{weight.name}", self._start) if shrinks else self._start
        self._sides: list[tuple[Earlier, Earlier]] = []
        self._zero = b.constant(np.zeros(of.rounds))
        if weight.trained and scale.moves:
            uses = gradients.get(weight.leaf, ())
            self._sides = [self._sides_of(at, use) for at, use in enumerate(uses)]
            self._factors = of.carried(f"c_{weight.name}", self._zero)

    def product(self, transposed: bool, vector: Node) -> Node:
        """Return W_t z, or W_t.T z."""
        b = self._of.builder
        result = b.mul(self._kept, b.matmul(self._matrix, transposed, vector))
        for sides in self._sides:
            left, right = reversed(sides) if transposed else sides
            result = b.sub(result, sum_over_rounds(b, self._factors, left, right, vector))
        return result

    def descend(self, gradient: Sequence[MatrixUse]) -> None:
        """Let later rounds see the gradient of this one."""
        b, of = self._of.builder, self._of
        if isinstance(self._kept, Carried):
            of.pass_on(self._kept, self._start, shrunk(b, self._decay, self._kept))
        for at, (sides, use) in enumerate(zip(self._sides, gradient, strict=bool(self._sides)), 1):
            of.name(f"d{of.name_of_use(self._matrix, at)}", use.cotangent)
            of.name(f"{self._matrix.name}_{at}", use.operand)
            kets = (use.cotangent, use.operand)
            for leaf, ket in zip(sides, reversed(kets) if use.transposed else kets, strict=True):
                of.keep(leaf, ket)
        if self._sides:
            unit = round_input(b, b.constant(np.eye(of.rounds)))
            update = of.update(f"c_{self._weight.name}", self._use, self._weight, unit, self._zero)
            kept = shrunk(b, self._decay, self._factors)
            of.pass_on(self._factors, self._zero, b.add(kept, update))

    def _sides_of(self, at: int, use: MatrixUse) -> tuple[Earlier, Earlier]:
        """Return what stands for the two sides of a use in earlier rounds."""
        shape = (self._of.rows, *use.operand.shape)
        b, matrix = self._of.builder, self._matrix
        return (
            earlier(b, f"left {at} of {matrix.name}", matrix.rows, shape),
            earlier(b, f"right {at} of {matrix.name}", matrix.columns, shape),
        )
