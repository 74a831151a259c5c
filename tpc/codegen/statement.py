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
