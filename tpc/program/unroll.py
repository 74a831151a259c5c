"""A program with a region -> the same with the rounds written out, one after the other.

A sum over earlier rounds becomes the sum of its terms, what is collected a stack.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from tpc.program.builder import Builder
from tpc.program.nodes import (
    Constant,
    Elementwise,
    Exchange,
    InitialVector,
    MatMul,
    Matrix,
    Mean,
    Node,
    Row,
    Take,
    operands,
    own_values,
)
from tpc.program.program import Binding, Output, OutputKind, Program
from tpc.program.reapply import reapply
from tpc.program.region import (
    Carry,
    Collected,
    CombinationOverRounds,
    Earlier,
    Final,
    InnerOverRounds,
    Region,
    RoundInput,
    SumOverRounds,
    is_fresh,
    numbered,
    region_of,
)
from tpc.program.traversal import toposort, walk


def unroll(program: Program, rounds: int | None = None) -> Program:
    """Return the program with its region written out round by round.

    Args:
        program: The program; one without a region is returned as it is.
        rounds: How many rounds, instead of all; what is read of a later one is read of the last.
    """
    region = region_of(program)
    if region is None:
        return program
    unrolling = _Unrolling(region, rounds or region.body.rounds)
    images = unrolling.run()
    b = unrolling.builder
    for node in program.nodes:
        if node not in images:
            b.span = node.span
            images[node] = _after(node, unrolling, images)
    outputs = tuple(replace(output, node=images[output.node]) for output in program.outputs)
    bindings = (replace(bound, node=images[bound.node]) for bound in program.bindings)
    return replace(
        program,
        outputs=outputs,
        bindings=(*bindings, *unrolling.bindings.values()),
        nodes=tuple(b.nodes),
    )


def first_round(program: Program, wanted: Sequence[Node]) -> Program:
    """Return the first round of a program's region, whose outputs are some scalars of its body."""
    region = region_of(program)
    assert region is not None
    unrolling = _Unrolling(region, 1)
    images = unrolling.first(wanted)
    span = program.outputs[0].span
    outputs = tuple(
        Output(f"#{place}", OutputKind.SCALAR, images[node], span)
        for place, node in enumerate(wanted)
    )
    nodes = toposort([*(output.node for output in outputs), *program.parameters], operands)
    return replace(program, outputs=outputs, bindings=(), nodes=tuple(nodes))


def _after(node: Node, rounds: "_Unrolling", images: dict[Node, Node]) -> Node:
    """Return the image of a node that stands after the region."""
    match node:
        case Take(operand=Collected(position=position), keys=(int() as t, *keys)):
            row = rounds.rows[position]
            return rounds.builder.take(row[min(t, len(row) - 1)], tuple(keys))
        case Collected(position=position):
            return rounds.builder.stack(tuple(rounds.rows[position]))
        case Final(position=position):
            return rounds.finals[position]
        case _:
            return rounds.builder.copy(node, images)


