"""A program with a long loop, unrolled -> the same with a region, where its rounds do the same.

The longest stretch of such rounds (`stretches.py`) is rolled; what stands before and behind stays
as it is. Constants that differ become arrays that are indexed by the round; tensors that each round
draws and none but it uses are drawn anew in each.

What comes after may see the last round, and scalars of every round. Else nothing is rolled.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tpc.program.builder import Builder
from tpc.program.nodes import (
    Constant,
    InitialVector,
    MatMul,
    Matrix,
    Node,
    Row,
    operands,
    own_values,
)
from tpc.program.passes import share_subexpressions
from tpc.program.program import Binding, Program
from tpc.program.region import (
    ROUND,
    Body,
    Carried,
    Carry,
    Collected,
    Final,
    Region,
    carried,
    numbered,
    region_of,
    round_input,
    varying,
)
from tpc.program.stretches import Stretch, fresh_name, key_of, longest_stretch
from tpc.program.traversal import dependents, walk

Array = npt.NDArray[np.float64]


def roll(program: Program, fewest: int) -> Program:
    """Return the program with its longest loop as a region, if it has one of so many rounds.

    The body stays as it is written: products of linear combinations are linear by the way in which
    they are drawn.
    """
    if region_of(program) or len({bound.rounds for bound in program.bindings}) < fewest:
        return program
    program = share_subexpressions(program)
    stretch = longest_stretch(program)
    if stretch is None or stretch.count < fewest:
        return program
    return _Rolling(program, stretch).program()


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
        self._fresh = self._drawn()
        live = set(walk([output.node for output in program.outputs], operands))
        if any(isinstance(node, Row) for node in live):
            raise _CannotRoll  # averages over pairs of coordinates stay written out
        later = dependents(program.nodes, self._place.__contains__) & live - self._place.keys()
        unknown = dependents(program.nodes, self._place.__contains__)
        ahead = [node for node in program.nodes if node not in unknown]
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
        kept = [
            bound
            for bound in program.bindings
            if bound.node in images or self._is_seen(bound.node, finals)
        ]
        bindings = tuple(replace(bound, node=image(bound.node)) for bound in kept)
        roots = [*(o.node for o in outputs), *(x.node for x in bindings), *program.parameters]
        needed = set(walk([*roots, *(m.variance for m in program.matrices)], operands))
        nodes = tuple(node for node in b.nodes if node in needed)
        return replace(program, outputs=outputs, bindings=bindings, nodes=nodes)

    def _is_seen(self, node: Node, finals: Sequence[int]) -> bool:
        """Whether a node stands for the last value of something in the region."""
        t, place = self._place.get(node, (None, 0))
        return t == len(self._rounds) - 1 and place in finals

    # ------------------------------------------------------------------------------------ the body

    def _region(self, later: Iterable[Node]) -> tuple[Region, list[int], list[int]]:
        """Return the region, and the places of what is collected and of what is seen last."""
        b, nodes = self._b, self._rounds[0]
        collected, finals = self._seen(later)
        needed = self._needed([*collected, *finals])
        known = {node: node for node in b.nodes}
        ahead = len(b.nodes)
        carries = self._carried(needed)
        initial = {place: known[self._before[place]] for place in carries}
        for place, leaf in carries.items():
            known[self._before[place]] = leaf
        for constant, table in self._tables(needed).items():
            b.span = constant.span
            known[constant] = round_input(b, b.constant(table))
        for place in needed:
            b.span = nodes[place].span
            known[nodes[place]] = self._image(nodes[place], known)
        moving = varying(b.nodes[ahead:])
        own = {place: known[nodes[place]] for place in needed}
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

    def _needed(self, wanted: Iterable[int]) -> list[int]:
        """Return the places of what a round computes for what is seen, now or in later rounds."""
        places = {node: place for place, node in enumerate(self._before)}
        places |= {node: place for place, node in enumerate(self._rounds[0])}

        def needs(place: int) -> list[int]:
            return [places[o] for o in operands(self._rounds[0][place]) if o in places]

        return sorted(walk(wanted, needs))

    def _image(self, node: Node, known: dict[Node, Node]) -> Node:
        """Return a node of the body; tensors of the round are called so."""
        b, stretch = self._b, self._stretch
        match node:
            case InitialVector(name=name):
                own = own_values(b.copy(node, known))[1:]
                fresh = fresh_name(name, stretch.depth)
                return b.make(InitialVector, node.coords, node.shape, fresh, *own)
            case MatMul(matrix=matrix) if matrix in self._fresh:
                return b.matmul(self._fresh[matrix], node.transposed, known[node.operand])
            case _:
                return b.copy(node, known)

    def _drawn(self) -> dict[Matrix, Matrix]:
        """Return what the matrices that the first round draws are called in any."""
        depth, first = self._stretch.depth, self._stretch.first
        products = [node for node in self._program.nodes if isinstance(node, MatMul)]
        used = [(self._place.get(node, (-1, 0))[0], node.matrix) for node in products]
        drawn = {
            matrix: t for t, matrix in used if key_of(matrix.name, depth) == t + first >= first
        }
        if any(matrix in drawn and drawn[matrix] != t for t, matrix in used):
            raise _CannotRoll
        return {
            matrix: replace(matrix, name=fresh_name(matrix.name, depth))
            for matrix, t in drawn.items()
            if t == 0
        }

    def _bindings(self, own: dict[int, Node], carries: dict[int, Carried]) -> Iterator[Binding]:
        for place, name in self._stretch.names.items():
            if place in own:
                yield Binding(name, own[place], own[place].span)
        for place, leaf in carries.items():
            yield Binding(numbered(self._name(place), -1, ROUND), leaf, own[place].span)

    def _name(self, place: int) -> str:
        return self._stretch.names.get(place, f"z{place}[{ROUND}]")

    def _carried(self, needed: Iterable[int]) -> dict[int, Carried]:
        """Return a leaf for every place of the round before that a round reads."""
        before = {node: place for place, node in enumerate(self._before)}
        found: dict[int, Carried] = {}
        for node in (self._rounds[0][place] for place in needed):
            for operand in operands(node):
                if operand in before and before[operand] not in found:
                    place = before[operand]
                    name = numbered(self._name(place), -1, ROUND)
                    found[place] = carried(self._b, name, operand.coords, operand.shape)
        return found

    def _tables(self, needed: Iterable[int]) -> dict[Node, Array]:
        """Return the constants of the first round that differ in others, with their rows."""
        found: dict[Node, Array] = {}
        for place in needed:
            node = self._rounds[0][place]
            for slot, constant in enumerate(operands(node)):
                if not isinstance(constant, Constant):
                    continue
                rows = [operands(nodes[place])[slot] for nodes in self._rounds]
                values = [row.value for row in rows if isinstance(row, Constant)]
                table = np.array(values)
                if isinstance(node, MatMul) and (table != table[0]).any():
                    raise _CannotRoll  # a variance
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
