"""Names for the products of a program, which its text often leaves without one."""

from collections import Counter

from tpc.program.nodes import MatMul, Node
from tpc.program.program import Program


def name_products(program: Program) -> dict[Node, str]:
    """Name every MatMul: as bound, else `W x` after a named operand, else `W (2)`, by its count."""
    bound: dict[Node, str] = {}
    for binding in program.bindings:
        bound.setdefault(binding.node, binding.name)
    counts: Counter[tuple[str, bool]] = Counter()
    names: dict[Node, str] = {}
    for node in program.nodes:
        if not isinstance(node, MatMul):
            continue
        side = node.matrix.name + (".T" if node.transposed else "")
        counts[node.matrix.name, node.transposed] += 1
        number = f"({counts[node.matrix.name, node.transposed]})"
        operand = bound.get(node.operand) or names.get(node.operand, number)
        names[node] = bound.get(node, f"{side} {operand}")
    return names
