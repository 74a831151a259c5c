"""Trained finite networks and the limit of their training -> do they agree?

Every recorded number at every step is fitted over widths and judged as those of programs are
(`judge.py`). Where the output before training is random its averages over draws are compared.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from tpc.network.network import Network, WeightKind
from tpc.network.optimizers.linearity import is_linear
from tpc.simulation.engines import Engine
from tpc.simulation.judge import Evidence, Judge, count_entries
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.rates import FEWEST_WIDTHS, rate_of
from tpc.simulation.result import Rate, Value, Verification
from tpc.simulation.training.train import run_training, summarise_training
from tpc.simulation.verify import LARGEST_DENSE, TRIALS, EngineChoice, Evaluated

WIDTHS = (32, 64, 128, 256, 512)
"""Widths at which a network of a few layers is trained in seconds."""


def verify_training(
    network: Network,
    limit: Evaluated,
    widths: tuple[int, ...] | None = None,
    trials: int = TRIALS,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
    replicates: int = 8,
    engine: EngineChoice = "auto",
) -> Verification:
    """Hold the limit of training against trained networks of several widths.

    Args:
        network: With a `train` block.
        limit: The results of its limit, with the same params.
        widths: At least two; `WIDTHS` if None.
        trials: Runs at each width, at least two.
        seed: Of the runs.
        params: Values that replace the defaults of params.
        progress: Called with the work done and all the work.
        replicates: From how many replicates the errors of the limit are.
        engine: How matrices multiply; by `auto` dense up to width 2048, and matrix-free beyond,
            where the updates of all matrices are linear.

    Raises:
        ParameterProblem: As in `simulate_training`.
        ProgramError: As in `simulate_training`.
        ValueError: There are too few widths or trials.
    """
    chosen = tuple(sorted(set(widths or WIDTHS)))
    if len(chosen) < 2 or trials < 2:
        raise ValueError("verifying takes at least two widths, and two trials at each")
    engines = tuple(_engine_at(network, width, engine) for width in chosen)
    collected = _run(network, chosen, trials, seed, params, progress, engines)
    arrays = _arrays(network, limit, chosen, collected, seed, params)
    judge = Judge(chosen, trials - 1, replicates - 1, sum(map(count_entries, arrays)))
    # A function with a kink of a scalar-like weight may be off by n^(-1/2).
    rough = any(x.trained and x.kind is WeightKind.SCALAR for x in network.weights)
    rates: tuple[Rate, ...] = ()
    with np.errstate(all="ignore"):  # what is no number disagrees, without a warning
        comparisons = tuple(judge.compare(array, rough) for array in arrays)
        if len(chosen) >= FEWEST_WIDTHS:
            rates = tuple(
                rate_of(x, chosen, [[run[x.output] for run in runs] for runs in collected], False)
                for x in comparisons
            )
    return Verification(
        comparisons=comparisons,
        widths=chosen,
        trials=trials,
        seed=seed,
        params=MappingProxyType(resolve_parameters(network, params)),
        method=limit.method,
        samples=limit.samples,
        engines=engines,
        rates=rates,
    )


def _run(
    network: Network,
    widths: tuple[int, ...],
    trials: int,
    seed: int,
    params: Mapping[str, object] | None,
    progress: Callable[[int, int], None] | None,
    engines: tuple[Engine, ...],
) -> list[list[dict[str, Value]]]:
    """Return what every run records, by width."""
    work = [
        width**2 if engine == "dense" else width * LARGEST_DENSE
        for width, engine in zip(widths, engines, strict=True)
    ]
    runs, before = [], 0
    for width, engine, own in zip(widths, engines, work, strict=True):

        def advance(done: int, whole: int, before: int = before, own: int = own) -> None:
            if progress is not None:
                progress(before + own * done // whole, sum(work))

        runs.append(run_training(network, width, trials, seed, params, advance, engine))
        before += own
    return runs


def _engine_at(network: Network, width: int, engine: EngineChoice) -> Engine:
    if engine != "auto":
        return engine
    training = network.training
    assert training is not None
    own = dict(training.own_optimizers)
    linear = all(
        is_linear(own.get(weight.name, training.optimizer))
        for weight in network.weights
        if weight.kind is WeightKind.MATRIX and weight.trained
    )
    return "matrix-free" if linear and width > LARGEST_DENSE else "dense"


def _arrays(
    network: Network,
    limit: Evaluated,
    widths: tuple[int, ...],
    collected: list[list[dict[str, Value]]],
    seed: int,
    params: Mapping[str, object] | None,
) -> list[Evidence]:
    results = [
        summarise_training(network, runs, width, seed, params)
        for runs, width in zip(collected, widths, strict=True)
    ]
    return [
        Evidence(
            name,
            "value",
            np.asarray(limit.values[name], dtype=np.float64),
            np.asarray(limit.stderr[name], dtype=np.float64),
            np.stack([np.asarray(result.values[name]) for result in results]),
            np.stack([np.asarray(result.stderr[name]) for result in results]),
        )
        for name in results[0].values
    ]
