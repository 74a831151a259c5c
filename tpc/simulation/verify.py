"""Program and limit -> does the program converge to the limit, and how fast?

Runs at several widths are extrapolated entry by entry (`fit.py`), and the intercepts are held
against the limit (`judge.py`). From five widths on, the powers of n with which values go to their
limit and scalars fluctuate are fitted, too (`rates.py`).
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

import numpy as np

from tpc.program.nodes import Mean
from tpc.program.program import OutputKind, Program
from tpc.simulation.engines import Engine, has_sequential_laws
from tpc.simulation.judge import Evidence, Judge, count_entries
from tpc.simulation.kinks import rough_outputs
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.rates import FEWEST_WIDTHS, rate_of
from tpc.simulation.result import Array, Rate, Result, Value, Verification
from tpc.simulation.simulate import run_trials, summarise

TRIALS = 64
"""Runs at each width, unless told otherwise."""


class Evaluated(Protocol):
    """Results of a limit: those of a generated evaluator have this form."""

    @property
    def values(self) -> Mapping[str, Value]:
        """Values by output name."""

    @property
    def stderr(self) -> Mapping[str, Value]:
        """Standard errors, of the same form."""

    @property
    def method(self) -> str:
        """How it was evaluated."""

    @property
    def samples(self) -> int:
        """With how many nodes."""


def default_widths(program: Program) -> tuple[int, ...]:
    """Return widths at which runs take seconds.

    A run costs a multiple of n^2, which allows 64 to 2048 (about 10 seconds for a program of a few
    matrices on two cores); an average of something over several coordinates costs n to the power of
    their number, and the widths end earlier.
    """
    most = max(
        (len(node.operand.coords) for node in program.nodes if isinstance(node, Mean)), default=1
    )
    match most:
        case 0 | 1:
            return (64, 128, 256, 512, 1024, 2048)
        case 2:
            return (64, 128, 256, 512, 1024)
        case 3:
            return (16, 32, 64, 128, 256)
        case _:
            return (8, 16, 32, 64)


EngineChoice: TypeAlias = Literal["auto", "dense", "matrix-free"]

LARGEST_DENSE = 2048
"""By `auto`, wider runs are matrix-free: at this width either takes as long."""


def engine_at(program: Program, width: int, engine: EngineChoice) -> Engine:
    """Return how matrices multiply in runs at a width.

    By `auto`, that is by their entries up to a width of 2048, and beyond by the law of their
    products, if it is known for all of them.
    """
    if engine != "auto":
        return engine
    is_wide = width > LARGEST_DENSE
    return "matrix-free" if is_wide and has_sequential_laws(program) else "dense"


def verify(
    program: Program,
    limit: Evaluated,
    widths: tuple[int, ...] | None = None,
    trials: int = TRIALS,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
    replicates: int = 8,
    engine: EngineChoice = "auto",
) -> Verification:
    """Hold a program's limit against runs at finite width.

    Args:
        program: What to run.
        limit: The results of its limit, with the same parameters.
        widths: At least two; `default_widths` if None.
        trials: Runs at each width, at least two.
        seed: Of the runs.
        params: Values that replace the defaults of parameters.
        progress: Called with the work done and all the work.
        replicates: From how many replicates the errors of the limit are.
        engine: How matrices multiply, see `engine_at`.

    Returns:
        The comparison of every output; from five widths on with rates, see `rates.py`.

    Raises:
        ParameterProblem: As in `simulate`.
        ProgramError: As in `simulate`.
        ValueError: There are too few widths or trials.
    """
    chosen = tuple(sorted(set(widths or default_widths(program))))
    if len(chosen) < 2 or trials < 2:
        raise ValueError("verifying takes at least two widths, and two trials at each")
    engines = tuple(engine_at(program, width, engine) for width in chosen)
    collected = _run(program, chosen, trials, seed, params, progress, engines)
    runs = [
        summarise(program, at, width, seed, params, used)
        for at, width, used in zip(collected, chosen, engines, strict=True)
    ]
    arrays = list(_arrays(program, limit, runs))
    judge = Judge(chosen, trials - 1, replicates - 1, sum(map(count_entries, arrays)))
    rough = rough_outputs(program)
    rates: tuple[Rate, ...] = ()
    with np.errstate(all="ignore"):  # what is no number disagrees, without a warning
        comparisons = tuple(judge.compare(array, array.output in rough) for array in arrays)
        if len(chosen) >= FEWEST_WIDTHS:
            readouts = {o.name for o in program.outputs if o.kind is OutputKind.READOUT}
            rates = tuple(
                rate_of(
                    found,
                    chosen,
                    [[trial[found.output] for trial in at] for at in collected],
                    found.output in readouts,
                )
                for found in comparisons
            )
    return Verification(
        comparisons=comparisons,
        widths=chosen,
        trials=trials,
        seed=seed,
        params=MappingProxyType(resolve_parameters(program, params)),
        method=limit.method,
        samples=limit.samples,
        engines=engines,
        rates=rates,
    )


def _run(
    program: Program,
    widths: tuple[int, ...],
    trials: int,
    seed: int,
    params: Mapping[str, object] | None,
    progress: Callable[[int, int], None] | None,
    engines: tuple[Engine, ...],
) -> list[list[dict[str, Value]]]:
    """Return what every trial contributes, by width."""
    work = [
        width**2 if engine == "dense" else width * LARGEST_DENSE
        for width, engine in zip(widths, engines, strict=True)
    ]
    runs = []
    for index, width in enumerate(widths):
        before = trials * sum(work[:index])

        def advance(finished: int, _: int, before: int = before, unit: int = work[index]) -> None:
            if progress is not None:
                progress(before + finished * unit, trials * sum(work))

        runs.append(run_trials(program, width, trials, seed, params, advance, engines[index]))
    return runs


def _arrays(program: Program, limit: Evaluated, runs: list[Result]) -> Iterator[Evidence]:
    for output in program.outputs:
        name = output.name
        match output.kind:
            case OutputKind.VECTOR:
                parts: tuple[str, ...] = ("mean", "cov")
            case OutputKind.READOUT:
                parts = ("cov",)
            case OutputKind.SCALAR:
                parts = ("value",)
        for part in parts:
            evidence = Evidence(
                name,
                part,
                _part(limit.values[name], part),
                _part(limit.stderr[name], part),
                np.stack([_part(run.values[name], part) for run in runs]),
                np.stack([_part(run.stderr[name], part) for run in runs]),
            )
            if evidence.limit.shape != evidence.finite.shape[1:]:
                raise ValueError(f"the limit of `{name}` has shape {evidence.limit.shape}")
            yield evidence


def _part(value: Value, part: str) -> Array:
    array = value[part] if isinstance(value, Mapping) else value
    return np.asarray(array, dtype=np.float64)
