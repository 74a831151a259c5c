"""Graphs -> numbers: the values of some nodes, each operand forgotten after its last use.

Leaves are given: arrays for placeholders and for trainable vectors, scalars and matrices.
"""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import numpy as np

from tpc.program.nodes import Constant, MatMul, Matrix, Mean, Node, Parameter, operands
from tpc.program.traversal import toposort
from tpc.simulation.blocks import mean_in_blocks
from tpc.simulation.engines import Operator
from tpc.simulation.finite_operations import apply_operation
from tpc.simulation.result import Array
from tpc.simulation.schedule import collect_bodies, is_wide, last_uses, products_of

Given: TypeAlias = Mapping[Node | Matrix, Array | Operator]
"""The values of leaves; a matrix may be given by how it multiplies."""


class Evaluation:
    """A graph in the order in which it is computed."""

    def __init__(self, results: Iterable[Node], sizes: Mapping[str, int] | None = None) -> None:
        """Plan what to compute.

        Args:
            results: The nodes whose values are wanted.
            sizes: Of the dims, where values with several coordinates are averaged in blocks. Else
                they are held whole.
        """
        self._results = tuple(results)
        self._sizes = sizes
        self._order = toposort(self._results, _needed)
        self._bodies: dict[Mean, tuple[Node, ...]] = {}
        inputs: dict[Node, tuple[Node, ...]] = {}
        if sizes is not None:
            self._bodies, inputs = collect_bodies(self._order)
            self._order = [node for node in self._order if not is_wide(node)]
        uses = last_uses(inputs.get(node, _needed(node)) for node in self._order)
        kept = frozenset(self._results)
        self._dead = [tuple(node for node in dead if node not in kept) for dead in uses]

    @property
    def order(self) -> tuple[Node, ...]:
        """The nodes that are computed or given, each after its operands."""
        return tuple(self._order)

    @property
    def products(self) -> dict[Matrix, tuple[int, int]]:
        """How many vectors every matrix, and its transpose, multiplies."""
        return products_of(self._order)

    def compute(self, given: Given, params: Mapping[str, Array]) -> list[Array]:
        """Return the values of the results, in their order."""
        values: dict[Node, Array] = {}
        for at, node in enumerate(self._order):
            if node in self._bodies:
                values[node] = self._average(node, values)
            else:
                values[node] = _value(node, values, given, params)
            for dead in self._dead[at]:
                values.pop(dead, None)
        return [values[node] for node in self._results]

    def _average(self, node: Node, values: Mapping[Node, Array]) -> Array:
        assert isinstance(node, Mean) and self._sizes is not None
        return mean_in_blocks(node, self._bodies, values.__getitem__, self._sizes.__getitem__)


def number(node: Node, params: Mapping[str, Array]) -> float:
    """Return the value of a scalar of shape () that is made of statics and params."""
    return float(Evaluation((node,)).compute({}, params)[0])


def _needed(node: Node) -> tuple[Node, ...]:
    """Return what a value is computed from; a product needs the entries of its matrix alone."""
    return (node.operand,) if isinstance(node, MatMul) else operands(node)


def _value(
    node: Node, values: dict[Node, Array], given: Given, params: Mapping[str, Array]
) -> Array:
    if node in given:
        value = given[node]
        assert isinstance(value, np.ndarray | np.floating)
        return np.asarray(value)
    match node:
        case Constant(value=value):
            return value
        case Parameter(name=name):
            return params[name]
        case MatMul(matrix=matrix, transposed=transposed, operand=operand):
            entries, x = given[matrix], values[operand]
            vectors = x.reshape(len(x), -1)
            if isinstance(entries, np.ndarray):
                product: Array = (entries.T if transposed else entries) @ vectors
            else:
                product = entries.multiply(transposed, vectors)
            return product.reshape(len(product), *x.shape[1:])
        case _:
            return np.asarray(apply_operation(node, values.__getitem__))
