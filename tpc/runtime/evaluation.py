"""The estimator: outputs with standard errors, by Monte Carlo, Sobol points or quadrature."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tpc.runtime.grids import GridNodes
from tpc.runtime.random_nodes import Nodes, SobolNodes

Array = npt.NDArray[np.float64]
Outputs = dict[tuple[str, str], Array]

# <part evaluate>


@dataclass(frozen=True)
class Result:
    """Outputs with one standard error each.

    Attributes:
        values: Arrays by output name: a scalar's limit, a readout's covariance; for a
            vector a dict of the mean and cov of its ket.
        stderr: The same for standard errors: the spread of the replicates and the bias
            that was taken off, the difference to a coarser grid, 0 where it is exact.
        method: How expectations were asked to be computed.
        methods: How each output was computed: "exact", "quadrature", "qmc" or "mc".
        samples: How many nodes in all; of quadrature, how many the largest grid had.
        seed: Of the random streams.
        params: The parameters' values.
        stein_load: For each matrix side whose bras came from Stein's lemma, k/N: hats
            over nodes of a replicate. Its root is the relative size of their noise.
    """

    values: dict[str, Any]
    stderr: dict[str, Any]
    method: str
    methods: dict[str, str]
    samples: int
    seed: int
    params: dict[str, Any]
    stein_load: dict[str, float]

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


class MethodRefused(ValueError):
    """A method of evaluation that does not suit the program."""


def evaluate(
    *,
    samples: int = 65536,
    seed: int = 0,
    method: str = "mc",
    replicates: int = 8,
    rank_tolerance: float = 1e-22,
    _progress: Callable[[int, int], None] | None = None,
    **params: Any,
) -> Result:
    """Compute the limit of every output.

    What has a closed form is exact by any method.

    Args:
        samples: How many nodes; independent replicates share them. A ket on a grid may have
            64 times as many floats.
        seed: Equal seeds give equal numbers.
        method: "mc": random nodes. "qmc": scrambled Sobol points, as many in a replicate
            as the largest power of two. "quadrature": grids of all Gaussians that an
            expectation depends on. "exact": closed forms only. "auto": quadrature where
            it is precise, else qmc.
        replicates: How many replicates of random nodes or Sobol points, at least two.
        rank_tolerance: Which part of <x|x> a direction of |x> must have to count as new
            beside the earlier products of a matrix: less of it is left out of the hat.
        _progress: Called with (replicates or grids done, how many in all).
        **params: Values for `PARAMS`; the others keep their defaults.

    Raises:
        ValueError: An unknown method or parameter, or too few samples.
        MethodRefused: A method that does not suit the program, a `ValueError` too.
    """
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise ValueError(f"unknown method {method!r}: this module has {known}")
    if replicates < 2:
        raise ValueError(f"replicates must be at least 2, not {replicates}")
    if samples < 4 * replicates:
        raise ValueError(f"samples must be at least {4 * replicates}, not {samples}")
    if not 0 < rank_tolerance < 1:
        limits = "between 0 and 1"
        raise ValueError(f"rank_tolerance must be {limits}, not {rank_tolerance}")
    merged = merge_params(params)
    plan = Plan(method, samples, seed, replicates, rank_tolerance, merged)
    estimate = estimated(plan, _progress)
    values, stderr = by_name(estimate.values), by_name(estimate.errors)
    methods, load = estimate.methods, estimate.stein_load
    used = samples if method == "mc" else estimate.samples
    return Result(values, stderr, method, methods, used, seed, merged, load)


METHODS = ("mc", "qmc", "quadrature", "exact", "auto")
"""The methods of `evaluate`."""


@dataclass(frozen=True)
class Plan:
    """What an evaluation was asked for, as in `evaluate`."""

    method: str
    samples: int
    seed: int
    replicates: int
    rank_tolerance: float
    params: dict[str, Any]


def estimated(plan: Plan, progress: Callable[[int, int], None] | None) -> Estimate:
    """Compute every output by the method, or refuse."""
    if plan.method == "exact":
        refuse(SAMPLED, "exact: {0} needs {1}, for which there is no closed form")
    if not SAMPLED:
        return integrated(plan.samples, plan.params, None)
    if plan.method in ("mc", "qmc"):
        return sampled(plan, progress)
    if plan.method == "quadrature":
        refuse(ROUGH, "quadrature: {0} averages {1}, which is not smooth; use 'qmc'")
        estimate = integrated(plan.samples, plan.params, progress)
        refuse(estimate.missing, "quadrature: {0} is out of reach, {1}; use 'qmc'")
        return estimate
    estimate = integrated(plan.samples, plan.params, progress)
    poor = [name for name in SAMPLED if not estimate.is_precise(name)]
    if not poor:
        return estimate
    return better(estimate, sampled(replace(plan, method="qmc"), progress), poor)


def refuse(reasons: dict[str, str], message: str) -> None:
    """Raise the message about the first output that a method does not suit, if any."""
    for name, reason in reasons.items():
        raise MethodRefused(message.format(repr(name), reason))


def merge_params(params: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults overridden by `params`."""
    for name, value in params.items():
        if name not in PARAMS:
            known = ", ".join(PARAMS) or "none"
            raise ValueError(f"unknown parameter {name!r}; this program has: {known}")
        if np.shape(value) != np.shape(PARAMS[name]):
            shape = np.shape(PARAMS[name])
            raise ValueError(f"parameter {name!r} must have the shape {shape}")
    return PARAMS | params


