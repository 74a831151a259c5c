"""Closed forms as lists of instructions."""

import sympy as sp

from tpc.gaussian.instructions import Instruction, to_instructions


def test_a_number_is_not_the_value_that_has_this_number() -> None:
    """Value 2 and the number 2.0 are equal to Python, so a step of one must not serve the other."""
    x, y, z = sp.symbols("x y z")
    instructions, _ = to_instructions((x + 2) * (x + z), (x, y, z))
    sums = [known for known in instructions if known.function == "add"]
    operands = [[(type(operand), operand) for operand in known.operands] for known in sums]
    assert sorted(operands, key=str) == sorted(
        ([(int, 0), (float, 2.0)], [(int, 0), (int, 2)]), key=str
    )


def test_equal_steps_are_made_once() -> None:
    x, y = sp.symbols("x y")
    instructions, result = to_instructions(sp.sqrt(x * y) + 1 / (x * y), (x, y))
    assert instructions.count(Instruction("mul", (0, 1))) == 1
    assert result == 1 + len(instructions)
