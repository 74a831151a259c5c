"""Rounds written out: leaves become values of rounds, sums over earlier rounds their terms."""

import numpy as np

from tpc.diagnostics import NOWHERE
from tpc.program.builder import Builder
from tpc.program.nodes import Elementwise, Node, Stack, operands
from tpc.program.passes import normalise
from tpc.program.program import Output, OutputKind, Program
from tpc.program.region import (
    Carry,
    Record,
    Round,
    carried,
    earlier,
    region_of,
    round_input,
    sum_over_rounds,
)
from tpc.program.rounds import region_program
from tpc.program.traversal import walk
from tpc.program.unroll import unroll

ROUNDS = 3


def a_loop() -> Program:
    """Return c' = c + row_t <x_t|x_t>, x_t = v + sum over s < t of c_s |x_s><x_s|v>."""
    b = Builder()
    v = b.initial_vector("v", "n", (), None, b.number(1))
    start = b.constant(np.zeros(ROUNDS))
    factors = carried(b, "c", start.coords, start.shape)
    past = earlier(b, "x", "n", ())
    x = b.add(v, sum_over_rounds(b, factors, past, past, v))
    size = b.inner(x, x)
    following = b.add(factors, b.mul(round_input(b, b.constant(np.eye(ROUNDS))), size))
    output = Output("q", OutputKind.SCALAR, size, NOWHERE)
    program = Program("<test>", "", "", "nexort", {}, (), (), (), (output,), tuple(b.nodes))
    carry = Carry(factors, start, following)
    return region_program(Round(program, ROUNDS, (carry,), (Record(past, x),)))


def test_a_region_collects_its_outputs_over_rounds() -> None:
    program = a_loop()
    region = region_of(program)
    assert region is not None
    assert region.body.rounds == ROUNDS
    assert [output.node.shape for output in program.outputs] == [(ROUNDS,)]


def test_a_region_has_been_normalised() -> None:
    program = a_loop()
    assert normalise(program) is program


def test_rounds_are_written_out_with_their_terms() -> None:
    program = unroll(a_loop())
    (output,) = program.outputs
    assert isinstance(output.node, Stack)
    first, second, third = output.node.operands
    assert [_sums(node) for node in (first, second, third)] == [0, 1, 3]
    assert region_of(program) is None


def test_fewer_rounds_may_be_written_out() -> None:
    (output,) = unroll(a_loop(), rounds=1).outputs
    assert output.node.shape == (1,)


def test_a_program_without_a_region_stays() -> None:
    program = unroll(a_loop())
    assert unroll(program) is program


def _sums(root: Node) -> int:
    """Return how many kets are made of others, in all."""
    adds = (n for n in walk([root], operands) if isinstance(n, Elementwise) and n.is_vector)
    return sum(node.function == "add" for node in adds)