class _Unrolling:
    """The rounds of a region, one after the other."""

    def __init__(self, region: Region, rounds: int) -> None:
        self.builder = Builder()
        self.bindings: dict[str, Binding] = {}
        self._body = region.body
        self._count = rounds
        self._outside = {node: node for node in region.outside}
        self.builder.adopt(region.outside)
        self._region = region
        self._rounds: list[dict[Node, Node]] = []
        self._drawn: dict[tuple[Matrix, int], Matrix] = {}
        self.rows: list[list[Node]] = [[] for _ in region.body.collected]
        self.finals: list[Node] = []

    def first(self, wanted: Iterable[Node]) -> dict[Node, Node]:
        """Run the first round alone, as far as is wanted; return what stands for its nodes."""
        return self._round(0, [self._start(carry) for carry in self._body.carries], wanted)

    def run(self) -> dict[Node, Node]:
        """Run all rounds; return what stands for the nodes outside, and for the region nothing."""
        body = self._body
        values = [self._start(carry) for carry in body.carries]
        for t in range(self._count):
            last = t == self._count - 1
            wanted = (*body.collected, *body.finals) if last else body.results
            images = self._round(t, values, wanted)
            for row, node in zip(self.rows, body.collected, strict=True):
                row.append(images[node])
            if not last:
                values = [images[carry.following] for carry in body.carries]
        self.finals = [images[node] for node in body.finals]
        return {**self._outside, self._region: self._region}

    def _start(self, carry: Carry) -> Node:
        """Return the value in the first round."""
        initial = self._outside[carry.initial]
        if isinstance(initial, Constant) and initial.shape != carry.leaf.shape:
            return self.builder.constant(np.full(carry.leaf.shape, initial.value))
        return initial

    def _round(self, t: int, values: list[Node], wanted: Iterable[Node]) -> dict[Node, Node]:
        body, images = self._body, dict(self._outside)
        self._rounds.append(images)
        images |= {c.leaf: value for c, value in zip(body.carries, values, strict=True)}
        wanted = set(walk(wanted, operands))
        for node in body.nodes:
            if node in wanted and node not in images and not isinstance(node, Earlier):
                self.builder.span = node.span
                images[node] = self._image(node, t, images)
        for bound in body.bindings:
            if bound.node in images:
                name = numbered(bound.name, t + body.first)
                self.bindings.setdefault(name, Binding(name, images[bound.node], bound.span))
        return images

    def _image(self, node: Node, t: int, images: dict[Node, Node]) -> Node:
        b = self.builder
        match node:
            case RoundInput(table=Constant(value=value)) if not node.shape:
                return b.number(float(value[t % len(value)]))
            case RoundInput(table=table):
                keys = (t % table.shape[0], *[None] * len(node.shape))
                return b.take(images[table], keys)
            case SumOverRounds():
                return self._sum(node, t, images)
            case InnerOverRounds():
                return self._inner(node, t, images)
            case CombinationOverRounds():
                return self._combination(node, t, images)
            case InitialVector(name=name) if is_fresh(node):
                own = own_values(b.copy(node, images))[1:]
                number = t + self._body.first
                return b.make(InitialVector, node.coords, node.shape, numbered(name, number), *own)
            case MatMul(matrix=matrix) if is_fresh(matrix):
                drawn = self._drawn.setdefault((matrix, t), self._fresh(matrix, t, images))
                return b.matmul(drawn, node.transposed, images[node.operand])
            case Elementwise():
                return reapply(b, node, [images[operand] for operand in node.operands])
            case Exchange(operand=operand, coordinate=coordinate):
                return b.exchange(images[operand], coordinate)
            case Row(operand=operand, coordinate=coordinate):
                ket = images[operand]
                return b.row(ket, coordinate) if ket.coords else ket
            case Mean(operand=operand, over=over):
                return _mean(b, images[operand], over)
            case _:
                return b.copy(node, images)

    def _fresh(self, matrix: Matrix, t: int, images: dict[Node, Node]) -> Matrix:
        name = numbered(matrix.name, t + self._body.first)
        return replace(matrix, name=name, variance=images[matrix.variance])

    def _sum(self, node: SumOverRounds, t: int, images: dict[Node, Node]) -> Node:
        b = self.builder
        factors, operand = images[node.factors], images[node.operand]
        terms: list[Node] = []
        sides = zip(self._kept(node.left, t), self._kept(node.right, t), strict=True)
        for s, (left, right) in enumerate(sides):
            overlap, rank = b.inner(right, operand), len(left.shape)
            term = b.contract(left, overlap, rank) if rank else b.mul(overlap, left)
            terms.append(b.mul(b.take(factors, (s,)), term))
        if not terms:
            return b.number(0)
        return reduce(b.add, terms)

    def _kept(self, leaf: Node, t: int) -> list[Node]:
        """Return what a stand-in is in each round before t."""
        kept = next(record.node for record in self._body.records if record.leaf is leaf)
        return [known[kept] for known in self._rounds[:t]]

    def _inner(self, node: InnerOverRounds, t: int, images: dict[Node, Node]) -> Node:
        b, operand = self.builder, images[node.operand]
        found = [b.inner(left, operand) for left in self._kept(node.left, t)]
        rest = node.shape[0] - len(found)
        return b.stack((*found, *[b.constant(np.zeros(node.shape[1:]))] * rest))

    def _combination(self, node: CombinationOverRounds, t: int, images: dict[Node, Node]) -> Node:
        b, weights = self.builder, images[node.weights]
        terms = []
        for s, left in enumerate(self._kept(node.left, t)):
            mine = b.take(weights, (s, *[None] * (len(weights.shape) - 1)))
            terms.append(b.contract(left, mine, len(left.shape)))
        return reduce(b.add, terms) if terms else b.number(0)


def _mean(b: Builder, operand: Node, over: tuple[str, ...]) -> Node:
    """Return the average over the coordinates that a node has: what starts as a number has none."""
    own = dict(operand.coords)
    averaged = tuple(name for name in over if name in own)
    return b.mean(operand, averaged) if averaged else operand
