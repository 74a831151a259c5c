"""Drop what no output needs.

Input and output are programs. With outputs, the nodes that they are computed from stay, and the
names of those; parameters stay in any case, because callers may set them. A program without outputs
is only looked at, never run: every name in it counts as an output.
"""

from dataclasses import replace

from tpc.program.nodes import MatMul
from tpc.program.passes.rebuild import roots
from tpc.program.program import Program
from tpc.program.traversal import needed


def drop_dead_code(program: Program) -> Program:
    """Return the program without the nodes, names and matrices that no output needs."""
    if not program.outputs:
        return replace(program, nodes=needed(program.nodes, roots(program)))
    wanted = [*(output.node for output in program.outputs), *program.parameters]
    nodes = needed(program.nodes, wanted)
    left = set(nodes)
    multiplied = {node.matrix for node in nodes if isinstance(node, MatMul)}
    return replace(
        program,
        matrices=tuple(matrix for matrix in program.matrices if matrix in multiplied),
        bindings=tuple(bound for bound in program.bindings if bound.node in left),
        nodes=nodes,
    )