def by_name(outputs: Outputs) -> dict[str, Any]:
    """Gather the parts of each output: one array, or a dict of mean and cov."""
    found: dict[str, Any] = {}
    for (name, part), array in outputs.items():
        if part == "value":
            found[name] = array
        else:
            found.setdefault(name, {})[part] = array
    return found


# <part Estimate>


@dataclass(frozen=True)
class Estimate:
    """Outputs and their errors by one way of computing them, or by several.

    Attributes:
        values: By output name and part.
        errors: The same for standard errors.
        methods: By output name.
        missing: Why some outputs have no value, by name.
        samples: As in `Result`.
        stein_load: As in `Result`.
    """

    values: Outputs
    errors: Outputs
    methods: dict[str, str]
    missing: dict[str, str]
    samples: int
    stein_load: dict[str, float]

    def error(self, name: str) -> float:
        """Return the largest error of an output."""
        parts = [array for (known, _), array in self.errors.items() if known == name]
        return max((float(np.max(array, initial=0)) for array in parts), default=np.inf)

    def is_precise(self, name: str) -> bool:
        """Whether an output has eight digits."""
        parts = [array for (known, _), array in self.values.items() if known == name]
        size = max((np.max(np.abs(array), initial=0) for array in parts), default=0)
        return bool(self.error(name) <= 1e-8 * size + 1e-12)


def better(first: Estimate, second: Estimate, names: Sequence[str]) -> Estimate:
    """Replace outputs of the first estimate by those of the second with smaller errors."""
    taken = {name for name in names if not first.error(name) <= second.error(name)}
    values, errors = dict(second.values), dict(second.errors)
    values |= {key: value for key, value in first.values.items() if key[0] not in taken}
    errors |= {key: error for key, error in first.errors.items() if key[0] not in taken}
    methods = second.methods | {
        name: method for name, method in first.methods.items() if name not in taken
    }
    samples = second.samples if taken else first.samples
    return Estimate(values, errors, methods, {}, samples, second.stein_load)


# <part sampled>


