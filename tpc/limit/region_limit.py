"""Which products of a region have dots: those whose operand depends on hats of the other side.

In round t, |W x_t> = hat + dot as everywhere, with all products of both sides of W in earlier
rounds, and in this one so far, taken together [Tensor Programs IVb, Def. 2.6.5].
"""

from collections.abc import Sequence
from typing import TypeAlias

from tpc.program.nodes import FREE, Exchange, MatMul, Matrix, Mean, Node, Row, operands
from tpc.program.program import Program
from tpc.program.region import (
    Carried,
    CombinationOverRounds,
    Earlier,
    Final,
    Region,
    SumOverRounds,
    is_fresh,
)

Side: TypeAlias = tuple[Matrix, bool]
"""A matrix, and whether it is transposed."""

Reached: TypeAlias = frozenset[tuple[str, Side]]
"""Coordinates, each with a side of whose hats something depends there."""


def products_with_dots(program: Program, region: Region) -> frozenset[Node]:
    """Return the products of which the operand depends on hats of the other side.

    They are those of the body, and those outside with a matrix that the body multiplies by.

    What a ket depends on is the least that the rounds reproduce: scalars are numbers, a dot is a
    sum of the operands of the other side.
    """
    body = region.body
    place = program.nodes.index(region)
    nodes = [*program.nodes[:place], *body.nodes, *program.nodes[place + 1 :]]
    initial: dict[Node, Node] = {carry.leaf: carry.initial for carry in body.carries}
    following: dict[Node, Node] = {carry.leaf: carry.following for carry in body.carries}
    records: dict[Node, Node] = {record.leaf: record.node for record in body.records}
    sides = _operands_by_side(nodes)
    known: dict[Node, Reached] = dict.fromkeys(nodes, frozenset())

    def reached(node: Node) -> Reached:
        match node:
            case MatMul(matrix=matrix, transposed=transposed, operand=operand):
                own = frozenset({(FREE, (matrix, transposed))})
                other = (matrix, not transposed)
                kets = sides.get(other, ()) if (FREE, other) in known[operand] else ()
                return own.union(*(known[ket] for ket in kets))
            case Row(operand=operand, coordinate=name):
                return _exchanged(known[operand], name)
            case Exchange(operand=operand, coordinate=name):
                return _exchanged(known[operand], name)
            case Mean(operand=operand, over=over):
                return frozenset(pair for pair in known[operand] if pair[0] not in over)
            case SumOverRounds(left=left) | CombinationOverRounds(left=left):
                return known[left]
            case Carried():
                past = known[initial[node]] | known[following[node]]
                return frozenset((at, side) for at, side in past if not is_fresh(side[0]))
            case Earlier():
                return known[records[node]]
            case Final(position=position):
                return known[body.finals[position]]
            case _ if node.is_scalar:
                return frozenset()
            case _:
                return frozenset().union(*(known[operand] for operand in operands(node)))

    while True:
        before = dict(known)
        for node in nodes:
            known[node] = reached(node)
        if known == before:
            break
    multiplied = {node.matrix for node in body.nodes if isinstance(node, MatMul)}
    return frozenset(
        node
        for node in nodes
        if isinstance(node, MatMul)
        and node.matrix in multiplied
        and (FREE, (node.matrix, not node.transposed)) in known[node.operand]
    )


def _exchanged(reached: Reached, coordinate: str) -> Reached:
    """Return what is reached with the free coordinate and a bound one exchanged."""
    other = {FREE: coordinate, coordinate: FREE}
    return frozenset((other.get(name, name), side) for name, side in reached)


def _operands_by_side(nodes: Sequence[Node]) -> dict[Side, list[Node]]:
    found: dict[Side, list[Node]] = {}
    for node in nodes:
        if isinstance(node, MatMul):
            found.setdefault((node.matrix, node.transposed), []).append(node.operand)
    return found
