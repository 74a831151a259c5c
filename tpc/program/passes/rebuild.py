"""The walk that the passes share: a program mapped node by node into a fresh graph.

Input and output are programs. Nodes are visited in topological order, never by recursion (graphs
are up to 10,000 levels deep). Names, outputs and matrices follow their nodes; nodes that no name,
output, matrix or parameter needs are left behind.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from tpc.program.builder import Builder
from tpc.program.nodes import MatMul, Matrix, Node, Parameter, operands, with_operands
from tpc.program.program import Program

Rewrite: TypeAlias = Callable[[Node, Node], Node]
"""Takes a node of the old graph and its copy, whose operands are new; returns the new node."""


def rebuild(program: Program, builder: Builder, rewrite: Rewrite) -> Program:
    """Return the program whose every node is what `rewrite` makes of it.

    Args:
        program: The program to map.
        builder: Makes the nodes of the new graph; `rewrite` uses it too.
        rewrite: Called once for each node, after its operands.

    Returns:
        The program with the new graph.
    """
    images: dict[Node, Node] = {}
    matrices: dict[Matrix, Matrix] = {}
    for node in program.nodes:
        builder.span = node.span
        if isinstance(node, MatMul):
            _map_matrix(node.matrix, images, matrices)
        own = with_operands(node, images, matrices)
        images[node] = rewrite(node, builder.make(type(node), node.coords, node.shape, *own))
    for matrix in program.matrices:
        _map_matrix(matrix, images, matrices)
    mapped = replace(
        program,
        matrices=tuple(matrices[matrix] for matrix in program.matrices),
        parameters=tuple(_parameter(images[node]) for node in program.parameters),
        bindings=tuple(replace(bound, node=images[bound.node]) for bound in program.bindings),
        outputs=tuple(replace(output, node=images[output.node]) for output in program.outputs),
    )
    needed = reachable(roots(mapped))
    return replace(mapped, nodes=tuple(node for node in builder.nodes if node in needed))


def roots(program: Program) -> list[Node]:
    """Return what must stay: outputs, named values, parameters and variances of matrices."""
    return [
        *(output.node for output in program.outputs),
        *(bound.node for bound in program.bindings),
        *program.parameters,
        *(matrix.variance for matrix in program.matrices),
    ]


def reachable(start: Iterable[Node]) -> set[Node]:
    """Return the nodes that `start` is computed from, itself included."""
    found = set(start)
    pending = list(found)
    while pending:
        for operand in operands(pending.pop()):
            if operand not in found:
                found.add(operand)
                pending.append(operand)
    return found


def _map_matrix(matrix: Matrix, images: dict[Node, Node], matrices: dict[Matrix, Matrix]) -> None:
    if matrix not in matrices:
        matrices[matrix] = replace(matrix, variance=images[matrix.variance])


def _parameter(node: Node) -> Parameter:
    assert isinstance(node, Parameter)
    return node
