"""One node -> a NumPy expression, given the expressions of its operands.

Arrays of kets have leading axes, for samples, pairs of samples, or nodes of a grid; constant axes
follow and are counted from the end, so that the expression holds for any leading axes. Operands
with fewer constant axes than their partners get new ones after the leading axes, where NumPy by
itself would put them before.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np

from tpc.functions import FUNCTIONS
from tpc.program import nodes as op
from tpc.program.nodes import FREE, Node

CONDITION, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)
"""Precedences, loosest first."""


@dataclass(frozen=True, slots=True)
class Code:
    """A Python expression.

    Attributes:
        text: The expression.
        level: Its precedence.
        reads: The variables in it.
    """

    text: str
    level: int = ATOM
    reads: frozenset[str] = field(default=frozenset())

    def at(self, level: int) -> str:
        """Return the text, in parentheses where it binds looser than `level`."""
        return self.text if self.level >= level else f"({self.text})"


def write(node: Node, operands: Sequence[Code]) -> Code:
    """Write a node as an expression.

    Args:
        node: An operation whose operands have been written.
        operands: Their code, in the order of `tpc.program.nodes.operands`.
    """
    match node:
        case op.Constant():
            return number(float(node.value))
        case op.Elementwise():
            return _elementwise(node, operands)
        case op.Contract():
            return _contract(node, operands)
        case op.Take(keys=keys):
            marks = [":" if key is None else str(key) for key in keys]
            return _indexed(operands[0], marks, node.is_scalar)
        case op.Expand(axes=axes):
            marks = ["None" if axis in axes else ":" for axis in range(len(node.shape))]
            return _indexed(operands[0], marks, node.is_scalar)
        case op.Permute(order=order):
            return _derived(_permuted(operands[0], order, node.is_scalar), operands)
        case op.Reduce(reduction=reduction, axes=axes):
            rank = len(node.shape) + len(axes)
            method = {"sum": "sum", "amax": "max"}[reduction]
            over = ", ".join(str(axis - rank) for axis in axes)
            over = over if len(axes) == 1 else f"({over})"
            return _derived(f"{operands[0].at(ATOM)}.{method}(axis={over})", operands)
        case op.Softmax():
            return _derived(f"softmax({operands[0].text})", operands)
        case op.Stack():
            return _derived(f"np.array([{', '.join(x.text for x in operands)}])", operands)
        case op.LinearAlgebra(function=function):
            inside = operands[0].text
            match function:
                case "inv" | "det":
                    return _derived(f"np.linalg.{function}({inside})", operands)
                case "root":
                    return _derived(f"root({inside})", operands)
                case "trace":
                    return _derived(f"np.trace({inside}, axis1=-2, axis2=-1)", operands)
                case _:
                    assert_never(function)
        case op.Spectral(function=function, rows=rows):
            inside = ", ".join(x.text for x in operands)
            return _derived(f"{function}({inside}, rows={rows})", operands)
        case op.Mean(over=over):
            assert over == (FREE,)
            return _derived(f"nodes.mean({operands[0].text})", operands)
        case op.Inner():
            return _derived(f"nodes.inner({operands[0].text}, {operands[1].text})", operands)
        case _:
            raise AssertionError(f"no expression for {node!r}")


def number(value: float) -> Code:
    """Write a number: an integer without a point, anything else so that it reads back exactly."""
    if not np.isfinite(value):
        return Code(f'float("{value}")')
    whole = value == int(value) and abs(value) < 1e15
    text = str(int(value)) if whole else repr(value).replace("e+", "e")
    return Code(text, SIGN if value < 0 else ATOM)


def _derived(text: str, operands: Sequence[Code]) -> Code:
    return joined(text, ATOM, operands)


def joined(text: str, level: int, operands: Sequence[Code]) -> Code:
    """Make code that reads what its operands do."""
    reads = frozenset().union(*(operand.reads for operand in operands))
    return Code(text, level, reads)


def _indexed(code: Code, marks: list[str], scalar: bool) -> Code:
    """Write an index of constant axes; whole axes that it ends or begins with go without saying."""
    if scalar:
        while marks[-1] == ":":
            marks = marks[:-1]
    else:
        while marks[0] == ":":
            marks = marks[1:]
        marks = ["...", *marks]
    return joined(f"{code.at(ATOM)}[{', '.join(marks)}]", ATOM, [code])


def _permuted(code: Code, order: tuple[int, ...], scalar: bool) -> str:
    rank = len(order)
    moved = [axis for axis in range(rank) if order[axis] != axis]
    if scalar:
        listed = ", ".join(map(str, order))
        return f"{code.at(ATOM)}.T" if order == (1, 0) else f"{code.at(ATOM)}.transpose({listed})"
    if len(moved) == 2:
        return f"np.swapaxes({code.text}, {moved[0] - rank}, {moved[1] - rank})"
    sources = ", ".join(str(order[axis] - rank) for axis in moved)
    targets = ", ".join(str(axis - rank) for axis in moved)
    return f"np.moveaxis({code.text}, ({sources}), ({targets}))"


def _elementwise(node: op.Elementwise, operands: Sequence[Code]) -> Code:
    rank = len(node.shape)
    aligned = [
        _align(code, operand, rank) for code, operand in zip(operands, node.operands, strict=True)
    ]
    x, y = aligned[0], aligned[-1]
    match node.function:
        case "add" if y.level >= PRODUCT and y.text.startswith("-"):
            return joined(f"{x.at(SUM)} - {y.text[1:]}", SUM, aligned)
        case "add":
            return joined(f"{x.at(SUM)} + {y.at(SUM)}", SUM, aligned)
        case "sub":
            return joined(f"{x.at(SUM)} - {y.at(PRODUCT)}", SUM, aligned)
        case "mul":
            return joined(f"{x.at(PRODUCT)} * {y.at(SIGN)}", PRODUCT, aligned)
        case "div":
            return joined(f"{x.at(PRODUCT)} / {y.at(SIGN)}", PRODUCT, aligned)
        case "neg":
            return joined(f"-{x.at(SIGN)}", SIGN, aligned)
        case "pow":
            return joined(_power(x, y), POWER, aligned)
        case "square":
            return joined(_power(x, Code("2")), POWER, aligned)
        case name:
            listed = ", ".join(code.text for code in aligned)
            function = FUNCTIONS[name]
            return joined(function.text.format(listed), ATOM, aligned)


def _power(x: Code, y: Code) -> str:
    """Write a power as formatters lay it out: without spaces between names and numbers only."""
    simple = all(re.fullmatch(r"-?[\w.]+", code.text) for code in (x, y))
    return f"{x.at(ATOM)}**{y.at(SIGN)}" if simple else f"{x.at(ATOM)} ** {y.at(SIGN)}"


def _align(code: Code, operand: Node, rank: int) -> Code:
    """Insert constant axes where a ket has fewer of them than the result."""
    missing = rank - len(operand.shape)
    if operand.is_scalar or not missing:
        return code
    return _indexed(code, ["None"] * missing + [":"] * len(operand.shape), scalar=False)


def _contract(node: op.Contract, operands: Sequence[Code]) -> Code:
    left, right = operands
    if node.axes == 1 and len(node.right.shape) <= 2:
        return joined(f"{left.at(PRODUCT)} @ {right.at(SIGN)}", PRODUCT, operands)
    axes = f", {node.axes}" if node.axes != 2 else ""
    return joined(f"np.tensordot({left.text}, {right.text}{axes})", ATOM, operands)
