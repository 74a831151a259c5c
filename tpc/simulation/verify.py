"""Finite runs and a limit -> do they go to the limit, and how fast?

Runs at several widths are extrapolated entry by entry (`fit.py`), and the intercepts are held
against the limit (`judge.py`). From five widths on, the powers of n with which values go to their
limit and scalars fluctuate are fitted, too (`rates.py`). Programs and trained networks, every
recorded number at every step, are judged alike; where the output before training is random its
averages over draws are compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

import numpy as np

from tpc.network.network import Network
from tpc.program.program import Program
from tpc.simulation.engines import Engine
from tpc.simulation.judge import Judge, count_entries
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.rates import FEWEST_WIDTHS, rate_of
from tpc.simulation.result import (
    Array,
    Comparison,
    Evaluated,
    Evidence,
    Rate,
    Result,
    Value,
    Verification,
)
from tpc.simulation.runs import FiniteRuns, Progress, run_trials, summarise
from tpc.simulation.simulate import runs_of

TRIALS = 64
"""Runs at each width, unless told otherwise."""

EngineChoice: TypeAlias = Literal["auto", "dense", "matrix-free"]

LARGEST_DENSE = 2048
"""By `auto`, wider runs are matrix-free: at this width either takes as long."""


def engine_at(runs: FiniteRuns, width: int, engine: EngineChoice) -> Engine:
    """Return how matrices multiply in runs at a width.

    By `auto`, that is by their entries up to a width of 2048, and beyond by the law of their
    products, if it is known for all of them.
    """
    if engine != "auto":
        return engine
    return "matrix-free" if width > LARGEST_DENSE and runs.has_laws else "dense"


def verify(
    described: Program | Network,
    limit: Evaluated,
    widths: tuple[int, ...] | None = None,
    trials: int = TRIALS,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Progress | None = None,
    replicates: int = 8,
    engine: EngineChoice = "auto",
) -> Verification:
    """Hold a limit against runs at finite width.

    Args:
        described: What runs: a program, or a network with a `train` block.
        limit: The results of its limit, with the same parameters.
        widths: At least two; those of `FiniteRuns.usual_widths` if None.
        trials: Runs at each width, at least two.
        seed: Of the runs.
        params: Values that replace the defaults of parameters.
        progress: Called with the work done and all the work.
        replicates: From how many replicates the errors of the limit are.
        engine: How matrices multiply, see `engine_at`.

    Returns:
        The comparison of every output; from five widths on with rates, see `rates.py`.

    Raises:
        UsageError: As in `run_trials`.
        ProgramError: As in `run_trials`.
        ValueError: There are too few widths or trials.
    """
    runs = runs_of(described)
    chosen = tuple(sorted(set(widths or runs.usual_widths)))
    if len(chosen) < 2 or trials < 2:
        raise ValueError("verifying takes at least two widths, and two trials at each")
    engines = tuple(engine_at(runs, width, engine) for width in chosen)
    collected = _run(runs, chosen, trials, seed, params, progress, engines)
    results = [
        summarise(runs, at, width, seed, params, used)
        for at, width, used in zip(collected, chosen, engines, strict=True)
    ]
    arrays = list(_evidence(runs, limit, results))
    judge = Judge(chosen, trials - 1, replicates - 1, sum(map(count_entries, arrays)))
    rough = runs.rough
    with np.errstate(all="ignore"):  # what is no number disagrees, without a warning
        comparisons = tuple(judge.compare(array, array.output in rough) for array in arrays)
        rates = tuple(_rates(runs, comparisons, chosen, collected))
    return Verification(
        comparisons=comparisons,
        widths=chosen,
        trials=trials,
        seed=seed,
        params=MappingProxyType(resolve_parameters(described, params)),
        method=limit.method,
        samples=limit.samples,
        engines=engines,
        rates=rates,
    )


def _run(
    runs: FiniteRuns,
    widths: tuple[int, ...],
    trials: int,
    seed: int,
    params: Mapping[str, object] | None,
    progress: Progress | None,
    engines: tuple[Engine, ...],
) -> list[list[dict[str, Value]]]:
    """Return what every trial contributes, by width."""
    work = [
        trials * width * (width if engine == "dense" else LARGEST_DENSE)
        for width, engine in zip(widths, engines, strict=True)
    ]
    found, before = [], 0
    for width, engine, own in zip(widths, engines, work, strict=True):

        def advance(done: int, whole: int, before: int = before, own: int = own) -> None:
            if progress is not None:
                progress(before + own * done // whole, sum(work))

        found.append(run_trials(runs, width, trials, seed, params, advance, engine))
        before += own
    return found


def _evidence(runs: FiniteRuns, limit: Evaluated, results: list[Result]) -> Iterator[Evidence]:
    for name, value in results[0].values.items():
        alone = ("cov",) if name in runs.readouts else ("value",)
        for part in tuple(value) if isinstance(value, Mapping) else alone:
            evidence = Evidence(
                name,
                part,
                _part(limit.values[name], part),
                _part(limit.stderr[name], part),
                np.stack([_part(result.values[name], part) for result in results]),
                np.stack([_part(result.stderr[name], part) for result in results]),
            )
            if evidence.limit.shape != evidence.finite.shape[1:]:
                raise ValueError(f"the limit of `{name}` has shape {evidence.limit.shape}")
            yield evidence


def _rates(
    runs: FiniteRuns,
    comparisons: Iterable[Comparison],
    widths: tuple[int, ...],
    collected: list[list[dict[str, Value]]],
) -> Iterator[Rate]:
    """Yield the rate of each comparison, where there are enough widths."""
    if len(widths) < FEWEST_WIDTHS:
        return
    for found in comparisons:
        trials = [[trial[found.output] for trial in at] for at in collected]
        yield rate_of(found, widths, trials, found.output in runs.readouts)


def _part(value: Value, part: str) -> Array:
    array = value[part] if isinstance(value, Mapping) else value
    return np.asarray(array, dtype=np.float64)