def sampled(plan: Plan, progress: Callable[[int, int], None] | None) -> Estimate:
    """Average replicates with nodes of their own; their spread gives the standard errors."""
    count, method = plan.replicates, plan.method
    each = plan.samples // count
    if method == "qmc":
        each = 2 ** (each.bit_length() - 1)
    runs: list[Run] = []
    for replicate in range(count):
        run = run_sobol if method == "qmc" else run_random
        runs.append(run(replicate, each, plan))
        if progress is not None:
            progress(replicate + 1, count)
    values: Outputs = {}
    errors: Outputs = {}
    for key, first in runs[0].outputs.items():
        values[key], errors[key] = np.asarray(first), np.zeros(np.shape(first))
        if key[0] in SAMPLED:
            every = np.array([run.outputs[key] for run in runs])
            halves = np.array([run.halves[key] for run in runs if run.halves])
            bias = np.array([run.shift[key] for run in runs]).mean(axis=0)
            error = standard_error(every, halves)
            values[key], errors[key] = every.mean(axis=0), np.hypot(error, bias)
    methods = {name: method if name in SAMPLED else "exact" for name, _ in values}
    used = plan.samples if method == "mc" else count * each
    return Estimate(values, errors, methods, {}, used, runs[-1].stein_load)


def standard_error(every: Array, halves: Array) -> Array:
    """Return the standard error of the mean of replicates, from their spread.

    The spread of few replicates says little. Then the two halves of each, of twice the
    variance, help to estimate it, and Student's t says by how much it may be too small.
    """
    count = len(every)
    variance = every.var(axis=0, ddof=1)
    freedom = count - 1
    if count < FEW_REPLICATES and len(halves):
        between = ((halves[:, 0] - halves[:, 1]) ** 2 / 4).mean(axis=0)
        variance = (freedom * variance + count * between) / (freedom + count)
        freedom += count
    widened = STUDENT[freedom - 1] if count < FEW_REPLICATES else 1.0
    return np.asarray(widened * np.sqrt(variance / count))


FEW_REPLICATES = 8
"""The spread of so many replicates, or more, is the standard error as it is."""

STUDENT = (
    1.837, 1.321, 1.197, 1.142, 1.111, 1.091, 1.077,
    1.067, 1.059, 1.053, 1.048, 1.044, 1.040,
)  # fmt: skip
"""Student's t with 1, 2, ... degrees of freedom is within this with probability 0.683."""


@dataclass(frozen=True)
class Run:
    """What one replicate found.

    Attributes:
        outputs: The outputs, the bias taken off them.
        shift: That bias.
        halves: The outputs on the two halves of the nodes, if these were needed.
        stein_load: As in `Result`.
    """

    outputs: Outputs
    shift: Outputs
    halves: Outputs
    stein_load: dict[str, float]


