"""Networks made by hand, and what their graphs are in numbers at a small width."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tpc.diagnostics import NOWHERE
from tpc.program.builder import Builder
from tpc.program.nodes import (
    BatchMean,
    Constant,
    InitialScalar,
    InitialVector,
    MatMul,
    Matrix,
    Node,
    Parameter,
    Placeholder,
    operands,
)
from tpc.program.traversal import toposort
from tpc.simulation.finite_operations import apply_operation

Array = npt.NDArray[np.float64]
WIDTH = 7

Weights = Mapping[Matrix | Node, Array]


class NetworkSketch(Builder):
    """A builder that declares weights with their values at width `WIDTH`, and inputs."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.random = np.random.default_rng([seed, 4])
        self.weights: dict[Matrix | Node, Array] = {}

    def matrix(self, name: str) -> Matrix:
        """Declare a matrix-like weight."""
        made = Matrix(name, "n", "n", self.number(1), "n", NOWHERE)
        self.draw(made, WIDTH, WIDTH)
        return made

    def vector(self, name: str, *shape: int) -> InitialVector:
        """Declare a vector-like weight."""
        made = self.initial_vector(name, "n", shape, None, self.number(1))
        assert isinstance(made, InitialVector)
        self.draw(made, WIDTH, *shape)
        return made

    def scalar(self, name: str, *shape: int) -> InitialScalar:
        """Declare a scalar-like weight."""
        made = self.initial_scalar(name, self.constant(np.zeros(shape)))
        assert isinstance(made, InitialScalar)
        self.draw(made, *shape)
        return made

    def draw(self, leaf: Matrix | Node, *shape: int) -> None:
        """Draw a weight; matrices map vectors to vectors of about the same size."""
        size = WIDTH**-0.5 if isinstance(leaf, Matrix) else 1.0
        self.weights[leaf] = self.random.normal(0, size, shape)

    def input(self, *shape: int) -> Placeholder:
        """Declare an input."""
        return self.argument("input", *shape)

    def argument(self, name: str, *shape: int) -> Placeholder:
        """Declare something that is to be given."""
        made = self.make(Placeholder, (), shape, name)
        assert isinstance(made, Placeholder)
        return made


def evaluate(
    nodes: list[Node], weights: Weights, inputs: list[dict[Node, Array]]
) -> list[list[Array]]:
    """Return the values of nodes, input by input.

    Args:
        nodes: What to compute.
        weights: The values of weights.
        inputs: For each input what is given to it alone. `BatchMean` averages over them.
    """
    given = [{**{k: v for k, v in weights.items() if isinstance(k, Node)}, **own} for own in inputs]
    order = toposort(nodes, lambda node: () if node in given[0] else operands_of(node))
    with np.errstate(all="ignore"):
        for node in order:
            if node in given[0]:
                continue
            if isinstance(node, BatchMean):
                mean = np.mean([values[node.operand] for values in given], axis=0)
                for values in given:
                    values[node] = mean
                continue
            for values in given:
                values[node] = _value(node, values, weights)
    return [[values[node] for node in nodes] for values in given]


def operands_of(node: Node) -> tuple[Node, ...]:
    """Return what the value of a node is computed from."""
    return (node.operand,) if isinstance(node, MatMul) else operands(node)


def _value(node: Node, values: dict[Node, Array], weights: Weights) -> Array:
    match node:
        case Constant(value=value) | Parameter(default=value):
            result: Array = value
        case MatMul(matrix=matrix, transposed=transposed, operand=x):
            entries = weights[matrix]
            result = np.tensordot(entries.T if transposed else entries, values[x], 1)
        case _:
            result = apply_operation(node, values.__getitem__)
    growing = (WIDTH,) * len(node.coords)
    assert result.shape == growing + node.shape, node
    return result
