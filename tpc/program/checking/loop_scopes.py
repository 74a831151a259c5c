"""What a round of a loop binds: names that end with it, and tensors that are drawn anew.

    for l in range(3):
        matrix W : n x n           # this round's; after the loop W[0], W[1], W[2]
        z = W @ h[l]               # known until the round ends
        h[l + 1] = tanh(z)

A loop of one round, in no longer one, leaves all of its names to what follows.
"""

from dataclasses import dataclass, field

from tpc.diagnostics import Span
from tpc.program.checking.values import Value


@dataclass(slots=True)
class LoopScope:
    """The round of a loop that is being executed.

    Attributes:
        variable: The loop's.
        line: Where the loop begins.
        is_long: Whether it has several rounds.
        key: What families are keyed by: the variable, or its place where that is no integer.
        local: The names that end with the round.
        broken: Those of all rounds that stand for nothing, of which later uses say nothing.
        fresh: The tensors that it has drawn, with their places.
    """

    variable: str
    line: int
    is_long: bool
    key: int = 0
    local: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    fresh: dict[str, tuple[Value, Span]] = field(default_factory=dict)
