"""Program and limit -> does the program converge to the limit?

Runs at several widths are extrapolated entry by entry (`fit.py`), and the intercept a is held
against the limit. With s the combined standard error, the two disagree where

    |a - limit| > t(p) s,   p = 2 P(normal > 4) / (number of entries).

Here t(p) is the two-sided quantile of Student's distribution, since errors are themselves
estimated, from few runs and few replicates. Its degrees of freedom are those of Welch and
Satterthwaite, (sum of v_i)^2 / sum of v_i^2 / f_i over the contributions v_i to s^2, each with its
own f_i. Entries that are copies of each other (the two halves of a covariance) count once. What is
exact on both sides may differ by rounding.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import numpy as np

from tpc.program.nodes import Mean
from tpc.program.program import OutputKind, Program
from tpc.simulation.fit import Fit, fit_inverse_width
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.result import Array, Comparison, Result, Value, Verification
from tpc.simulation.simulate import simulate

SIGMAS = 4.0
"""Normal standard errors that a single entry may be off."""

TRIALS = 64
"""Runs at each width, unless told otherwise."""

RELATIVE_ROUNDING = 1e-10
ABSOLUTE_ROUNDING = 1e-12


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


def verify(
    program: Program,
    limit: Evaluated,
    widths: tuple[int, ...] | None = None,
    trials: int = TRIALS,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
    replicates: int = 8,
) -> Verification:
    """Hold a program's limit against runs at finite width.

    Args:
        program: What to run.
        limit: The results of its limit, with the same parameters.
        widths: At least two; `default_widths` if None.
        trials: Runs at each width, at least two.
        seed: Of the runs.
        params: Values that replace the defaults of parameters.
        progress: Called with the work done and all the work, in units of n^2.
        replicates: From how many replicates the errors of the limit are.

    Raises:
        ParameterProblem: As in `simulate`.
        ValueError: There are too few widths or trials.
    """
    chosen = tuple(sorted(set(widths or default_widths(program))))
    if len(chosen) < 2 or trials < 2:
        raise ValueError("verifying takes at least two widths, and two trials at each")
    runs = _run(program, chosen, trials, seed, params, progress)
    arrays = list(_arrays(program, limit, runs))
    entries = sum(_count_entries(array) for array in arrays)
    with np.errstate(all="ignore"):  # what is no number disagrees, without a warning
        comparisons = tuple(
            _compare(array, chosen, trials - 1, replicates - 1, entries) for array in arrays
        )
    return Verification(
        comparisons=comparisons,
        widths=chosen,
        trials=trials,
        seed=seed,
        params=MappingProxyType(resolve_parameters(program, params)),
        method=limit.method,
        samples=limit.samples,
    )


def _run(
    program: Program,
    widths: tuple[int, ...],
    trials: int,
    seed: int,
    params: Mapping[str, object] | None,
    progress: Callable[[int, int], None] | None,
) -> list[Result]:
    total = sum(width**2 for width in widths) * trials
    done = 0
    runs = []
    for width in widths:
        before = done

        def advance(finished: int, _: int, before: int = before, width: int = width) -> None:
            if progress is not None:
                progress(before + finished * width**2, total)

        runs.append(simulate(program, width, trials, seed, params, advance))
        done += trials * width**2
    return runs


@dataclass(frozen=True, slots=True)
class _Evidence:
    """One array of results, from the limit and at every width."""

    output: str
    part: str
    limit: Array
    limit_stderr: Array
    finite: Array
    finite_stderr: Array


def _arrays(program: Program, limit: Evaluated, runs: list[Result]) -> Iterator[_Evidence]:
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
            evidence = _Evidence(
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


def _count_entries(evidence: _Evidence) -> int:
    """Count entries, those with the same numbers once."""
    table = np.concatenate([evidence.limit[None], evidence.finite]).reshape(
        len(evidence.finite) + 1, -1
    )
    rounded = (table / (_scale(table) or 1.0)).round(12)
    return int(np.unique(rounded, axis=1).shape[1]) if rounded.size else 0


def _scale(*arrays: Array) -> float:
    """Return the largest finite magnitude, or 0."""
    return max(float(np.abs(array).max(initial=0.0, where=np.isfinite(array))) for array in arrays)


def _compare(
    evidence: _Evidence,
    widths: tuple[int, ...],
    run_freedom: int,
    limit_freedom: int,
    entries: int,
) -> Comparison:
    shape = evidence.limit.shape
    finite = evidence.finite.reshape(len(widths), -1)
    limit = evidence.limit.reshape(-1)
    fit = fit_inverse_width(widths, finite, evidence.finite_stderr.reshape(len(widths), -1))
    variance = evidence.limit_stderr.reshape(-1) ** 2
    allowed = _student_range(fit, variance, run_freedom, limit_freedom, entries)
    allowed = allowed + RELATIVE_ROUNDING * _scale(finite, limit) + ABSOLUTE_ROUNDING
    agrees = np.abs(fit.intercept - limit) <= allowed  # false where either is NaN
    return Comparison(
        output=evidence.output,
        part=evidence.part,
        limit=evidence.limit,
        limit_stderr=evidence.limit_stderr,
        finite=evidence.finite,
        finite_stderr=evidence.finite_stderr,
        intercept=fit.intercept.reshape(shape),
        intercept_stderr=np.sqrt(fit.variances.sum(axis=0)).reshape(shape),
        slope=fit.slope.reshape(shape),
        chi2=fit.chi2.reshape(shape),
        allowed=allowed.reshape(shape),
        agrees=agrees.reshape(shape),
    )


def _student_range(
    fit: Fit, limit_variance: Array, run_freedom: int, limit_freedom: int, entries: int
) -> Array:
    """Return t(p) s for every entry."""
    from scipy.stats import norm, t

    total = fit.variances.sum(axis=0) + limit_variance
    parts = (fit.variances**2).sum(axis=0) / run_freedom + limit_variance**2 / limit_freedom
    freedom = np.where(parts > 0, total**2 / np.where(parts > 0, parts, 1.0), np.inf)
    tail = float(norm.sf(SIGMAS)) / max(1, entries)
    quantile = np.where(np.isfinite(freedom), t.isf(tail, freedom), norm.isf(tail))
    return np.asarray(quantile * np.sqrt(total), dtype=np.float64)
