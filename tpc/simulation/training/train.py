"""Network with a `train` block, width -> outputs and tracked scalars at every step.

    for t = 0, ..., T:  record f_t of all rows; with the rows of batch t:
        chi_t = dL/df_t,  W_{t+1} = W_t updated along dL/dW_t

f is centred, f_t - f_0, where that is asked for, in records and in the loss. Nothing here knows of
a limit.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from tpc.network.forward_backward import differentiate
from tpc.network.network import Network, OptimizerUse, Training
from tpc.network.optimizers.linearity import is_linear, linear_coefficients
from tpc.network.parametrizations import Scaling, scaling_of
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node
from tpc.simulation.averages import average_arrays
from tpc.simulation.engines import Engine, Operator
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.result import Array, Result, Value
from tpc.simulation.simulate import run_side_by_side
from tpc.simulation.training.costs import check_training_cost
from tpc.simulation.training.evaluation import Given, number
from tpc.simulation.training.low_rank import LowRankTensor
from tpc.simulation.training.passes import Backward, Forward, Loss
from tpc.simulation.training.tensors import Tensor, TensorPlan


def simulate_training(
    network: Network,
    width: int,
    trials: int = 8,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
    engine: Engine = "dense",
) -> Result:
    """Train a network of a finite width, several times from independent draws.

    Args:
        network: With a `train` block.
        width: n.
        trials: Number of independent runs.
        seed: Of all random streams, at least 0.
        params: Values that replace the defaults of params.
        progress: Called with the number of finished steps and of all steps of all trials.
        engine: Whether matrices have entries, or multiply by the law of their products and the
            factors of their updates, which have to be linear in the gradients.

    Returns:
        By name, with a leading axis over steps + 1: the output for data rows, then test rows, and
        what is tracked; averages over trials and their standard errors.

    Raises:
        ParameterProblem: A param does not exist or has another shape.
        ProgramError: As in `check_training_cost`.
        ValueError: `width` or `trials` is below 1, or `seed` below 0.
    """
    runs = run_training(network, width, trials, seed, params, progress, engine)
    return summarise_training(network, runs, width, seed, params, engine)


def run_training(
    network: Network,
    width: int,
    trials: int,
    seed: int,
    params: Mapping[str, object] | None,
    progress: Callable[[int, int], None] | None,
    engine: Engine = "dense",
) -> list[dict[str, Value]]:
    """Return what is recorded in each of the independent runs, see `simulate_training`."""
    if width < 1 or trials < 1 or seed < 0:
        raise ValueError("width and trials are at least 1, the seed at least 0")
    assert network.training is not None
    resolved = resolve_parameters(network, params)
    trainer = _Trainer(network, network.training, width, resolved, engine)
    total, done = trials * (network.training.steps + 1), 0

    def step_done() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    return run_side_by_side(
        lambda trial: trainer.run(seed, trial, step_done), trials, trainer.memory
    )


def summarise_training(
    network: Network,
    runs: list[dict[str, Value]],
    width: int,
    seed: int,
    params: Mapping[str, object] | None,
    engine: Engine = "dense",
) -> Result:
    """Average what `run_training` returns."""
    found = {name: average_arrays([run[name] for run in runs], False) for name in runs[0]}
    return Result(
        values=MappingProxyType({name: value for name, (value, _) in found.items()}),
        stderr=MappingProxyType({name: error for name, (_, error) in found.items()}),
        method=engine,
        samples=len(runs),
        seed=seed,
        params=MappingProxyType(resolve_parameters(network, params)),
        width=width,
    )


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
        own = dict(training.own_optimizers)
        uses = {w.name: own.get(w.name, training.optimizer) for w in network.weights}
        self._plans = [
            TensorPlan(w, self._scaling.exponents[w.name], uses[w.name], width, params)
            for w in network.weights
        ]
        b = Builder()
        differentiated = differentiate(b, network)
        self._rows = _all_rows(training)
        self._forward = Forward(b, differentiated, len(self._rows), width)
        self._backward = {
            size: Backward(b, differentiated, size, width)
            for size in {len(x) for x in training.batches}
        }
        self._loss = Loss(training)

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

    def _draw(self, plan: TensorPlan, seed: int, trial: int) -> Tensor | LowRankTensor:
        leaf = plan.weight.leaf
        if self._engine == "dense" or not isinstance(leaf, Matrix):
            return Tensor(plan, seed, trial)
        coefficients = self._coefficients.get(plan.weight.name, ())
        return LowRankTensor(plan, seed, trial, self._products[leaf], coefficients)

    def run(self, seed: int, trial: int, step_done: Callable[[], None]) -> dict[str, Value]:
        """Return what is recorded in one trial."""
        training, params = self._training, self._params
        tensors = [self._draw(plan, seed, trial) for plan in self._plans]
        weights: dict[Node | Matrix, Array | Operator] = {
            x.plan.weight.leaf: x.value for x in tensors
        }
        names = (self._network.readout.name, *(track.name for track in training.tracks))
        recorded: dict[str, list[Array]] = {name: [] for name in names}
        start = None
        out = float(self._width) ** -self._scaling.out
        with np.errstate(all="ignore"):
            for step in range(training.steps + 1):
                total, tracks = self._forward.compute(self._rows, weights, params)
                f = out * total
                start = f if start is None else start
                f = f - start if training.center else f
                for name, value in zip(names, (f, *tracks), strict=True):
                    recorded[name].append(value)
                if step < training.steps:
                    self._descend(tensors, weights, f, training.batches[step])
                step_done()
        return {name: np.stack(values) for name, values in recorded.items()}

    def _descend(
        self,
        tensors: list[Tensor | LowRankTensor],
        weights: Given,
        f: Array,
        rows: tuple[int, ...],
    ) -> None:
        at = list(rows)
        training = self._training
        signals = self._loss.signals(f[at], training.targets[at], self._params)
        gradients = self._backward[len(at)].compute(
            training.inputs[at],
            signals * float(self._width) ** -self._scaling.out,
            weights,
            self._params,
        )
        for tensor in tensors:
            if tensor.plan.weight.trained:
                tensor.descend(gradients[tensor.plan.weight.name])


def _all_rows(training: Training) -> Array:
    """Return data rows, then test rows."""
    if training.test is None:
        return training.inputs
    return np.concatenate([training.inputs, training.test])


def _linear_coefficients(
    use: OptimizerUse, steps: int, params: Mapping[str, Array]
) -> list[list[float]]:
    """Return q_ts for s <= t < steps."""
    rows = linear_coefficients(Builder(), use, steps)
    return [[number(node, params) for node in row] for row in rows]
