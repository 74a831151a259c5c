"""Program -> a finite-width run with dense matrices: the referee of every limit.

Each operation does what language.md says it does at finite width n, on arrays of shape (n,) + k:

    W_ab iid N(0, s^2 / size(variance_dim)),   (W x)_a = sum over b of W_ab x_b,
    avg(x) = (1/n) sum over a of x_a,          <x|y> = x.T y / n,
    mean[j](psi)_a = (1/n) sum over j of psi(x_a; x_j), the diagonal included.

Nothing here knows of a limit.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from tpc.program.exchange import without_exchanges
from tpc.program.nodes import (
    Constant,
    InitialScalar,
    InitialVector,
    MatMul,
    Matrix,
    Mean,
    Node,
    Parameter,
)
from tpc.program.program import Program
from tpc.simulation.averages import average, measure
from tpc.simulation.blocks import mean_in_blocks
from tpc.simulation.operations import apply_operation
from tpc.simulation.parameters import resolve_parameters
from tpc.simulation.result import Result, Value
from tpc.simulation.schedule import Schedule, schedule_program
from tpc.simulation.streams import draw_vector, standard_deviation, stream

Array = npt.NDArray[np.float64]

MATRIX_MEMORY = 1 << 31
"""Trials run side by side while the matrices of all of them fit into this many bytes."""


def simulate(
    program: Program,
    width: int,
    trials: int = 8,
    seed: int = 0,
    params: Mapping[str, object] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run a program at finite width, several times with independent draws.

    Args:
        program: What to run.
        width: Size of the free dim.
        trials: Number of independent runs.
        seed: Of all random streams, at least 0.
        params: Values that replace the defaults of parameters.
        progress: Called with the number of finished trials and of all trials.

    Returns:
        Averages over trials and their standard errors.

    Raises:
        ParameterProblem: A parameter does not exist, does not have the shape of its default, or
            makes a variance negative.
        ValueError: `width` or `trials` is below 1, or `seed` below 0.
    """
    if width < 1 or trials < 1 or seed < 0:
        raise ValueError("width and trials are at least 1, the seed at least 0")
    resolved = resolve_parameters(program, params)
    program = without_exchanges(program)
    schedule = schedule_program(program)

    def run(trial: int) -> dict[str, Value]:
        return _Trial(program, schedule, resolved, width, seed, trial).run()

    collected = _run_all(run, trials, _count_threads(program, schedule, width, trials), progress)
    averages = {
        output.name: average(
            [outputs[output.name] for outputs in collected], output.name in schedule.certain
        )
        for output in program.outputs
    }
    return Result(
        values=MappingProxyType({name: value for name, (value, _) in averages.items()}),
        stderr=MappingProxyType({name: error for name, (_, error) in averages.items()}),
        method="dense",
        samples=trials,
        seed=seed,
        params=MappingProxyType(resolved),
        width=width,
    )


def _count_threads(program: Program, schedule: Schedule, width: int, trials: int) -> int:
    entries = sum(
        program.dims[matrix.rows].size(width) * program.dims[matrix.columns].size(width)
        for matrix in schedule.matrices
    )
    fitting = MATRIX_MEMORY // max(1, 8 * entries)
    return max(1, min(os.cpu_count() or 1, trials, fitting))


def _run_all(
    run: Callable[[int], dict[str, Value]],
    trials: int,
    threads: int,
    progress: Callable[[int, int], None] | None,
) -> list[dict[str, Value]]:
    """Run every trial; drawing and arithmetic leave the interpreter, so threads help."""
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


class _Trial:
    """One run: the values and matrices that are alive."""

    def __init__(
        self,
        program: Program,
        schedule: Schedule,
        params: Mapping[str, Array],
        width: int,
        seed: int,
        trial: int,
    ) -> None:
        self.schedule = schedule
        self.params = params
        self.key = (seed, width, trial)
        self.sizes = {name: dim.size(width) for name, dim in program.dims.items()}
        self.values: dict[Node, Array] = {}
        self.matrices: dict[Matrix, Array] = {}

    def run(self) -> dict[str, Value]:
        """Return what this run contributes to each output."""
        measured: dict[str, Value] = {}
        with np.errstate(all="ignore"):
            for step in self.schedule.steps:
                value = self.compute(step.node)
                self.values[step.node] = value
                for output in step.outputs:
                    measured[output.name] = measure(output, value)
                for node in step.dead:
                    del self.values[node]
                for matrix in step.dead_matrices:
                    del self.matrices[matrix]
        return measured

    def compute(self, node: Node) -> Array:
        """Return the value of a node whose operands have theirs."""
        match node:
            case Constant(value=value):
                return value
            case Parameter(name=name):
                return self.params[name]
            case InitialScalar(limit=limit):
                return self.values[limit]
            case InitialVector(name=name, mean=mean, covariance=covariance):
                return draw_vector(
                    stream(*self.key, name),
                    name,
                    self.sizes[node.dim],
                    node.shape,
                    None if mean is None else self.values[mean],
                    self.values[covariance],
                )
            case MatMul():
                return self.multiply(node)
            case Mean() if node in self.schedule.bodies:
                return mean_in_blocks(
                    node, self.schedule.bodies, self.values.__getitem__, self.sizes.__getitem__
                )
            case _:
                return apply_operation(node, self.values.__getitem__)

    def multiply(self, node: MatMul) -> Array:
        """Return `W @ x` or `W.T @ x`; entries are drawn at the first use, with variance 1."""
        matrix = node.matrix
        drawn = self.matrices.get(matrix)
        if drawn is None:
            shape = (self.sizes[matrix.rows], self.sizes[matrix.columns])
            drawn = stream(*self.key, matrix.name).standard_normal(shape)
            self.matrices[matrix] = drawn
        deviation = standard_deviation(matrix.name, self.values[matrix.variance])
        x = self.values[node.operand]
        product = (drawn.T if node.transposed else drawn) @ x.reshape(len(x), -1)
        product *= deviation / np.sqrt(self.sizes[matrix.variance_dim])
        return product.reshape(product.shape[0], *node.shape)
