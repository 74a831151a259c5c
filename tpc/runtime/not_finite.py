"""Which equation of a module is the first that is not finite, and why.

Its function is run again, and looked at after every statement. The equation is the comment above.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Callable
from inspect import getsourcelines
from typing import Any

import numpy as np

from tpc.runtime.arrays import Outputs


class NotFinite(ArithmeticError):
    """A value that is no number: the line of the program, its equation, and the cause."""

    def __init__(self, line: int, equation: str, cause: str) -> None:
        where = f"line {line}: " if line else ""
        super().__init__(f"{where}`{equation}` is not finite: {cause}")
        self.line, self.equation, self.cause = line, equation, cause


@np.errstate(all="ignore")
def checked(limit: Callable[..., Outputs], params: dict[str, Any]) -> Outputs:
    """Return outputs in closed form, or raise what says why one is not finite."""
    try:
        outputs = limit(params)
    except FAILURES:
        look_for_not_finite(limit, params)
        raise
    for (name, _), value in outputs.items():
        if not is_finite(value):
            look_for_not_finite(limit, params)
            raise NotFinite(0, name, "a step of its equation overflows")
    return outputs


FAILURES = (ZeroDivisionError, OverflowError, FloatingPointError, np.linalg.LinAlgError)
"""What is raised where numbers are not finite."""


def is_finite(value: Any) -> bool:
    """Whether a value holds numbers alone, if it holds any."""
    held = isinstance(value, float | np.ndarray | np.floating)
    return not held or bool(np.isfinite(value).all())


def look_for_not_finite(limit: Any, *given: Any) -> None:
    """Run a module's function again, and raise `NotFinite` behind its first such line."""
    lines, first = source_of(limit)
    tree = ast.parse("".join(lines))
    ast.increment_lineno(tree, first - 1)
    assigned = {
        row: node
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        for row in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    done: dict[str, ast.expr] = {}
    known: dict[str, Any] = {}
    running: list[ast.Assign] = []

    def look(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code is not limit.__code__:
            return None
        statement = assigned.get(frame.f_lineno) if event != "return" else None
        known.update(frame.f_locals)
        if running and (statement is not running[0] or event == "exception"):
            last = running.pop()
            name = ast.unparse(last.targets[0])
            if event == "exception" or not is_finite(known[name]):
                about = equation_above(lines, first, last.lineno)
                cause = cause_of(last.value, limit.__globals__, known, done)
                raise NotFinite(*about, cause)
            done[name] = last.value
        if statement is not None and not running:
            running.append(statement)
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        limit(*given)
    finally:
        sys.settrace(before)


def source_of(limit: Any) -> tuple[list[str], int]:
    """Return the lines of a function and the row of the first; none where its text is not kept."""
    try:
        return getsourcelines(limit)
    except OSError:
        return [], limit.__code__.co_firstlineno


def equation_above(lines: list[str], first: int, row: int) -> tuple[int, str]:
    """Return the line of the program that a row of a function computes, and its equation."""
    if not lines:
        return 0, f"row {row} of the module"
    above = "".join(line.lstrip() for line in lines[: row - first])
    banners = re.findall(r"^# ---- line (\d+):", above, re.MULTILINE)
    comments = re.search(r"(?:^# [^-].*\n)+\Z", above, re.MULTILINE)
    equation = lines[row - first].strip()
    if comments:
        equation = comments[0].split("\n")[0][2:]
    return int(banners[-1]) if banners else 0, equation


CAUSES = {
    "divide by zero in divide": "a division by 0",
    "divide by zero in reciprocal": "a division by 0",
    "divide by zero in power": "a negative power of 0",
    "divide by zero in log": "the log of 0",
    "invalid value in divide": "0 / 0",
    "invalid value in log": "the log of a negative number",
    "invalid value in sqrt": "the root of a negative number",
    "invalid value in power": "a fractional power of a negative number",
}
"""What NumPy says of operations on numbers, in words; all else is an overflow."""


def cause_of(
    node: ast.expr,
    world: dict[str, Any],
    known: dict[str, Any],
    done: dict[str, ast.expr],
) -> str:
    """Return why an expression is not finite: its innermost operation that is not.

    Args:
        node: The expression.
        world: What its module defines.
        known: Its variables.
        done: What they were assigned.
    """

    def value_of(part: ast.expr) -> Any:
        return eval(compile(ast.Expression(part), "", "eval"), world, known)

    for part in operands_of(node):
        if not is_finite(value_of(part)):
            return cause_of(part, world, known, done)
    with warnings.catch_warnings(record=True) as told, np.errstate(all="warn"):
        warnings.simplefilter("always")
        try:
            value_of(node)
        except ZeroDivisionError:
            return "a division by 0"
        except FAILURES:
            return "an overflow"
    said = [re.sub("encountered in (scalar )?", "in ", str(w.message)) for w in told]
    causes = [CAUSES[words] for words in said if words in CAUSES]
    cause = causes[-1] if causes else "an overflow"
    operands = operands_of(node)
    parts = operands[-1:] if isinstance(node, ast.BinOp) else operands[:1]
    for part in parts if cause != "an overflow" else ():
        origin = done.get(part.id, part) if isinstance(part, ast.Name) else part
        scale = sum(np.abs(value_of(term)) for term in terms_of(origin))
        left = value_of(part)
        if np.any((left <= 0) & (np.abs(left) <= 1e-8 * scale) & (scale > 0)):
            return f"{cause}, by cancellation: the difference of equal numbers"
    return cause


def terms_of(node: ast.expr) -> list[ast.expr]:
    """Return what a sum or a difference consists of; else the expression alone."""
    match node:
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return [*terms_of(left), *terms_of(right)]
        case _:
            return [node]


def operands_of(node: ast.expr) -> list[ast.expr]:
    """Return the parts of an expression that have values."""
    match node:
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.UnaryOp(operand=part) | ast.Subscript(value=part):
            return [part]
        case ast.Call(args=parts):
            return [part for part in parts if not isinstance(part, ast.Starred)]
        case ast.Attribute(value=part):
            return [part]
        case _:
            return []
