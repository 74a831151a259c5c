"""The walk that the passes share: a program mapped node by node into a fresh graph.

Input and output are programs. Names, outputs and matrices follow their nodes; nodes that no name,
output, matrix or parameter needs are left behind.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from tpc.program.builder import Builder
from tpc.program.nodes import Node, Parameter
from tpc.program.program import Program
from tpc.program.traversal import needed, rewrite

Rule: TypeAlias = Callable[[Node, Node], Node]
"""Takes a node of the old graph and its copy, whose operands are new; returns the new node."""


def rebuild(program: Program, builder: Builder, rule: Rule) -> Program:
    """Return the program whose every node is what a rule makes of it.

    Args:
        program: The program to map.
        builder: Makes the nodes of the new graph; the rule uses it too.
        rule: Called once for each node, after its operands.

    Returns:
        The program with the new graph.
    """
    images = rewrite(program.nodes, rule, builder)
    mapped = replace(
        program,
        matrices=tuple(builder.matrix(m, images[m.variance]) for m in program.matrices),
        parameters=tuple(_parameter(images[node]) for node in program.parameters),
        bindings=tuple(replace(bound, node=images[bound.node]) for bound in program.bindings),
        outputs=tuple(replace(output, node=images[output.node]) for output in program.outputs),
    )
    return replace(mapped, nodes=needed(builder.nodes, roots(mapped)))


def roots(program: Program) -> list[Node]:
    """Return what must stay: outputs, named values, parameters and variances of matrices."""
    return [
        *(output.node for output in program.outputs),
        *(bound.node for bound in program.bindings),
        *program.parameters,
        *(matrix.variance for matrix in program.matrices),
    ]


def _parameter(node: Node) -> Parameter:
    assert isinstance(node, Parameter)
    return node
