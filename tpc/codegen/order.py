"""Nodes -> the same and all that they need, each after what it needs."""

from collections.abc import Callable, Container, Iterable

from tpc.program.nodes import Node


def order(
    roots: Iterable[Node],
    needs: Callable[[Node], tuple[Node, ...]],
    known: Container[Node] = (),
) -> tuple[Node, ...]:
    """Return nodes and all that they need and is not known, each after what it needs."""
    found: dict[Node, None] = {}
    for root in roots:
        pending = [root] if root not in known else []
        while pending:
            node = pending[-1]
            missing = [n for n in needs(node) if n not in found and n not in known]
            if missing:
                pending.extend(reversed(missing))
            else:
                found[pending.pop()] = None
    return tuple(found)
