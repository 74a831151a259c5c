"""One assignment of a generated function, and what prints nodes in its comments."""

from collections.abc import Callable
from dataclasses import dataclass

from tpc.limit.equations import Equation
from tpc.program.nodes import Node

WIDTH = 88
"""The longest line that formatters leave alone."""


@dataclass(frozen=True, slots=True)
class Statement:
    """Lines of a function that bind one name.

    Attributes:
        target: The name.
        lines: The source, indented as inside the function's body.
        reads: The variables it reads.
        size: How many floats a sample the variable holds; 0 for scalars and functions.
        banner: The source line that a group of statements starts with, or the empty string.
        comment: The equation it computes, or what it is; may have several lines.
        spaced: Whether it is a definition, which stands between blank lines.
        pairs: How many floats for every pair of samples the variable holds.
        inside: How many floats a sample live only while it runs.
    """

    target: str
    lines: tuple[str, ...]
    reads: frozenset[str]
    size: int
    banner: str = ""
    comment: str = ""
    spaced: bool = False
    pairs: int = 0
    inside: int = 0


def call_lines(line: str) -> tuple[str, ...]:
    """Return a line, or where it is too long one line for each part of the bracket at its end.

    A comma behind the last argument of a call changes nothing; behind a lone term in brackets it
    would make a tuple.

    >>> call_lines("    total = add(" + "x" * 40 + ", (" + "y" * 40 + ", z))")[0]
    '    total = add('
    """
    depth, cuts = 0, list[int]()
    for place, letter in enumerate(line):
        depth += (letter in "([") - (letter in ")]")
        if (letter in "(" and depth == 1) or (letter == "," and depth == 1):
            cuts.append(place + 1)
        if depth == 0 and letter in ")]" and place < len(line) - 1:
            cuts = []
    if len(line) <= WIDTH or not cuts or not line.endswith(")"):
        return (line,)
    margin = line[: len(line) - len(line.lstrip())]
    parts = [line[a:b].strip(", ") for a, b in zip(cuts, [*cuts[1:], len(line) - 1], strict=True)]
    before = line[cuts[0] - 2]
    comma = "," if len(parts) > 1 or before.isalnum() or before in "_])" else ""
    found = [line[: cuts[0]]]
    for part in parts:
        *first, last = call_lines(f"{margin}    {part}")
        found += [*first, f"{last}{comma}"]
    return (*found, f"{margin})")


@dataclass(frozen=True, slots=True)
class Speech:
    """How comments say things: the printers of `tpc.report`, handed in by the driver.

    Attributes:
        equation: Prints an equation.
        expression: Prints a node.
        start_over: Forgets which names of theirs have been explained.
    """

    equation: Callable[[Equation], str]
    expression: Callable[[Node], str]
    start_over: Callable[[], None]
