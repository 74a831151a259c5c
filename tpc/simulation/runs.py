"""Independent runs at one width, whatever it is that runs: several at a time, then averaged.

A program runs (`simulate.py`), a network is trained (`training/train.py`); simulation and
verification know either as `FiniteRuns`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Lock
from typing import Protocol, TypeAlias, TypeVar

from tpc.network.network import Network
from tpc.program.program import Program
from tpc.simulation.engines import Engine
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.result import Array, Result, Value

T = TypeVar("T")

Progress: TypeAlias = Callable[[int, int], None]
"""Called with the work done and all the work."""

SHARED_MEMORY = 1 << 31
"""Trials run side by side while all of them fit into this many bytes."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What all trials of one width share.

    Attributes:
        run: Takes the seed, the number of the trial, and what to call after each of its stages;
            returns what the trial contributes to each output.
        stages: How many a trial has.
        memory: What a trial takes, in bytes.
    """

    run: Callable[[int, int, Callable[[], None]], dict[str, Value]]
    stages: int
    memory: int


class FiniteRuns(Protocol):
    """Something that runs at finite width."""

    @property
    def described(self) -> Program | Network:
        """What runs."""

    @property
    def usual_widths(self) -> tuple[int, ...]:
        """Widths at which runs take seconds."""

    @property
    def has_laws(self) -> bool:
        """Whether all matrices can do without their entries, by the law of their products."""

    @property
    def readouts(self) -> frozenset[str]:
        """The outputs of which trials contribute a draw, and results are the second moment."""

    @property
    def rough(self) -> frozenset[str]:
        """The outputs that may be off by n^(-1/2)."""

    def plan(self, width: int, params: Mapping[str, Array], engine: Engine) -> RunPlan:
        """Plan the trials of a width."""

    def averages(self, trials: Sequence[dict[str, Value]]) -> dict[str, tuple[Value, Value]]:
        """Return the average of every output over trials, and its standard error."""


def run_trials(
    runs: FiniteRuns,
    width: int,
    trials: int,
    seed: int,
    params: Mapping[str, object] | None,
    progress: Progress | None,
    engine: Engine,
) -> list[dict[str, Value]]:
    """Return what each of the independent trials contributes to each output.

    Args:
        runs: What to run.
        width: n.
        trials: Number of independent runs.
        seed: Of all random streams, at least 0.
        params: Values that replace the defaults of parameters.
        progress: Called with the number of finished stages and of all stages of all trials.
        engine: Whether matrices are drawn whole, or multiply by the law of their products.

    Raises:
        UsageError: A parameter does not exist or has another shape.
        ProgramError: The memory is not there, or an update has no law of its products.
        ValueError: `width` or `trials` is below 1, or `seed` below 0.
    """
    if width < 1 or trials < 1 or seed < 0:
        raise ValueError("width and trials are at least 1, the seed at least 0")
    plan = runs.plan(width, resolve_parameters(runs.described, params), engine)
    done, lock = 0, Lock()

    def stage_done() -> None:
        nonlocal done
        with lock:
            done += 1
            if progress is not None:
                progress(done, trials * plan.stages)

    return run_side_by_side(lambda trial: plan.run(seed, trial, stage_done), trials, plan.memory)


def summarise(
    runs: FiniteRuns,
    trials: list[dict[str, Value]],
    width: int,
    seed: int,
    params: Mapping[str, object] | None,
    engine: Engine,
) -> Result:
    """Average what `run_trials` returns."""
    resolved = resolve_parameters(runs.described, params)
    return Result.of(runs.averages(trials), engine, len(trials), seed, resolved, width)


def run_side_by_side(
    run: Callable[[int], T], trials: int, memory: int, progress: Progress | None = None
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
