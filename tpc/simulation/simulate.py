"""Program -> runs at one width, averaged over trials."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from types import MappingProxyType
from typing import TypeVar

from tpc.program.exchange import without_exchanges
from tpc.program.program import Program
from tpc.simulation.averages import average
from tpc.simulation.cost import check_cost
from tpc.simulation.engines import Engine
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.result import Result, Value
from tpc.simulation.schedule import schedule_program
from tpc.simulation.streams import draws_of
from tpc.simulation.trial import Trial

T = TypeVar("T")

SHARED_MEMORY = 1 << 31
"""Trials run side by side while all of them fit into this many bytes."""


def simulate(
    program: Program,
    width: int,
    trials: int = 8,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
    engine: Engine = "dense",
) -> Result:
    """Run a program at finite width, several times with independent draws.

    Args:
        program: What to run.
        width: Size of the free dim.
        trials: Number of independent runs.
        seed: Of all random streams, at least 0.
        params: Values that replace the defaults of parameters.
        progress: Called with the number of finished trials and of all trials.
        engine: Whether matrices are drawn whole, or multiply by the law of their products.

    Returns:
        Averages over trials and their standard errors.

    Raises:
        ParameterProblem: A parameter does not exist, does not have the shape of its default, or
            makes a variance negative.
        ProgramError: As in `check_cost`.
        ValueError: `width` or `trials` is below 1, or `seed` below 0.
    """
    collected = run_trials(program, width, trials, seed, params, progress, engine)
    return summarise(program, collected, width, seed, params, engine)


def run_trials(
    program: Program,
    width: int,
    trials: int,
    seed: int,
    params: Mapping[str, object] | None,
    progress: Callable[[int, int], None] | None,
    engine: Engine,
) -> list[dict[str, Value]]:
    """Return what each of the independent runs contributes to each output, see `simulate`."""
    if width < 1 or trials < 1 or seed < 0:
        raise ValueError("width and trials are at least 1, the seed at least 0")
    resolved = resolve_parameters(program, params)
    program = without_exchanges(program)
    schedule = schedule_program(program)
    peak = check_cost(program, schedule, width, engine)

    def run(trial: int) -> dict[str, Value]:
        draws = draws_of(seed, width, trial)
        return Trial(program, schedule, resolved, width, draws, engine).run()

    return run_side_by_side(run, trials, peak.bytes, progress)


def summarise(
    program: Program,
    collected: list[dict[str, Value]],
    width: int,
    seed: int,
    params: Mapping[str, object] | None,
    engine: Engine,
) -> Result:
    """Average what `run_trials` returns."""
    certain = schedule_program(program).certain
    averages = {
        output.name: average(
            output, [outputs[output.name] for outputs in collected], output.name in certain
        )
        for output in program.outputs
    }
    return Result(
        values=MappingProxyType({name: value for name, (value, _) in averages.items()}),
        stderr=MappingProxyType({name: error for name, (_, error) in averages.items()}),
        method=engine,
        samples=len(collected),
        seed=seed,
        params=MappingProxyType(resolve_parameters(program, params)),
        width=width,
    )


def run_side_by_side(
    run: Callable[[int], T],
    trials: int,
    memory: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[T]:
    """Run every trial; drawing and arithmetic leave the interpreter, so threads help.

    Args:
        run: Makes the trial of a number.
        trials: How many.
        memory: What one takes, in bytes.
        progress: Called with the number of finished trials and of all.
    """
    threads = max(1, min(os.cpu_count() or 1, trials, SHARED_MEMORY // max(1, memory)))
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(run, trial) for trial in range(trials)]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress is not None:
                    progress(done, trials)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]
