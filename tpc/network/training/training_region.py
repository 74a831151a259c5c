"""A network and its training -> one round of the maximal update limit, run as a region.

    f_t = avg(y_t),  chi_t = dLoss/df_t,
    v_{t+1} = (1 - lambda) v_t - eta Q_t(dv_0.chi_0, ..., dv_t.chi_t)
    W_t z = kept_t W_0 z - U_t z

The rounds differ by their batches and by their number t, which optimizers may use.
"""

from collections.abc import Mapping
from math import prod

import numpy as np

from tpc.network.facing import facing_of
from tpc.network.forward_backward import BatchPass, differentiate
from tpc.network.network import Network, OptimizerUse, Weight
from tpc.network.optimizers.averages import GrownAverages
from tpc.network.optimizers.every_step import is_linear
from tpc.network.optimizers.update import (
    acts_on_operators,
    decays,
    flags_of,
    is_bounded,
    sees_weight,
    stages_of,
)
from tpc.network.scales import Classification
from tpc.network.training.descent import without_bounds
from tpc.network.training.global_bounds import GlobalFactor
from tpc.network.training.low_rank import OrthonormalKets, operator_update, side_by_side
from tpc.network.training.moving_matrix import MovingMatrix
from tpc.network.training.open_round import OpenRound
from tpc.network.training.updates import gradients_of
from tpc.program.backpropagation import MatrixUse
from tpc.program.nodes import MatMul, Matrix, Node, Row
from tpc.program.region import (
    ROUND,
    Carried,
    Round,
    round_input,
)


def has_equal_rounds(network: Network, scales: Classification) -> bool:
    """Whether the steps of training differ by their batches and numbers alone.

    That is so unless something normalises: X / |X| of an X that is zero is zero, where closed forms
    say so, and noise over noise in a loop. Optimizers of matrices that are linear in the gradients
    may not be bounded by norms, nor clipped gradients by a common one. A network may not average
    over pairs of coordinates.
    """
    assert network.training is not None
    bound = network.training.bound
    clips = any("clip_value" in dict(scale.optimizer.options) for scale in scales.weights)
    if bound is not None and (bound.threshold is None or clips):
        return False
    if any(isinstance(node, Row) for node in network.nodes) or not network.draws_by_moments:
        return False
    return all(
        _is_uniform(scales.by_name[weight.name].optimizer, isinstance(weight.leaf, Matrix))
        for weight in network.weights
        if weight.trained and scales.by_name[weight.name].moves
    )


def _is_uniform(use: OptimizerUse, of_matrix: bool) -> bool:
    if acts_on_operators(use):
        return True
    stacked = of_matrix and is_linear(without_bounds(use))
    return not flags_of(use)["normalize"] and not (stacked and is_bounded(use))


def round_of_training(network: Network, scales: Classification) -> Round:
    """Return one step of training as a round; after the last step the outputs alone count."""
    return TrainingRound(network, scales).round()


class TrainingRound(OpenRound):
    """The nodes of one round."""

    def __init__(self, network: Network, scales: Classification) -> None:
        super().__init__(network)
        self._scales = scales
        self._factor = GlobalFactor(self._b, network, scales)
        self._of = differentiate(self._b, network)
        self._matrices = {
            weight.leaf: MovingMatrix(
                self, weight, scales.by_name[weight.name], self._uses(weight.leaf)
            )
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
        self.record(shown, step, lambda node: node)
        self._descend(step, shown, values)
        return self.closed()

    def _uses(self, matrix: Matrix) -> list[tuple[str, MatrixUse]]:
        """Return the products with a matrix and what the text calls them, or the matrix itself."""
        names = {
            (node.transposed, node.operand): binding.name
            for binding in reversed(self._network.bindings)
            if isinstance(node := binding.node, MatMul) and node.matrix is matrix
        }
        return [
            (names.get((use.transposed, use.operand), f"{matrix.name}_{at}"), use)
            for at, use in enumerate(self._of.gradients.matrices.get(matrix, ()), 1)
        ]

    def _value(self, weight: Weight) -> Node:
        """Return a vector-like or scalar-like weight in this round."""
        scale, start = self._scales.by_name[weight.name], self._start(weight)
        changes = weight.trained and (scale.moves or decays(scale.optimizer))
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
        uses = {scale.name: scale.optimizer for scale in self._scales.weights}
        known = gradients_of(b, self._network, gradients)
        factors = self._factor.of_gradients(known, uses, self.number)
        for factor in factors.values():
            self.name("clip", factor)
        for matrix, moving in self._matrices.items():
            moving.descend(gradients, factors.get(matrix.name))
        found: set[tuple[Node, Node]] = {*gradients.vectors.items(), *gradients.scalars.items()}
        totals: dict[Node, Node] = dict(found)
        for weight in self._network.weights:
            if not isinstance(weight.leaf, Matrix):
                own = factors.get(weight.name)
                self._move(weight, values[weight.leaf], totals.get(weight.leaf), own)

    def _move(
        self, weight: Weight, value: Node, gradient: Node | None, factor: Node | None
    ) -> None:
        """Pass a vector-like or scalar-like weight on, with the states of its optimizer."""
        b, scale = self._b, self._scales.by_name[weight.name]
        if not isinstance(value, Carried) or isinstance(weight.leaf, Matrix):
            return
        following = self.kept(scale.optimizer, weight, value)
        if weight.trained and scale.moves:
            if gradient is None:
                gradient = b.mul(b.number(0), value)
            following = b.sub(following, self._update(weight, value, gradient, factor))
        self.pass_on(value, self._start(weight), following)

    def _update(self, weight: Weight, value: Node, gradient: Node, factor: Node | None) -> Node:
        b, use = self._b, self._scales.by_name[weight.name].optimizer
        norm = GrownAverages(b).norm(value)
        if not acts_on_operators(use):
            seen = norm if sees_weight(use) else None
            facing = facing_of(weight, self._scales.by_name[weight.name].role, use, 1)
            return self.update(weight.name, use, weight, gradient, None, factor, facing, seen)
        kets = OrthonormalKets(self, f"q_{weight.name}", value.dim, prod(weight.shape))
        shape = weight.shape or (1,)
        whole = b.constant(np.eye(kets.columns).reshape(kets.columns, *shape))
        core = b.contract(kets.take_in(side_by_side(b, [gradient])), whole)
        scale = self._scales.by_name[weight.name]
        norm = self.graft_norm(weight, scale, gradient, factor) or norm
        update = operator_update(self, weight, scale, core, 2, factor, norm)
        moved = kets.combination(update)
        moved = moved if weight.shape else b.take(moved, (0,))
        if (stages := stages_of(use)) is None:
            return moved
        facing = facing_of(weight, scale.role, use, 1)
        return self.update(weight.name, use, weight, moved, facing=facing, rule=stages[1])