def run_random(replicate: int, samples: int, plan: Plan) -> Run:
    """Run one replicate on random nodes.

    Where moments of N samples enter later equations, results are biased by b/N. The two
    halves of a replicate are biased by 2 b/N, so that full - mean(halves) = -b/N.
    """
    keys = [(replicate, half) for half in range(2)]
    streams = [np.random.SeedSequence(plan.seed, spawn_key=key) for key in keys]
    nodes = Nodes(streams, samples, plan.rank_tolerance)
    full = limit(nodes, plan.params)
    if not BIASED:
        unbiased = {key: np.zeros_like(full[key]) for key in full}
        return Run(full, unbiased, {}, nodes.stein_load)
    one, two = (
        limit(Nodes([stream], nodes.samples // 2, plan.rank_tolerance), plan.params)
        for stream in streams
    )
    shift = {key: full[key] - (one[key] + two[key]) / 2 for key in full}
    outputs = {key: full[key] + shift[key] for key in full}
    halves = {key: np.array([one[key], two[key]]) for key in full}
    return Run(outputs, shift, halves, nodes.stein_load)


def run_sobol(replicate: int, samples: int, plan: Plan) -> Run:
    """Run one replicate on Sobol points."""
    stream = np.random.SeedSequence(plan.seed, spawn_key=(replicate,))
    nodes = SobolNodes(stream, samples, BASE_GAUSSIANS, plan.rank_tolerance)
    full = limit(nodes, plan.params)
    unbiased = {key: np.zeros_like(full[key]) for key in full}
    return Run(full, unbiased, {}, nodes.stein_load)


# <part integrated>


def integrated(
    samples: int, params: dict[str, Any], progress: Callable[[int, int], None] | None
) -> Estimate:
    """Compute outputs on grids, by either choice of directions that they fit on."""
    if SAMPLED and SAMPLED.keys() <= ROUGH.keys():
        return Estimate({}, {}, {}, ROUGH, 0, {})
    first = refined(samples, params, SAMPLED, False, progress)
    if not first.missing.keys() - ROUGH.keys():
        return first
    second = refined(samples, params, first.missing, True, progress)
    estimate = better(first, second, list(first.missing))
    still = [name for name in first.missing if name in second.missing]
    return replace(estimate, missing={name: first.missing[name] for name in still})


def refined(
    samples: int,
    params: dict[str, Any],
    wanted: Collection[str],
    single: bool,
    progress: Callable[[int, int], None] | None,
) -> Estimate:
    """Refine grids until two steps have changed nothing, or the next does not fit.

    An output has the value of its finest grid. Its error is the change by the last step,
    or what further steps would add if they shrink no faster than the last did.
    """
    values: Outputs = {}
    errors: Outputs = {}
    steps: dict[tuple[str, str], list[float]] = {}
    refusal, largest = "", 0
    for count, points in enumerate(RULES, 1):
        nodes = GridNodes(points, GRID_FLOATS * samples, single)
        outputs = limit(nodes, params)
        refusal, largest = refusal or nodes.refusal, max(largest, nodes.samples)
        finished = True
        for key, value in outputs.items():
            size = np.max(np.abs(value), initial=0)
            if key[0] not in SAMPLED:
                values[key], errors[key] = np.asarray(value), np.zeros(np.shape(value))
            elif key[0] in wanted and key[0] not in ROUGH and np.isfinite(size):
                change = np.abs(value - values.get(key, np.inf))
                known = steps.setdefault(key, [])
                known.append(np.max(change, initial=0))
                values[key], errors[key] = value, after(change, known, size)
                finished = finished and max(known[-2:]) <= 1e-11 * size + 1e-15
        if progress is not None:
            progress(count, len(RULES))
        if finished:
            break
    used = {True: "quadrature", False: "exact"}
    methods = {name: used[name in SAMPLED] for name, _ in outputs}
    estimate = Estimate(values, errors, methods, {}, largest, {})
    missing = [name for name in methods if not np.isfinite(estimate.error(name))]
    return replace(estimate, missing=dict.fromkeys(missing, refusal or "not finite"))


def after(change: Array, steps: Sequence[float], size: float) -> Array:
    """Return the error behind the last step, whose changes and largest change are given.

    Further steps are a geometric series at best. Two of them tell nothing of that yet.
    """
    if len(steps) < 3:
        return np.full_like(change, np.inf)
    ratio = min(steps[-1] / steps[-2], 0.9) if steps[-2] > 0 else 0
    return np.maximum(change * max(1, ratio / (1 - ratio)), 1e-15 * size)


RULES = (6, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 192)
"""Nodes of the rules along each direction, coarse to fine."""

GRID_FLOATS = 64
"""How many floats for each of `samples` a ket on a grid may have."""

# <part program>

PARAMS: dict[str, Any] = {}
"""The program's parameters with their defaults."""

BIASED = True
"""Whether estimated moments enter later equations."""

BASE_GAUSSIANS = 1
"""How many independent standard normals the equations draw at most."""

SAMPLED: dict[str, str] = {"c": "E[...]"}
"""Outputs that need expectations without a closed form, with the first of these."""

ROUGH: dict[str, str] = {}
"""Outputs that need expectations of functions with kinks or jumps, with one of these."""


def limit(nodes: Nodes, params: dict[str, Any]) -> Outputs:
    """Compute every output once: the program's equations, in a generated module."""
    raise NotImplementedError
