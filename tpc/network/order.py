"""Graphs in topological order, found from their results, without recursion."""

from collections.abc import Callable, Iterable

from tpc.program.nodes import Node, operands


def topological_order(
    results: Iterable[Node], inputs: Callable[[Node], tuple[Node, ...]] = operands
) -> list[Node]:
    """Return everything that some nodes are computed from, each node after its operands.

    Args:
        results: Where to start.
        inputs: Gives what a node is computed from, as far as the caller wants to look.
    """
    order: dict[Node, None] = {}
    for result in results:
        pending = [result]
        while pending:
            node = pending[-1]
            missing = [operand for operand in inputs(node) if operand not in order]
            if missing and node not in order:
                pending.extend(reversed(missing))
            else:
                pending.pop()
                order.setdefault(node)
    return list(order)
