"""Statements -> the same with `del` behind the last use of every ket, and the peak of memory."""

from collections.abc import Sequence
from dataclasses import dataclass

from tpc.codegen.statement import WIDTH, Statement


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """When variables die.

    Attributes:
        dead_after: For each statement, the variables to delete behind it.
        peak: The largest number of floats a sample that live variables hold at once.
        pairs: The largest number of arrays of pairs of samples that live at once.
    """

    dead_after: tuple[tuple[str, ...], ...]
    peak: int
    pairs: int


def find_lifetimes(body: tuple[Statement, ...], returned: frozenset[str]) -> Lifetimes:
    """Find the last use of every variable that holds samples.

    Args:
        body: A function's statements in order.
        returned: The variables that the function's result reads.
    """
    sizes = {
        statement.target: statement.size for statement in body if statement.size or statement.pairs
    }
    last: dict[str, int] = {}
    for index, statement in enumerate(body):
        for name in (statement.target, *statement.reads):
            if name in sizes and name not in returned:
                last[name] = index
    dying: dict[int, list[str]] = {}
    for name, index in last.items():
        dying.setdefault(index, []).append(name)
    arrays = {statement.target: statement.pairs for statement in body}
    live = peak = stored = pairs = 0
    for index, statement in enumerate(body):
        live += statement.size
        stored += statement.pairs
        peak, pairs = max(peak, live + statement.inside), max(pairs, stored)
        live -= sum(sizes[name] for name in dying.get(index, ()))
        stored -= sum(arrays[name] for name in dying.get(index, ()))
    order = {statement.target: index for index, statement in enumerate(body)}
    dead = (tuple(sorted(dying.get(i, ()), key=order.__getitem__)) for i in range(len(body)))
    return Lifetimes(tuple(dead), peak, pairs)


def deletion(names: Sequence[str], indent: int = 4) -> list[str]:
    """Write `del` for a few names a line."""
    if not names:
        return []
    head = f"{' ' * indent}del"
    lines, line = [], head
    for name in names:
        if len(line) + len(name) + 2 > WIDTH - 4:
            lines.append(line.rstrip(","))
            line = head
        line += f" {name},"
    return [*lines, line.rstrip(",")]
