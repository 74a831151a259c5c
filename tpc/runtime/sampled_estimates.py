"""Outputs by Monte Carlo or Sobol points: replicates, their spread, the bias of moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tpc.runtime.arrays import Array, Outputs
from tpc.runtime.estimates import Estimate
from tpc.runtime.heavy_tails import Tails
from tpc.runtime.pinned_averages import FEW_NODES, Averages, at_kinks
from tpc.runtime.random_nodes import Nodes
from tpc.runtime.requests import Problem, Request
from tpc.runtime.sobol_nodes import SobolNodes
from tpc.runtime.standard_errors import standard_error


def sampled_estimate(problem: Problem, request: Request) -> Estimate:
    """Average replicates with nodes of their own; their spread gives the standard errors."""
    count, method = request.replicates, request.method
    each = samples_of_each(request)
    runs: list[Run] = []
    tails = Tails(problem.limit, count)
    keep_what_is_freed()
    spare: list[Array] = []
    sobol = partial(SobolNodes, gaussians=problem.gaussians)
    halved = method == "mc" or meets_copies(problem, request)
    for replicate in range(count):
        if halved:
            nodes_of = partial(Nodes, spare=spare) if method == "mc" else sobol
            runs.append(run_random(problem, request, replicate, each, nodes_of, tails))
        else:
            runs.append(run_sobol(problem, request, replicate, each, tails))
        request.report(replicate + 1, count)
    values, errors = averaged(problem, runs)
    averages = [run.averages for run in runs if run.averages is not None]
    if problem.biased and len(averages) == count:
        limit, found = partial(pinned, problem, request), [run.found for run in runs]
        values, errors = at_kinks(limit, averages, found, values, errors, not halved)
    errors = with_unseen_jumps(problem, runs, values, errors, count * each)
    used = "mc" if method == "mc" else "qmc"
    methods = {name: used if name in problem.sampled else "exact" for name, _ in values}
    total = request.samples if method == "mc" else count * each
    load = runs[-1].stein_load
    return Estimate(values, errors, methods, {}, total, load, tails.warnings(each))


def keep_what_is_freed() -> None:
    """Free an array larger than kets, so that the C library keeps what these will free.

    It keeps what is as small as the largest that it has seen freed; new pages take long.
    """
    np.empty(2**21)


def pinned(problem: Problem, request: Request, averages: Sequence[Array]) -> Outputs:
    """Return the outputs with averages pinned, on a few nodes."""
    stream = np.random.SeedSequence(request.seed)
    nodes = Nodes([stream], FEW_NODES, request.rank_tolerance)
    nodes.averages = Averages(averages)
    return problem.limit(nodes, request.params)


def meets_copies(problem: Problem, request: Request) -> bool:
    """Whether means over copies have a bias, for which averages alone do not tell."""
    stream = np.random.SeedSequence(request.seed)
    nodes = Nodes([stream], FEW_NODES, request.rank_tolerance)
    if problem.biased:
        problem.limit(nodes, request.params)
    return nodes.copied


def samples_of_each(request: Request) -> int:
    """Return how many nodes a replicate has: of Sobol points, a power of two."""
    each = request.samples // request.replicates
    return each if request.method == "mc" else 2 ** (each.bit_length() - 1)


def nodes_of_runs(problem: Problem, request: Request) -> Iterator[Nodes]:
    """Yield the nodes of all replicates once more, those of halves where these were run, too."""
    each = samples_of_each(request)
    for replicate in range(request.replicates):
        if request.method != "mc":
            yield sobol_nodes(problem, request, replicate, each)
            continue
        streams = streams_of(request, replicate)
        for parts in (streams, *([stream] for stream in streams if problem.biased)):
            yield Nodes(parts, each * len(parts) // 2, request.rank_tolerance)


def averaged(problem: Problem, runs: Sequence[Run]) -> tuple[Outputs, Outputs]:
    """Return the outputs and their standard errors from replicates."""
    values: Outputs = {}
    errors: Outputs = {}
    for key, first in runs[0].outputs.items():
        values[key], errors[key] = np.asarray(first), np.zeros(np.shape(first))
        if key[0] in problem.sampled:
            every = np.array([run.outputs[key] for run in runs])
            halves = np.array([run.halves[key] for run in runs if run.halves])
            bias = np.array([run.shift[key] for run in runs]).mean(axis=0)
            error = standard_error(every, halves)
            values[key] = every.mean(axis=0)
            errors[key] = np.hypot(error, UNSURE * bias)
    return values, errors


def with_unseen_jumps(
    problem: Problem,
    runs: Sequence[Run],
    values: Outputs,
    errors: Outputs,
    samples: int,
) -> Outputs:
    """Return errors of at least a few samples' weight where a jump may be unseen.

    Replicates agree, to rounding or to what weights of samples are beside it, where none of
    their samples has been across a jump. It is as high as the output is large. Where only some
    of its numbers agree, as of a first round, these are known exactly.
    """
    found = dict(errors)
    for name in problem.sampled:
        keys = [key for key in errors if key[0] == name]
        spreads = (np.ptp([run.outputs[key] for run in runs], axis=0) for key in keys)
        spread = max((np.max(each, initial=0) for each in spreads), default=0)
        sizes = (np.max(np.abs(values[key]), initial=0) for key in keys)
        size = max(sizes, default=0) or 1.0
        agree = spread <= 1e-14 * size
        for key in keys if agree or name in problem.jumps else ():
            least = np.maximum(errors[key], UNSEEN * size / samples)
            found[key] = np.where(agree | (errors[key] > 0), least, errors[key])
    return found


UNSEEN = 4
"""What R replicates have not seen may have a probability of 3 / R; samples weigh up to 2."""


@dataclass(frozen=True)
class Run:
    """What one replicate found.

    Attributes:
        found: The outputs.
        shift: Their bias, with the other sign.
        halves: The outputs on the two halves of the nodes, if these were needed.
        stein_load: As in `Result`.
        averages: All of which the outputs are functions, if they are.
    """

    found: Outputs
    shift: Outputs
    halves: Outputs
    stein_load: dict[str, float]
    averages: list[Array] | None

    @property
    def outputs(self) -> Outputs:
        """The outputs, the bias taken off them."""
        return {key: value + self.shift[key] for key, value in self.found.items()}


def run_random(
    problem: Problem,
    request: Request,
    replicate: int,
    samples: int,
    nodes_of: Callable[..., Nodes],
    tails: Tails | None = None,
) -> Run:
    """Run one replicate on random nodes, and each of its halves.

    Where moments of N samples enter later equations, results are biased by b/N. The two
    halves of a replicate are biased by 2 b/N, so that full - mean(halves) = -b/N. Else
    that is 0, and the halves are enough.
    """
    streams = streams_of(request, replicate)
    tolerance = request.rank_tolerance
    parts = [nodes_of([stream], samples // 2, tolerance) for stream in streams]
    found = []
    for half, part in enumerate(parts):
        if tails is not None and not problem.biased:
            part.tails = tails.of_replicate(half)
        found.append(problem.limit(part, request.params))
    one, two = found
    halves = {key: np.array([one[key], two[key]]) for key in one}
    middle = {key: (one[key] + two[key]) / 2 for key in one}
    if not problem.biased:
        unbiased = {key: np.zeros_like(one[key]) for key in one}
        return Run(middle, unbiased, halves, parts[0].stein_load, None)
    nodes = nodes_of(streams, samples, tolerance)
    nodes.tails, nodes.averages = tails and tails.of_replicate(), Averages()
    full = problem.limit(nodes, request.params)
    shift = {key: full[key] - middle[key] for key in full}
    return Run(full, shift, halves, nodes.stein_load, nodes.averages.values)


def streams_of(request: Request, replicate: int) -> list[np.random.SeedSequence]:
    """Return the streams of random numbers of the halves of a replicate."""
    keys = [(replicate, half) for half in range(2)]
    return [np.random.SeedSequence(request.seed, spawn_key=key) for key in keys]


def run_sobol(
    problem: Problem,
    request: Request,
    replicate: int,
    samples: int,
    tails: Tails,
) -> Run:
    """Run one replicate on Sobol points."""
    nodes = sobol_nodes(problem, request, replicate, samples)
    nodes.tails, nodes.averages = tails.of_replicate(), Averages()
    full = problem.limit(nodes, request.params)
    unbiased = {key: np.zeros_like(full[key]) for key in full}
    return Run(full, unbiased, {}, nodes.stein_load, nodes.averages.values)


def sobol_nodes(
    problem: Problem,
    request: Request,
    replicate: int,
    samples: int,
) -> SobolNodes:
    """Return the Sobol points of a replicate."""
    stream = np.random.SeedSequence(request.seed, spawn_key=(replicate,))
    return SobolNodes([stream], samples, request.rank_tolerance, problem.gaussians)


UNSURE = 0.25
"""How much of a bias that has been taken off is not known: halves tell the part in 1/N alone."""
