"""The evaluation of a program's limit: outputs with standard errors, by any method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tpc.runtime.arrays import Outputs
from tpc.runtime.estimates import Estimate, better
from tpc.runtime.grid_estimates import integrated_estimate
from tpc.runtime.not_finite import FAILURES, NotFinite, is_finite, look_for_not_finite
from tpc.runtime.requests import MethodRefused, Problem, Request
from tpc.runtime.rounding import rounding_errors
from tpc.runtime.sampled_estimates import nodes_of_runs, sampled_estimate


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
        warnings: What to know of the errors.
    """

    values: dict[str, Any]
    stderr: dict[str, Any]
    method: str
    methods: dict[str, str]
    samples: int
    seed: int
    params: dict[str, Any]
    stein_load: dict[str, float]
    warnings: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        return self.values[name]


def exact_result(outputs: Outputs, request: Request) -> Result:
    """Return outputs that all have closed forms, exact by any method."""
    values = {key: np.asarray(value) for key, value in outputs.items()}
    errors = {key: np.zeros(np.shape(value)) for key, value in outputs.items()}
    methods = {name: "exact" for name, _ in outputs}
    return result_of(values, errors, methods, 0, {}, request)


@np.errstate(all="ignore")
def sampled_result(problem: Problem, request: Request) -> Result:
    """Evaluate a program none of whose expectations without a closed form is smooth."""
    refuse_unsuitable(problem, request)
    with explaining(problem, request):
        return estimated(sampled_estimate(problem, request), request)


@np.errstate(all="ignore")
def drawn_result(problem: Problem, request: Request) -> Result:
    """Evaluate a program with a loop, which draws all of its expectations."""
    if request.method in ("exact", "quadrature"):
        how = "drawn in each round of a loop; write the rounds out by '--unrolled', or use 'qmc'"
        refuse(problem.sampled, f"{request.method}: {{0}} is {{1}}, {how}")
    refuse_unbounded(problem, request)
    with explaining(problem, request):
        return estimated(sampled_estimate(problem, request), request)


@np.errstate(all="ignore")
def estimated_result(
    problem: Problem,
    integrated: Callable[..., Outputs],
    request: Request,
) -> Result:
    """Evaluate a program by the method that was asked for, or refuse.

    Args:
        problem: The program.
        integrated: Computes the outputs on grids.
        request: What was asked for.
    """
    refuse_unsuitable(problem, request)
    with explaining(problem, request):
        if problem.sampled and request.method in ("mc", "qmc"):
            return estimated(sampled_estimate(problem, request), request)
        estimate = integrated_estimate(problem, integrated, request)
        if request.method == "quadrature":
            if "not finite" in estimate.missing.values():
                look_through_runs(problem, request)
            refuse(estimate.missing, "quadrature: {0} is out of reach, {1}; use 'qmc'")
        poor = [name for name in problem.sampled if not estimate.is_precise(name)]
        if request.method == "auto" and poor:
            estimate = better(estimate, sampled_estimate(problem, request), poor)
        return estimated(estimate, request)


def refuse_unsuitable(problem: Problem, request: Request) -> None:
    """Refuse closed forms that do not exist, and quadrature of functions with kinks."""
    exact = "exact: {0} needs {1}, for which there is no closed form"
    quadrature = "quadrature: {0} averages {1}, which is not smooth; use 'qmc'"
    if request.method == "exact":
        refuse(problem.sampled, exact)
    refuse_unbounded(problem, request)
    if request.method == "quadrature":
        refuse(problem.rough, quadrature)


def refuse_unbounded(problem: Problem, request: Request) -> None:
    """Refuse to sample what has no variance."""
    said = "{0} averages {1}, of infinite variance: sampling cannot give an error"
    refuse(problem.unbounded, f"{request.method}: {said}")


def refuse(reasons: dict[str, str], message: str) -> None:
    """Raise the message about the first output that a method does not suit, if any."""
    for name, reason in reasons.items():
        raise MethodRefused(message.format(repr(name), reason))


def estimated(estimate: Estimate, request: Request) -> Result:
    """Return an estimate as the result of what was asked for, if it is finite."""
    e = estimate
    for (name, _), found in (*e.values.items(), *e.errors.items()):
        if not is_finite(found):
            raise FloatingPointError(name)
    result = result_of(e.values, e.errors, e.methods, e.samples, e.stein_load, request)
    return replace(result, warnings=e.warnings)


@contextmanager
def explaining(problem: Problem, request: Request) -> Iterator[None]:
    """Say where numbers stopped being finite."""
    try:
        yield
    except FAILURES as failure:
        look_through_runs(problem, request)
        raise NotFinite(0, str(failure), "an overflow") from failure


def look_through_runs(problem: Problem, request: Request) -> None:
    """Raise what says why a program is not finite on the nodes of some replicate, if it is so."""
    for nodes in nodes_of_runs(problem, request):
        look_for_not_finite(problem.limit, nodes, request.params)


def rounded(
    result: Result,
    limit: Callable[..., Outputs],
    request: Request,
    *nodes: Callable[..., Any],
) -> Result:
    """Give outputs with closed forms the errors that rounding may have left in them.

    Args:
        result: What was found.
        limit: The function of the module.
        request: What was asked for.
        nodes: The class of the nodes that the function takes, if it takes any.
    """

    def given() -> tuple[Any, ...]:
        streams = np.random.SeedSequence(request.seed).spawn(1)
        return tuple(kind(streams, FEW_SAMPLES) for kind in nodes)

    exact: Outputs = {}
    for name in (name for name, method in result.methods.items() if method == "exact"):
        value = result.values[name]
        parts = value if isinstance(value, dict) else {"value": value}
        exact |= {(name, part): array for part, array in parts.items()}
    errors = rounding_errors(limit, request.params, exact, given)
    return replace(result, stderr=result.stderr | by_name(errors))


FEW_SAMPLES = 8
"""So many do where only outputs with closed forms are looked at."""


def result_of(
    values: Outputs,
    errors: Outputs,
    methods: dict[str, str],
    samples: int,
    stein_load: dict[str, float],
    request: Request,
) -> Result:
    """Return what was found as the result of what was asked for."""
    return Result(
        values=by_name(values),
        stderr=by_name(errors),
        method=request.method,
        methods=methods,
        samples=request.samples if request.method == "mc" else samples,
        seed=request.seed,
        params=request.params,
        stein_load=stein_load,
    )


def by_name(outputs: Outputs) -> dict[str, Any]:
    """Gather the parts of each output: one array, or a dict of mean and cov."""
    found: dict[str, Any] = {}
    for (name, part), array in outputs.items():
        if part == "value":
            found[name] = array
        else:
            found.setdefault(name, {})[part] = array
    return found
