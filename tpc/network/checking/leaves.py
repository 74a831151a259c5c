"""What a graph is made of, beyond statics, params and operations on numbers."""

from collections.abc import Iterator

from tpc.program.nodes import (
    Constant,
    InitialScalar,
    MatMul,
    Matrix,
    Node,
    Parameter,
    Placeholder,
    operands,
)


def leaves(node: Node) -> list[Node]:
    """Return the placeholders, initial scalars and growing things that a node is made of."""
    found: list[Node] = []
    seen: set[Node] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        below = operands(current)
        if below and not current.coords and not isinstance(current, InitialScalar):
            waiting.extend(below)
        elif not isinstance(current, Constant | Parameter):
            found.append(current)
    return found


def placeholders(node: Node) -> list[Placeholder]:
    """Return the placeholders that a node is made of, through anything."""
    return [part for part in _below(node) if isinstance(part, Placeholder)]


def matrices(node: Node) -> list[Matrix]:
    """Return the matrices of the products that a node is made of."""
    return [part.matrix for part in _below(node) if isinstance(part, MatMul)]


def _below(node: Node) -> Iterator[Node]:
    seen: set[Node] = set()
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            yield current
            waiting.extend(reversed(operands(current)))
