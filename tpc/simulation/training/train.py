"""Network with a `train` block, width -> outputs and tracked scalars at every step.

    for t = 0, ..., T:  record f_t of all rows; with the rows of batch t:
        chi_t = dL/df_t,  W_{t+1} = W_t updated along dL/dW_t

f is centred, f_t - f_0, where that is asked for, in records and in the loss. Nothing here knows of
a limit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tpc.network.forward_backward import differentiate
from tpc.network.global_norms import trained_norm
from tpc.network.network import Network, OptimizerUse, Training, Weight, WeightKind
from tpc.network.optimizers.every_step import is_linear, linear_coefficients, stays_low_rank
from tpc.network.optimizers.update import at_step
from tpc.network.parametrizations import Scaling, scaling_of
from tpc.network.roles import roles_of
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node
from tpc.simulation.averages import average_values
from tpc.simulation.engines import Engine, Operator
from tpc.simulation.result import Array, Value
from tpc.simulation.runs import RunPlan
from tpc.simulation.streams import Stream, stream
from tpc.simulation.training.batch_evaluation import Evaluation, Given, number
from tpc.simulation.training.costs import check_training_cost
from tpc.simulation.training.factored import FactoredTensor
from tpc.simulation.training.low_rank import LowRankTensor
from tpc.simulation.training.passes import Backward, Forward, Loss
from tpc.simulation.training.tensors import FiniteGradient, Tensor, TensorPlan, Widths
from tpc.simulation.vectors import draw_vector


@dataclass(frozen=True, slots=True)
class TrainingRuns:
    """Trainings of a network.

    Attributes:
        described: The network, with a `train` block.
    """

    described: Network

    @property
    def _training(self) -> Training:
        assert self.described.training is not None
        return self.described.training

    @property
    def usual_widths(self) -> tuple[int, ...]:
        """Widths at which a network of a few layers is trained in seconds."""
        return (32, 64, 128, 256, 512)

    @property
    def has_laws(self) -> bool:
        """Whether the updates of all matrices are of low rank."""
        return all(
            stays_low_rank(self._training.optimizer_of(weight.name))
            for weight in self.described.weights
            if weight.kind is WeightKind.MATRIX and weight.trained
        )

    @property
    def readouts(self) -> frozenset[str]:
        """None: what is recorded are numbers."""
        return frozenset()

    @property
    def rough(self) -> frozenset[str]:
        """All outputs where a scalar-like weight is trained: its functions may have kinks."""
        scalars = (w for w in self.described.weights if w.kind is WeightKind.SCALAR)
        tracks = (track.name for track in self._training.tracks)
        names = (self.described.readout.name, *tracks, *self._training.recorded_losses)
        return frozenset(names if any(weight.trained for weight in scalars) else ())

    def plan(self, width: int, params: Mapping[str, Array], engine: Engine) -> RunPlan:
        """Plan the trials of a width; each has a stage for every step.

        Raises:
            ProgramError: As in `check_training_cost`.
        """
        trainer = _Trainer(self.described, self._training, width, params, engine)
        return RunPlan(trainer.run, self._training.steps + 1, trainer.memory)

    def averages(self, trials: Sequence[dict[str, Value]]) -> dict[str, tuple[Value, Value]]:
        """Return the average of what is recorded over trials, and its standard error."""
        return {name: average_values([run[name] for run in trials]) for name in trials[0]}


class _Trainer:
    """What all trials share: the graphs, planned once."""

    def __init__(
        self,
        network: Network,
        training: Training,
        width: int,
        params: Mapping[str, Array],
        engine: Engine,
    ) -> None:
        self._network, self._training = network, training
        self._width, self._params = width, params
        self._scaling: Scaling = scaling_of(network, training.parametrization)
        uses = {w.name: training.optimizer_of(w.name) for w in network.weights}
        self._sizes = sizes = {name: dim.size(width) for name, dim in network.dims.items()}
        bounded = training.bound.weights if training.bound else ()
        roles = roles_of(network)
        self._plans = [
            TensorPlan(
                w,
                self._scaling.exponents[w.name],
                roles[w.name],
                uses[w.name],
                self._widths(w, sizes),
                params,
                w.name in bounded,
                training.steps,
            )
            for w in network.weights
        ]
        b = Builder()
        differentiated = differentiate(b, network, sizes=sizes)
        self._rows = training.rows
        self._forward = Forward(b, differentiated, len(self._rows), sizes)
        self._backward = {
            size: Backward(b, differentiated, size, sizes)
            for size in {len(x) for x in training.batches}
        }
        self._loss = Loss(training)
        self._out = float(_summed(network, sizes)) ** -self._scaling.out
        self._kappa = trained_norm(network).kappa
        self._products = self._count_products(distinct=False)
        self._engine = engine
        self.memory = check_training_cost(
            network, self._plans, uses, self._count_products(distinct=True), engine
        )
        self._coefficients = {
            name: _linear_coefficients(use, training.steps, params)
            for name, use in uses.items()
            if engine == "matrix-free" and is_linear(use)
        }

    def _widths(self, weight: Weight, sizes: Mapping[str, int]) -> Widths:
        """Return what the scales of a weight at this width are made of."""
        network, leaf = self._network, weight.leaf
        own = sizes[network.dim_of(weight).name]
        axes = (sizes[leaf.rows], own) if isinstance(leaf, Matrix) else (own,) * len(leaf.coords)
        return Widths(self._width, axes, own, _summed(network, sizes))

    def _count_products(self, distinct: bool) -> dict[Matrix, tuple[int, int]]:
        """Return how many vectors every matrix, and its transpose, multiplies in all steps.

        The pass over a batch begins with what the pass over all rows has just multiplied: these
        are left out of those that are distinct.
        """
        recorded, rows = self._forward.products, len(self._rows)
        leaves = [plan.weight.leaf for plan in self._plans]
        totals = {leaf: (0, 0) for leaf in leaves if isinstance(leaf, Matrix)}
        for matrix in totals:
            once = recorded.get(matrix, (0, 0))
            counts = [(self._training.steps + 1) * count for count in once]
            for batch in self._training.batches:
                found = self._backward[len(batch)].products.get(matrix, (0, 0))
                again = [count * len(batch) // rows if distinct else 0 for count in once]
                counts = [c + max(0, f - a) for c, f, a in zip(counts, found, again, strict=True)]
            totals[matrix] = (counts[0], counts[1])
        return totals

    def _draw(
        self, plan: TensorPlan, seed: int, trial: int
    ) -> Tensor | FactoredTensor | LowRankTensor:
        leaf = plan.weight.leaf
        if self._engine == "dense" or not isinstance(leaf, Matrix):
            return Tensor(plan, seed, trial)
        if plan.is_operator:
            return LowRankTensor(plan, seed, trial, self._products[leaf])
        coefficients = self._coefficients.get(plan.weight.name, ())
        return FactoredTensor(plan, seed, trial, self._products[leaf], coefficients)

    def run(self, seed: int, trial: int, step_done: Callable[[], None]) -> dict[str, Value]:
        """Return what is recorded in one trial."""
        training, params = self._training, self._params
        tensors = [self._draw(plan, seed, trial) for plan in self._plans]
        weights: dict[Node | Matrix, Array | Operator] = {
            x.plan.weight.leaf: x.value for x in tensors
        }
        tracked = [track.name for track in training.tracks]
        names = (self._network.readout.name, *tracked, *training.recorded_losses)
        recorded: dict[str, list[Array]] = {name: [] for name in names}
        start = None
        out = self._out
        with np.errstate(all="ignore"):
            for step in range(training.steps + 1):
                noises = self._noises(seed, trial, step)
                given: Given = {**weights, **_renamed(self._forward.noises, noises)}
                total, tracks = self._forward.compute(self._rows, given, params)
                f = out * total
                start = f if start is None else start
                f = f - start if training.center else f
                mine = f[: len(training.inputs)]
                losses = self._loss.values(mine, step, params)
                more = self._forward.tracks(self._rows, given, params, mine, losses["loss"])
                found = {**losses, self._network.readout.name: f, **tracks, **more}
                for name, values in recorded.items():
                    values.append(np.array(found[name]))  # weights change in place
                if step < training.steps:
                    self._descend(tensors, weights, noises, f, step)
                step_done()
        return {name: np.stack(values) for name, values in recorded.items()}

    def _descend(
        self,
        tensors: list[Tensor | FactoredTensor | LowRankTensor],
        weights: Given,
        noises: Mapping[Node, Array],
        f: Array,
        step: int,
    ) -> None:
        training = self._training
        at = list(training.batch(step))
        signals = self._loss.signals(f[at], training.targets[at], self._params)
        backward = self._backward[len(at)]
        own = {noise: drawn[:, at] for noise, drawn in noises.items()}
        given: Given = {**weights, **_renamed(backward.noises, own)}
        gradients = backward.compute(training.inputs[at], signals * self._out, given, self._params)
        factors = self._factors(gradients, step)
        for tensor in tensors:
            name = tensor.plan.weight.name
            if tensor.plan.weight.trained:
                tensor.descend(gradients[name], factors.get(name, 1.0))

    def _noises(self, seed: int, trial: int, step: int) -> dict[Node, Array]:
        """Draw the noise of all rows at a step."""
        found: dict[Node, Array] = {}
        for noise in self._network.noises:
            name, rows = f"{noise.name} at step {step}", len(self._rows)
            draws = Stream(stream(seed, self._width, trial, name))
            level, spread = noise.mean, Evaluation((noise.covariance,)).compute({}, self._params)[0]
            mean = None if level is None else Evaluation((level,)).compute({}, self._params)[0]
            columns = [
                draw_vector(
                    draws, name, self._sizes[noise.dim], noise.shape, mean, spread, noise.ensemble
                )
                for _ in range(rows)
            ]
            found[noise] = np.stack(columns, axis=1)
        return found

    def _factors(self, gradients: Mapping[str, FiniteGradient], step: int) -> dict[str, float]:
        """Return the factor of each gradient that a common norm bounds."""
        bound, plans = self._training.bound, self._plans
        if bound is None:
            return {}
        squares = [
            plan.square_norm(gradients[plan.weight.name], step)
            for plan in plans
            if plan.weight.trained and plan.weight.name in bound.weights
        ]
        norm = float(np.sqrt(sum(squares))) / self._width**self._kappa
        if bound.threshold is None:
            factor = 1 / norm if norm else 1.0
        else:
            theta = number(at_step(Builder(), bound.threshold, bound.time, step), self._params)
            factor = 1 / max(1.0, norm / theta)
        return dict.fromkeys(bound.weights, factor)


def _renamed(
    stand_ins: Mapping[Node, Node], values: Mapping[Node, Array]
) -> dict[Node | Matrix, Array]:
    return {stand_ins[noise]: value for noise, value in values.items()}


def _summed(network: Network, sizes: Mapping[str, int]) -> int:
    """Return how many entries the readout adds up."""
    node = network.readout.node
    return sizes[node.dim if node.coords else network.dim.name]


def _linear_coefficients(
    use: OptimizerUse, steps: int, params: Mapping[str, Array]
) -> list[list[float]]:
    """Return q_ts for s <= t < steps."""
    rows = linear_coefficients(Builder(), use, steps)
    return [[number(node, params) for node in row] for row in rows]
