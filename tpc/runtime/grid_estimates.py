"""Outputs by quadrature: grids that are refined until they change nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from tpc.runtime.arrays import Array, Outputs
from tpc.runtime.estimates import Estimate, better
from tpc.runtime.grids import GridNodes
from tpc.runtime.requests import Problem, Request
from tpc.runtime.sampled_estimates import averaged, run_random
from tpc.runtime.wide_nodes import WideNodes

Key = tuple[str, str]
"""An output's name and part."""


def integrated_estimate(
    problem: Problem,
    limit: Callable[..., Outputs],
    request: Request,
) -> Estimate:
    """Compute outputs on grids, by either choice of directions that they fit on."""
    first = refined_estimate(problem, limit, request, problem.sampled, single=False)
    if not first.missing.keys() - problem.rough.keys():
        return first
    second = refined_estimate(problem, limit, request, first.missing, single=True)
    estimate = better(first, second, list(first.missing))
    still = [name for name in first.missing if name in second.missing]
    return replace(estimate, missing={name: first.missing[name] for name in still})


def refined_estimate(
    problem: Problem,
    limit: Callable[..., Outputs],
    request: Request,
    wanted: Collection[str],
    *,
    single: bool,
) -> Estimate:
    """Refine grids until two steps have changed nothing, or the next does not fit.

    An output has the value of its finest grid. Its error is the change by the last step,
    or what further steps would add if they shrink no faster than the last did, and what the
    errors of series do to it. Random nodes check what grids have found.
    """
    values: Outputs = {}
    errors: Outputs = {}
    steps: dict[Key, list[float]] = {}
    probe: Probe | None = None
    refusal, largest = "", 0
    coarsest: Outputs = {}
    for count, points in enumerate(RULES, 1):
        nodes = GridNodes(points, GRID_FLOATS * request.samples, single)
        outputs = limit(nodes, request.params)
        coarsest = coarsest or outputs
        refusal, largest = refusal or nodes.refusal, max(largest, nodes.samples)
        on_grids = largest > 1
        if on_grids and points >= LEAST and probe is None:
            probe = Probe(problem, request)
        finished = points >= LEAST or not on_grids
        for key, value in outputs.items():
            size = np.max(np.abs(value), initial=0)
            if key[0] not in problem.sampled:
                values[key], errors[key] = np.asarray(value), np.zeros(np.shape(value))
            elif key[0] in wanted and key[0] not in problem.rough and np.isfinite(size):
                change = np.abs(value - values.get(key, np.inf))
                known = steps.setdefault(key, [])
                known.append(np.max(change, initial=0))
                values[key], errors[key] = value, np.zeros(np.shape(value))
                if on_grids:
                    errors[key] = after(change, known, size)
                    least = probe.floor(key) if probe else 0
                    finished = finished and max(known[-2:]) <= 1e-11 * size + least
        request.report(count, len(RULES))
        if finished and not (probe and probe.doubts_any(values, steps)):
            break
    if probe is not None:
        errors |= {key: probe.widened(key, values[key], errors[key]) for key in steps}
    shaken = changes_by_series(limit, request, coarsest, single)
    errors |= {key: errors[key] + shaken[key] for key in steps}
    used = {True: "quadrature", False: "exact"}
    methods = {name: used[name in problem.sampled] for name, _ in outputs}
    estimate = Estimate(values, errors, methods, {}, largest, {})
    missing = [name for name in methods if not np.isfinite(estimate.error(name))]
    return replace(estimate, missing=dict.fromkeys(missing, refusal or "not finite"))


def changes_by_series(
    limit: Callable[..., Outputs],
    request: Request,
    outputs: Outputs,
    single: bool,
) -> Outputs:
    """Return by how much outputs change where series are off by as much as they may be."""
    found = {key: np.zeros(np.shape(value)) for key, value in outputs.items()}
    for seed in range(2):
        shakes = np.random.default_rng(seed)
        nodes = GridNodes(RULES[0], GRID_FLOATS * request.samples, single, shakes)
        for key, value in limit(nodes, request.params).items():
            change = np.abs(value - outputs[key])
            found[key] = found[key] + np.where(np.isfinite(change), change, np.inf)
    return found


