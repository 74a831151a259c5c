"""Depths: how many rounds a loop has, a number or infinitely many.

An infinite depth L is a parameter wherever values are computed. Loops over it and keys of families
take a small number in its place, so that a few rounds are written out from which the limit takes
what every round does (`tpc.depth.stages`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tpc.diagnostics import Span
from tpc.program.checking.values import Entity, Static
from tpc.program.nodes import Node, Parameter, operands
from tpc.program.traversal import walk
from tpc.syntax.tree import Name, Syntax
from tpc.syntax.tree import walk as walk_text

ROUNDS = 4
"""How many rounds of an infinite loop are written out."""


@dataclass(slots=True)
class RoundsOf:
    """A loop over an infinite depth while it is executed.

    Attributes:
        depth: Its name.
        span: Where the loop begins.
        backward: Whether its variable falls.
        bound: For each round, the members that it has bound, by the name of their family.
    """

    depth: str
    span: Span
    backward: bool
    bound: list[dict[str, Node]] = field(default_factory=list)


@dataclass(slots=True)
class Depths:
    """The depths of a file.

    Attributes:
        asked: The free depth that is asked for; None leaves it to the file.
        free: Its name.
        number: What it is; None where it is infinite or where there is none.
        lengths: For each infinite depth what stands for it in values.
        counts: The rounds that are written out of loops over it.
        loops: Those over infinite depths.
        numbers: The rounds of finite depths.
        read: Members that are read by a depth, `x[L]` and `x[L / 2]`, outside of such loops.
        around: The depths of the loops around, with the number of the round, outermost first.
    """

    asked: float | None = None
    free: str = ""
    number: int | None = None
    lengths: dict[str, Node] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    loops: list[RoundsOf] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    read: list[Node] = field(default_factory=list)
    around: list[tuple[str, int]] = field(default_factory=list)

    def bind_infinite(self, name: str, length: Node, count: int) -> Node:
        """Take an infinite depth; return what stands for it in values."""
        self.lengths[name], self.counts[name] = length, count
        return length

    def counting(self, names: dict[str, Entity]) -> dict[str, Entity]:
        """Return names in which infinite depths are the rounds that are written out."""
        own = {name: Static(count) for name, count in self.counts.items() if name in names}
        return names | own if own else names

    def named_in(self, keys: Iterable[Syntax]) -> bool:
        """Whether an infinite depth is named in keys."""
        return bool(self.counts) and any(
            isinstance(part, Name) and part.id in self.counts for part in walk_text(*keys)
        )

    def within(self, node: Node) -> str:
        """Return the infinite depth that a value is made of, or the empty string."""
        if not self.lengths:
            return ""
        found = {part.name for part in walk((node,), operands) if isinstance(part, Parameter)}
        return next((name for name in self.lengths if name in found), "")
