"""An unrolled program -> its longest stretch of rounds of one loop that do the same.

A round is what the loop's body binds, and what that needs beyond earlier statements. Two rounds
do the same where their nodes, in order, are the same operations on the same operands: on nodes of
their own round at the same places, on nodes of the round before at the same places, on the same
nodes from outside. Constants may differ, and tensors W[k] that each round draws for itself.

Loops in loops are looked at one by one: the rounds of others are written out in theirs.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from tpc.program.nodes import Constant, Matrix, Node, Parameter, operands, own_values
from tpc.program.program import Binding, Program
from tpc.program.region import ROUND
from tpc.program.traversal import toposort, walk

Reference: TypeAlias = tuple[object, ...]
"""What an operand is to its round."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rounds that do the same.

    Attributes:
        rounds: The nodes of each, in order, and before them those of the round before.
        first: The value of the loop's variable in the first one.
        names: The names that are bound in it, by place, as those of a body: `h[t+1]`.
        depth: How many loops are around this one.
    """

    rounds: tuple[tuple[Node, ...], ...]
    first: int
    names: dict[int, str]
    depth: int

    @property
    def count(self) -> int:
        """How many rounds there are."""
        return len(self.rounds) - 1


def longest_stretch(program: Program) -> Stretch | None:
    """Return the longest stretch of rounds that do the same, if there is one."""
    found = [stretch for loop in _loops(program) if (stretch := _stretch(*loop)) is not None]
    return max(found, key=lambda stretch: stretch.count, default=None)


def key_of(drawn: str, depth: int) -> int | None:
    """Return which round of a loop a tensor is drawn in, by its name."""
    match = re.fullmatch(r"\w+\[([^\]]*)\]", drawn)
    keys = match[1].split(",") if match is not None else []
    return int(keys[depth]) if depth < len(keys) else None


def fresh_name(drawn: str, depth: int) -> str:
    """Return what a tensor that a round draws is called in the body of the loop.

    >>> fresh_name("W[3,1]", 0)
    'W[t,1]'
    """
    stem, keys = drawn.rstrip("]").split("[")
    changed = keys.split(",")
    changed[depth] = ROUND
    return f"{stem}[{','.join(changed)}]"


def _loops(program: Program) -> list[tuple[dict[int, list[Binding]], set[Node], int]]:
    """Return for each loop its bindings by round, what is known before it, and its depth."""
    found: dict[tuple[object, ...], dict[int, list[Binding]]] = {}
    known: dict[tuple[object, ...], int] = {}
    for place, bound in enumerate(program.bindings):
        for depth, (line, key) in enumerate(bound.rounds):
            loop = (*bound.rounds[:depth], line)
            known.setdefault(loop, place)
            found.setdefault(loop, {}).setdefault(key, []).append(bound)
    return [
        (
            rounds,
            set(walk([b.node for b in program.bindings[: known[loop]]], operands)),
            len(loop) - 1,
        )
        for loop, rounds in found.items()
    ]


def _stretch(bound: dict[int, list[Binding]], seen: set[Node], depth: int) -> Stretch | None:
    keys = list(bound)
    if keys != list(range(keys[0], keys[0] + len(keys))):
        return None
    rounds: dict[int, tuple[Node, ...]] = {}
    for key in keys:
        own = toposort([binding.node for binding in bound[key]], operands, seen)
        seen.update(own)
        rounds[key] = tuple(node for node in own if not isinstance(node, Constant | Parameter))
    places = {key: {node: place for place, node in enumerate(rounds[key])} for key in keys}
    signatures = {
        key: tuple(map(_Look(places[key], places[key - 1], depth, key).signature, rounds[key]))
        for key in keys[1:]
    }
    best, start = range(0), keys[0]
    for key in keys[1:]:
        start = start if signatures.get(key - 1) == signatures[key] else key
        if key + 1 - start > len(best) and rounds[key]:
            best = range(start, key + 1)
    if not best:
        return None
    names = _names(bound[best[0]], bound.get(best[0] + 1, []), places[best[0]], best[0])
    kept = tuple(rounds[key] for key in range(best[0] - 1, best[-1] + 1))
    return Stretch(kept, best[0], names, depth)


def _names(
    first: list[Binding], second: list[Binding], places: dict[Node, int], number: int
) -> dict[int, str]:
    """Return the names of a round by place; those of nodes of earlier rounds are not its own."""
    found: dict[int, str] = {}
    for one, other in zip(first, second, strict=False):
        name = _in_any(one.name, other.name, number)
        if name is not None and one.node in places:
            found.setdefault(places[one.node], name)
    return found


def _in_any(one: str, other: str, number: int) -> str | None:
    """Return a name of any round by those of a round and the next one.

    >>> _in_any("h[3,1]", "h[4,1]", 2), _in_any("dh[7]", "dh[6]", 2)
    ('h[t+1,1]', 'dh[9-t]')
    """
    stem, _, keys = one.rstrip("]").partition("[")
    same, _, others = other.rstrip("]").partition("[")
    if stem != same or not keys or keys.count(",") != others.count(","):
        return None
    shown = []
    for a, b in zip(map(int, keys.split(",")), map(int, others.split(",")), strict=True):
        match b - a:
            case 0:
                shown.append(str(a))
            case 1:
                shown.append(f"{ROUND}{a - number:+d}" if a != number else ROUND)
            case -1:
                shown.append(f"{a + number}-{ROUND}")
            case _:
                return None
    return f"{stem}[{','.join(shown)}]"


@dataclass(frozen=True, slots=True)
class _Look:
    """What the nodes of a round look like from inside.

    Attributes:
        own: Their places.
        before: Those of the round before.
        depth: How many loops are around.
        key: The round's.
    """

    own: dict[Node, int]
    before: dict[Node, int]
    depth: int
    key: int

    def signature(self, node: Node) -> Reference:
        """Return what a node does, and what its operands are to its round."""
        fields = tuple(self._field(value) for value in own_values(node))
        references: list[Reference] = []
        for operand in operands(node):
            if operand in self.own:
                references.append(("own", self.own[operand]))
            elif operand in self.before:
                references.append(("before", self.before[operand]))
            elif isinstance(operand, Constant):
                references.append(("constant", *operand.shape))
            else:
                references.append(("outside", id(operand)))
        return (type(node), node.coords, node.shape, fields, tuple(references))

    def _field(self, value: object) -> object:
        match value:
            case Node():
                return None
            case Matrix(name=name) if key_of(name, self.depth) == self.key:
                law = value.rows, value.columns, value.variance_dim, value.ensemble
                return (fresh_name(name, self.depth), *law)
            case Matrix():
                return id(value)
            case str() if key_of(value, self.depth) == self.key:
                return fresh_name(value, self.depth)
            case tuple():
                return tuple(map(self._field, value))
            case np.ndarray():
                return value.tobytes()
            case _:
                return value
