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
from tpc.network.network import Network, Training, WeightKind
from tpc.network.parametrizations import Scaling, scaling_of
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node
from tpc.simulation.averages import average_arrays
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.result import Array, Result, Value
from tpc.simulation.simulate import run_side_by_side
from tpc.simulation.training.passes import Backward, Forward, Loss
from tpc.simulation.training.tensors import Tensor, TensorPlan


def simulate_training(
    network: Network,
    width: int,
    trials: int = 8,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Train a network of a finite width, several times from independent draws.

    Args:
        network: With a `train` block.
        width: n.
        trials: Number of independent runs.
        seed: Of all random streams, at least 0.
        params: Values that replace the defaults of params.
        progress: Called with the number of finished steps and of all steps of all trials.

    Returns:
        By name, with a leading axis over steps + 1: the output for data rows, then test rows, and
        what is tracked; averages over trials and their standard errors.

    Raises:
        ParameterProblem: A param does not exist or has another shape.
        ValueError: `width` or `trials` is below 1, or `seed` below 0.
    """
    runs = run_training(network, width, trials, seed, params, progress)
    return summarise_training(network, runs, width, seed, params)


def run_training(
    network: Network,
    width: int,
    trials: int,
    seed: int,
    params: Mapping[str, object] | None,
    progress: Callable[[int, int], None] | None,
) -> list[dict[str, Value]]:
    """Return what is recorded in each of the independent runs, see `simulate_training`."""
    if width < 1 or trials < 1 or seed < 0:
        raise ValueError("width and trials are at least 1, the seed at least 0")
    assert network.training is not None
    trainer = _Trainer(network, network.training, width, resolve_parameters(network, params))
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
) -> Result:
    """Average what `run_training` returns."""
    found = {name: average_arrays([run[name] for run in runs], False) for name in runs[0]}
    return Result(
        values=MappingProxyType({name: value for name, (value, _) in found.items()}),
        stderr=MappingProxyType({name: error for name, (_, error) in found.items()}),
        method="dense",
        samples=len(runs),
        seed=seed,
        params=MappingProxyType(resolve_parameters(network, params)),
        width=width,
    )


class _Trainer:
    """What all trials share: the graphs, planned once."""

    def __init__(
        self, network: Network, training: Training, width: int, params: Mapping[str, Array]
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

    @property
    def memory(self) -> int:
        """The bytes that the matrices of a trial take, each with what its optimizer remembers."""
        matrices = [plan for plan in self._plans if plan.weight.kind is WeightKind.MATRIX]
        return 8 * self._width**2 * sum(1 + len(plan.steps.at(0).after) for plan in matrices)

    def run(self, seed: int, trial: int, step_done: Callable[[], None]) -> dict[str, Value]:
        """Return what is recorded in one trial."""
        training, params = self._training, self._params
        tensors = [Tensor(plan, seed, trial) for plan in self._plans]
        weights: dict[Node | Matrix, Array] = {x.plan.weight.leaf: x.value for x in tensors}
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
        tensors: list[Tensor],
        weights: Mapping[Node | Matrix, Array],
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
