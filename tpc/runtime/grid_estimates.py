"""Outputs by quadrature: grids that are refined until they change nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import numpy as np

from tpc.runtime.arrays import Array, Outputs
from tpc.runtime.estimates import Estimate, better
from tpc.runtime.grids import GridNodes
from tpc.runtime.requests import Problem, Request


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
    or what further steps would add if they shrink no faster than the last did.
    """
    values: Outputs = {}
    errors: Outputs = {}
    steps: dict[tuple[str, str], list[float]] = {}
    refusal, largest = "", 0
    for count, points in enumerate(RULES, 1):
        nodes = GridNodes(points, GRID_FLOATS * request.samples, single)
        outputs = limit(nodes, request.params)
        refusal, largest = refusal or nodes.refusal, max(largest, nodes.samples)
        finished = True
        for key, value in outputs.items():
            size = np.max(np.abs(value), initial=0)
            if key[0] not in problem.sampled:
                values[key], errors[key] = np.asarray(value), np.zeros(np.shape(value))
            elif key[0] in wanted and key[0] not in problem.rough and np.isfinite(size):
                change = np.abs(value - values.get(key, np.inf))
                known = steps.setdefault(key, [])
                known.append(np.max(change, initial=0))
                values[key], errors[key] = value, after(change, known, size)
                finished = finished and max(known[-2:]) <= 1e-11 * size + 1e-15
        request.report(count, len(RULES))
        if finished:
            break
    used = {True: "quadrature", False: "exact"}
    methods = {name: used[name in problem.sampled] for name, _ in outputs}
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