class Probe:
    """Outputs by a few random nodes, and by more where these contradict a grid."""

    def __init__(self, problem: Problem, request: Request) -> None:
        self._problem, self._request = problem, request
        self._known = [self._estimate(PROBES[0])]

    def _estimate(self, samples: int) -> tuple[Outputs, Outputs]:
        request = replace(self._request, seed=samples, progress=None)
        nodes_of = partial(WideNodes, gaussians=self._problem.gaussians)
        each = samples // REPLICATES
        runs = [
            run_random(self._problem, request, replicate, each, nodes_of)
            for replicate in range(REPLICATES)
        ]
        return averaged(self._problem, runs)

    def floor(self, key: Key) -> float:
        """Return what is nothing beside the spread of an output."""
        error = self._known[0][1][key]
        return 1e-13 * float(np.max(error, initial=0, where=np.isfinite(error)))

    def doubts(self, key: Key, value: Array) -> bool:
        """Whether random nodes, and others of which there are more, contradict a value."""
        if not contradicts(value, key, *self._known[0], DOUBTED[0]):
            return False
        if len(self._known) == 1:
            self._known.append(self._estimate(PROBES[1]))
        return contradicts(value, key, *self._known[1], DOUBTED[1])

    def doubts_any(self, values: Outputs, keys: Iterable[Key]) -> bool:
        """Whether some of the values are contradicted."""
        return any(self.doubts(key, values[key]) for key in keys)

    def widened(self, key: Key, value: Array, error: Array) -> Array:
        """Return the error of a value, wide enough where it is contradicted or poor."""
        size = float(np.max(np.abs(value), initial=0))
        poor = np.max(error, initial=0) > 1e-4 * size + 1e4 * self.floor(key)
        if not (self.doubts(key, value) or poor):
            return error
        found, errors = self._known[-1]
        return np.maximum(error, np.abs(value - found[key]) + errors[key])


def contradicts(
    value: Array,
    key: Key,
    found: Outputs,
    errors: Outputs,
    times: float,
) -> bool:
    """Whether a value is so many times further from an estimate than this may be off.

    What is nothing beside the error of the estimate is in doubt earlier.
    """
    size = np.abs(value)
    often = np.where(size > 1e-3 * errors[key], times, times - 2)
    allowed = often * errors[key] + 1e-9 * size
    return bool((np.abs(value - found[key]) > allowed).any())


def after(change: Array, steps: Sequence[float], size: float) -> Array:
    """Return the error behind the last step, whose changes and largest change are given.

    Further steps are a geometric series at best. Two of them tell nothing of that yet. Behind a
    step s of a value v, one by 3/2 as many nodes is about v (s / v)^1.3, for errors fall as
    exp(-c n^(2/3)): one that is far less is so by chance.
    """
    if len(steps) < 3:
        return np.full_like(change, np.inf)
    ratio = min(steps[-1] / steps[-2], 0.9) if steps[-2] > 0 else 0
    usual = steps[-2] * min(steps[-2] / size, 1) ** 0.3 if size > 0 else 0
    return np.maximum(change * max(1, ratio / (1 - ratio)), max(usual, 1e-15 * size))


RULES = (6, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 192)
"""Nodes of the rules along each direction, coarse to fine."""

GRID_FLOATS = 64
"""How many floats for each of `samples` a ket on a grid may have."""

LEAST = 32
"""With fewer nodes along each direction no grid is the last, if more of them fit."""

PROBES, REPLICATES = (2**11, 2**14), 16
"""How many random nodes check grids, first and where in doubt, in so many replicates."""

DOUBTED = (3.0, 5.0)
"""A value that is so many errors from what the first and the second say is in doubt."""
