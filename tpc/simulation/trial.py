"""Program -> one run at finite width: the referee of every limit.

Each operation does what language.md says it does at finite width n, on arrays of shape (n,) + k:

    W_ab of variance s^2 / size(variance_dim),   (W x)_a = sum over b of W_ab x_b,
    avg(x) = (1/n) sum over a of x_a,            <x|y> = x.T y / n,
    mean[j](psi)_a = (1/n) sum over j of psi(x_a; x_j), the diagonal included.

Nothing here knows of a limit, nor how a matrix multiplies (`engines.py`).

Reference:
    Tensor Programs IVb, Definition 2.6.1.
"""

from collections.abc import Mapping

import numpy as np

from tpc.program import nodes as op
from tpc.program.nodes import Matrix, Node
from tpc.program.program import Program
from tpc.simulation.averages import measure
from tpc.simulation.blocks import mean_in_blocks
from tpc.simulation.engines import Engine, Operator, make_operator
from tpc.simulation.finite_operations import apply_operation
from tpc.simulation.result import Array, Value
from tpc.simulation.schedule import Schedule
from tpc.simulation.streams import Draws, standard_deviation
from tpc.simulation.vectors import draw_vector


class Trial:
    """One run: the values and matrices that are alive."""

    def __init__(
        self,
        program: Program,
        schedule: Schedule,
        params: Mapping[str, Array],
        width: int,
        draws: Draws,
        engine: Engine,
    ) -> None:
        self.schedule = schedule
        self.params = params
        self.draws = draws
        self.engine = engine
        self.sizes = {name: dim.size(width) for name, dim in program.dims.items()}
        self.values: dict[Node, Array] = {}
        self.operators: dict[Matrix, Operator] = {}

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
                    del self.operators[matrix]
        return measured

    def compute(self, node: Node) -> Array:
        """Return the value of a node whose operands have theirs."""
        match node:
            case op.Constant(value=value):
                return value
            case op.Parameter(name=name):
                return self.params[name]
            case op.InitialScalar(limit=limit):
                return self.values[limit]
            case op.InitialVector(name=name, mean=mean, covariance=covariance):
                level = None if mean is None else self.values[mean]
                law = node.shape, level, self.values[covariance], node.ensemble
                return draw_vector(self.draws(name), name, self.sizes[node.dim], *law)
            case op.MatMul():
                return self.multiply(node)
            case op.Mean() if node in self.schedule.bodies:
                return mean_in_blocks(
                    node, self.schedule.bodies, self.values.__getitem__, self.sizes.__getitem__
                )
            case _:
                return apply_operation(node, self.values.__getitem__)

    def multiply(self, node: op.MatMul) -> Array:
        """Return `W @ x` or `W.T @ x`; W exists from its first use, with entries of variance 1."""
        matrix = node.matrix
        operator = self.operators.get(matrix)
        if operator is None:
            operator = make_operator(
                self.engine,
                matrix.ensemble,
                self.sizes[matrix.rows],
                self.sizes[matrix.columns],
                self.schedule.matrices[matrix],
                self.draws(matrix.name),
            )
            self.operators[matrix] = operator
        deviation = standard_deviation(matrix.name, self.values[matrix.variance])
        x = self.values[node.operand]
        product = operator.multiply(node.transposed, x.reshape(len(x), -1))
        product *= deviation / np.sqrt(self.sizes[matrix.variance_dim])
        return product.reshape(product.shape[0], *node.shape)
