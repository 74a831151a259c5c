"""A program with a long loop, unrolled -> the same with a region, where its rounds do the same.

The text has said h[0], h[1], ... Round k is what h[k], and whatever else is bound with the key k,
needs beyond round k - 1. Two rounds do the same where their nodes, in order, are the same
operations on the same operands: on nodes of their own round at the same places, on nodes of the
round before at the same places, on the same nodes from outside. Constants may differ: they become
arrays that are indexed by the round. The longest stretch of such rounds is rolled; what stands
before and behind stays as it is.

What comes after may see the last round, and scalars of every round. Else nothing is rolled.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.program.builder import Builder
from tpc.program.nodes import (
    Constant,
    InitialVector,
    Matrix,
    Node,
    Parameter,
    Row,
    operands,
    own_values,
)
from tpc.program.passes import drop_dead_code, share_subexpressions
from tpc.program.program import Binding, Program
from tpc.program.region import (
    BEFORE,
    ROUND,
    Body,
    Carried,
    Carry,
    Collected,
    Final,
    Region,
    carried,
    region_of,
    round_input,
    varying,
)
from tpc.program.traversal import dependents, toposort, walk

Array = npt.NDArray[np.float64]

Reference: TypeAlias = tuple[object, ...]
"""What an operand is to its round."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rounds that do the same.

    Attributes:
        rounds: The nodes of each, in order, and before them those of the round before.
        first: The key of the first one.
        names: The names that are bound in it, by place.
    """

    rounds: tuple[tuple[Node, ...], ...]
    first: int
    names: dict[int, str]

    @property
    def count(self) -> int:
        """How many rounds there are."""
        return len(self.rounds) - 1


def roll(program: Program, fewest: int) -> Program:
    """Return the program with its longest loop as a region, if it has one of so many rounds.

    The body stays as it is written: products of linear combinations are linear by the way in which
    they are drawn.
    """
    if region_of(program) is not None or len(_keyed(program)) < fewest:
        return program
    program = share_subexpressions(drop_dead_code(program))
    stretch = _longest(program)
    if stretch is None or stretch.count < fewest:
        return program
    if any(isinstance(node, Row) for node in program.nodes):
        return program  # averages over pairs of coordinates stay written out
    return _Rolling(program, stretch).program()


# ---------------------------------------------------------------------------------- finding rounds


def _longest(program: Program) -> Stretch | None:
    keyed = _keyed(program)
    keys = sorted(keyed)
    seen: set[Node] = set()
    rounds: dict[int, tuple[Node, ...]] = {}
    for key in keys:
        own = toposort([bound.node for bound in keyed[key]], operands, seen)
        seen.update(own)
        rounds[key] = tuple(
            node for node in own if not isinstance(node, Constant | Parameter | InitialVector)
        )
    places = {key: {node: place for place, node in enumerate(rounds[key])} for key in keys}
    signatures: dict[int, tuple[object, ...]] = {}
    for key in keys[1:]:
        before = places.get(key - 1, {})
        signatures[key] = tuple(_signature(n, places[key], before) for n in rounds[key])
    best: range = range(0)
    start = None
    for key in keys[1:]:
        alike = start is not None and signatures.get(key - 1) == signatures[key]
        start = start if alike else key
        assert start is not None
        if key + 1 - start > len(best) and rounds[key]:
            best = range(start, key + 1)
    if not best or best[0] - 1 not in rounds:
        return None
    # A name may stand for a node of an earlier round: then it is none of this round's.
    names = {
        places[best[0]][bound.node]: _stem(bound.name)
        for bound in keyed[best[0]]
        if bound.node in places[best[0]]
    }
    return Stretch(tuple(rounds[key] for key in range(best[0] - 1, best[-1] + 1)), best[0], names)


def _keyed(program: Program) -> dict[int, list[Binding]]:
    """Return the bindings of families with one number for a key, by that."""
    found: dict[int, list[Binding]] = {}
    for bound in program.bindings:
        match = re.fullmatch(r"\w+\[(\d+)\]", bound.name)
        if match is not None:
            found.setdefault(int(match[1]), []).append(bound)
    return found


def _stem(name: str) -> str:
    return name.partition("[")[0]


def _signature(node: Node, own: dict[Node, int], before: dict[Node, int]) -> Reference:
    """Return what a node does, and what its operands are to its round."""
    fields = tuple(_field(value) for value in own_values(node))
    references: list[Reference] = []
    for operand in operands(node):
        if operand in own:
            references.append(("own", own[operand]))
        elif operand in before:
            references.append(("before", before[operand]))
        elif isinstance(operand, Constant):
            references.append(("constant", *operand.shape))
        else:
            references.append(("outside", id(operand)))
    return (type(node), node.coords, node.shape, fields, tuple(references))


def _field(value: object) -> object:
    match value:
        case Node():
            return None
        case Matrix():
            return id(value)
        case tuple():
            return tuple(map(_field, value))
        case np.ndarray():
            return value.tobytes()
        case _:
            return value


# ------------------------------------------------------------------------------------------ rolling


class _CannotRoll(Exception):
    """Something outside needs what a region does not give, or a constant plays two parts."""


class _Rolling:
    def __init__(self, program: Program, stretch: Stretch) -> None:
        self._program = program
        self._stretch = stretch
        self._before, *self._rounds = stretch.rounds
        self._b = Builder()
        self._place = {
            node: (t, place)
            for t, nodes in enumerate(self._rounds)
            for place, node in enumerate(nodes)
        }

    def program(self) -> Program:
        """Return the program with the region, or as it was where that does not do."""
        try:
            return self._rolled()
        except _CannotRoll:
            return self._program

    def _rolled(self) -> Program:
        b, program = self._b, self._program
        later = dependents(program.nodes, self._place.__contains__) - self._place.keys()
        ahead = [n for n in program.nodes if n not in later and n not in self._place]
        b.adopt(ahead)
        images: dict[Node, Node] = {node: node for node in ahead}
        region, collected, finals = self._region(later)
        count = len(self._rounds)

        def image(node: Node) -> Node:
            if node in images:
                return images[node]
            t, place = self._place[node]
            if t == count - 1 and place in finals:
                like = node.coords, node.shape
                return b.make(Final, *like, region, finals.index(place))
            shape = (count, *node.shape)
            row = b.make(Collected, (), shape, region, collected.index(place))
            return b.take(row, (t,))

        for node in program.nodes:
            if node in later:
                b.span = node.span
                images[node] = b.copy(node, {o: image(o) for o in operands(node)})
        outputs = tuple(replace(o, node=image(o.node)) for o in program.outputs)
        kept = [bound for bound in program.bindings if self._is_seen(bound.node, finals)]
        bindings = tuple(replace(bound, node=image(bound.node)) for bound in kept)
        roots = [*(o.node for o in outputs), *(x.node for x in bindings), *program.parameters]
        needed = set(walk([*roots, *(m.variance for m in program.matrices)], operands))
        nodes = tuple(node for node in b.nodes if node in needed)
        return replace(program, outputs=outputs, bindings=bindings, nodes=nodes)

    def _is_seen(self, node: Node, finals: Sequence[int]) -> bool:
        """Whether a name stands for something outside of the region, or for its last value."""
        if node not in self._place:
            return True
        t, place = self._place[node]
        return t == len(self._rounds) - 1 and place in finals

    # ------------------------------------------------------------------------------------ the body

    def _region(self, later: Iterable[Node]) -> tuple[Region, list[int], list[int]]:
        """Return the region, and the places of what is collected and of what is seen last."""
        b, nodes = self._b, self._rounds[0]
        collected, finals = self._seen(later)
        known = {node: node for node in b.nodes}
        ahead = len(b.nodes)
        carries = self._carried()
        initial = {place: known[self._before[place]] for place in carries}
        for place, leaf in carries.items():
            known[self._before[place]] = leaf
        for constant, table in self._tables().items():
            known[constant] = round_input(b, b.constant(table))
        for node in nodes:
            b.span = node.span
            known[node] = b.copy(node, known)
        moving = varying(b.nodes[ahead:])
        own = [known[node] for node in nodes]
        body = Body(
            rounds=len(self._rounds),
            carries=tuple(Carry(c, initial[place], own[place]) for place, c in carries.items()),
            records=(),
            collected=tuple(own[place] for place in collected),
            bindings=tuple(self._bindings(own, carries)),
            nodes=tuple(node for node in b.nodes[ahead:] if node in moving),
            finals=tuple(own[place] for place in finals),
            first=self._stretch.first,
        )
        outside = tuple(node for node in b.nodes if node not in moving)
        region = b.make(Region, (), (), outside, body)
        assert isinstance(region, Region)
        return region, collected, finals

    def _bindings(self, own: Sequence[Node], carries: dict[int, Carried]) -> Iterator[Binding]:
        for place, name in self._stretch.names.items():
            yield Binding(f"{name}[{ROUND}]", own[place], own[place].span)
        for place, leaf in carries.items():
            yield Binding(f"{self._name(place)}[{BEFORE}]", leaf, own[place].span)

    def _name(self, place: int) -> str:
        return self._stretch.names.get(place, f"z{place}")

    def _carried(self) -> dict[int, Carried]:
        """Return a leaf for every place of the round before that a round reads."""
        before = {node: place for place, node in enumerate(self._before)}
        found: dict[int, Carried] = {}
        for node in self._rounds[0]:
            for operand in operands(node):
                if operand in before and before[operand] not in found:
                    place = before[operand]
                    found[place] = carried(
                        self._b, f"{self._name(place)}_before", operand.coords, operand.shape
                    )
        return found

    def _tables(self) -> dict[Node, Array]:
        """Return the constants of the first round that differ in others, with their rows."""
        found: dict[Node, Array] = {}
        for place, node in enumerate(self._rounds[0]):
            for slot, constant in enumerate(operands(node)):
                if not isinstance(constant, Constant):
                    continue
                rows = [operands(nodes[place])[slot] for nodes in self._rounds]
                values = [row.value for row in rows if isinstance(row, Constant)]
                table = np.array(values)
                if not np.array_equal(found.setdefault(constant, table), table):
                    raise _CannotRoll
        return {c: table for c, table in found.items() if (table != table[0]).any()}

    def _seen(self, later: Iterable[Node]) -> tuple[list[int], list[int]]:
        """Return the places of scalars and of last values that are seen from outside."""
        roots = [output.node for output in self._program.outputs]
        seen = [*roots, *(operand for node in later for operand in operands(node))]
        collected: dict[int, None] = {}
        finals: dict[int, None] = {}
        for node in seen:
            if node in self._place:
                t, place = self._place[node]
                if t == len(self._rounds) - 1:
                    finals[place] = None
                elif node.is_scalar:
                    collected[place] = None
                else:
                    raise _CannotRoll
        return list(collected), list(finals)
