"""One round of a loop, as a program -> the program whose region is that loop.

Passes see the round as a program of its own, whose outputs are all that rounds are run for.
"""

from dataclasses import replace

from tpc.program.builder import Builder
from tpc.program.nodes import operands
from tpc.program.passes import normalise
from tpc.program.program import Output, OutputKind, Program
from tpc.program.region import (
    Body,
    Carried,
    Carry,
    Collected,
    Earlier,
    Record,
    Region,
    Round,
    varying,
)
from tpc.program.traversal import walk


def region_program(of: Round) -> Program:
    """Return the program of a region, its body normalised: its outputs are arrays over rounds."""
    of = _pruned(of)
    return _closed(_reopened(of, normalise(_opened(of))))


def _pruned(of: Round) -> Round:
    """Leave out what goes from round to round but is not needed for what is collected."""
    roots = [output.node for output in of.program.outputs]
    while True:
        needed = set(walk(roots, operands))
        carries = tuple(carry for carry in of.carries if carry.leaf in needed)
        records = tuple(record for record in of.records if record.leaf in needed)
        found = [*(carry.following for carry in carries), *(record.node for record in records)]
        if needed.issuperset(found):
            return replace(of, carries=carries, records=records)
        roots += found


def _opened(of: Round) -> Program:
    """Return the program whose outputs are all that rounds are run for, for passes to work on."""
    span, count = of.program.outputs[0].span, len(of.program.outputs)
    hidden = tuple(
        Output(f"#{place}", OutputKind.SCALAR, node, span)
        for place, node in enumerate(of.roots[count:])
    )
    return replace(of.program, outputs=(*of.program.outputs, *hidden))


def _reopened(of: Round, changed: Program) -> Round:
    """Return the round after passes have worked on its opened program."""
    count = len(of.program.outputs)
    nodes = iter([output.node for output in changed.outputs[count:]])
    pairs = [(next(nodes), next(nodes)) for _ in of.carries]
    kept = [next(nodes) for _ in of.records]
    leaves = [next(nodes) for _ in of.carries]
    stand_ins = [next(nodes) for _ in of.records]
    carries = []
    for leaf, (following, initial) in zip(leaves, pairs, strict=True):
        assert isinstance(leaf, Carried)
        carries.append(Carry(leaf, initial, following))
    records = []
    for stand_in, node in zip(stand_ins, kept, strict=True):
        assert isinstance(stand_in, Earlier)
        records.append(Record(stand_in, node))
    program = replace(changed, outputs=changed.outputs[:count])
    return Round(program, of.rounds, tuple(carries), tuple(records))


def _closed(of: Round) -> Program:
    """Return the program of a region: its outputs are those of the round, over rounds."""
    b, program = Builder(), of.program
    inner = varying(program.nodes)
    bindings = [bound for bound in program.bindings if bound.node in inner]
    collected = tuple(output.node for output in program.outputs)
    body = Body(
        of.rounds, of.carries, of.records, collected, tuple(bindings),
        tuple(node for node in program.nodes if node in inner), of_training=True,
    )  # fmt: skip
    outside = tuple(node for node in program.nodes if node not in inner)
    b.adopt(outside)
    region = b.make(Region, (), (), outside, body)
    outputs = tuple(
        replace(output, node=b.make(Collected, (), (of.rounds, *output.node.shape), region, place))
        for place, output in enumerate(program.outputs)
    )
    kept = tuple(bound for bound in program.bindings if bound.node not in inner)
    return replace(program, outputs=outputs, bindings=kept, nodes=tuple(b.nodes))
