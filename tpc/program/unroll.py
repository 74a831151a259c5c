"""A program with a region -> the same with the rounds written out, one after the other.

A sum over earlier rounds becomes the sum of its terms, what is collected a stack.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce

from tpc.program.builder import Builder
from tpc.program.nodes import Elementwise, Node, operands
from tpc.program.program import Binding, Program
from tpc.program.region import (
    NEXT,
    ROUND,
    Collected,
    Earlier,
    Region,
    RoundInput,
    SumOverRounds,
    region_of,
)
from tpc.program.traversal import walk


def unroll(program: Program, rounds: int | None = None) -> Program:
    """Return the program with its region written out round by round.

    Args:
        program: The program; one without a region is returned as it is.
        rounds: How many rounds, instead of all.
    """
    region = region_of(program)
    if region is None:
        return program
    unrolling = _Unrolling(region, rounds or region.body.rounds)
    stacks = unrolling.stacks()
    outputs = []
    for output in program.outputs:
        assert isinstance(output.node, Collected)
        outputs.append(replace(output, node=stacks[output.node.position]))
    return replace(
        program,
        outputs=tuple(outputs),
        bindings=(*program.bindings, *unrolling.bindings.values()),
        nodes=tuple(unrolling.builder.nodes),
    )


class _Unrolling:
    """The rounds of a region, one after the other."""

    def __init__(self, region: Region, rounds: int) -> None:
        self.builder = Builder()
        self.bindings: dict[str, Binding] = {}
        self._body = region.body
        self._count = rounds
        self._outside = {node: node for node in region.outside}
        self.builder.adopt(region.outside)
        self._rounds: list[dict[Node, Node]] = []

    def stacks(self) -> list[Node]:
        """Run all rounds; return what is collected, over rounds."""
        body = self._body
        values: list[Node] = [self._outside[carry.initial] for carry in body.carries]
        rows: list[list[Node]] = [[] for _ in body.collected]
        for t in range(self._count):
            last = t == self._count - 1
            images = self._round(t, values, body.collected if last else body.results)
            for row, node in zip(rows, body.collected, strict=True):
                row.append(images[node])
            if not last:
                values = [images[carry.following] for carry in body.carries]
        return [self.builder.stack(tuple(row)) for row in rows]

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
                name = bound.name.replace(f"{NEXT}]", f"{t + 1}]").replace(f"{ROUND}]", f"{t}]")
                self.bindings.setdefault(name, Binding(name, images[bound.node], bound.span))
        return images

    def _image(self, node: Node, t: int, images: dict[Node, Node]) -> Node:
        b = self.builder
        match node:
            case RoundInput(table=table):
                keys = (t, *[None] * len(node.shape))
                return b.take(images[table], keys)
            case SumOverRounds():
                return self._sum(node, t, images)
            case Elementwise(function="add", operands=(x, y)):
                return b.add(images[x], images[y])
            case Elementwise(function="sub", operands=(x, y)):
                return b.sub(images[x], images[y])
            case _:
                return b.copy(node, images)

    def _sum(self, node: SumOverRounds, t: int, images: dict[Node, Node]) -> Node:
        b = self.builder
        kept = {record.leaf: record.node for record in self._body.records}
        factors, operand = images[node.factors], images[node.operand]
        terms: list[Node] = []
        for s, known in enumerate(self._rounds[:t]):
            left, right = (known[kept[side]] for side in (node.left, node.right))  # type: ignore[index]
            overlap, rank = b.inner(right, operand), len(left.shape)
            term = b.contract(left, overlap, rank) if rank else b.mul(overlap, left)
            terms.append(b.mul(b.take(factors, (s,)), term))
        if not terms:
            return b.number(0)
        return reduce(b.add, terms)
