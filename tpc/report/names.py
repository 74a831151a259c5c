"""Which names the formulas of a limit may use, and which of them stand for a node by accident.

In a limit <v|v> may be 1, and the node of 1 is the same wherever it stands. So a name does not
stand for a number or an expression of parameters, unless the program bound the name to just that.
"""

from tpc.limit.equations import HatEquation, Limit, ScalarEquation
from tpc.program.nodes import Constant, Elementwise, Node, Parameter, operands
from tpc.program.traversal import walk


def names_used(limit: Limit) -> set[str]:
    """Return every name that the formulas of a limit may use."""
    program = limit.program
    declared = {p.name for p in program.parameters} | {m.name for m in program.matrices}
    products = {e.name for e in limit.equations if isinstance(e, HatEquation)}
    return {*limit.names.values(), *products, *declared}


def coincidences(limit: Limit) -> set[Node]:
    """Return the nodes that are named for an average but are a number, or made of parameters."""
    bound = {binding.name: binding.node for binding in limit.program.bindings}
    return {
        equation.node
        for equation in limit.equations
        if isinstance(equation, ScalarEquation) and _is_parametric(equation.node)
        if equation.name in bound and not _is_parametric(bound[equation.name])
    }


def _is_parametric(root: Node) -> bool:
    return all(
        isinstance(node, Elementwise | Constant | Parameter) for node in walk((root,), operands)
    )
