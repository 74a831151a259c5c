"""Pieces of a function's source that keep to the width of a line."""

import textwrap
from collections.abc import Sequence

from tpc.codegen.statement import WIDTH


def head(name: str, arguments: Sequence[str]) -> list[str]:
    """Return the lines that begin a function of arrays."""
    line = f"def {name}({', '.join(arguments)}) -> Array:"
    if len(line) <= WIDTH:
        return [line]
    return [f"def {name}(", *(f"    {argument}," for argument in arguments), ") -> Array:"]


def docstring(text: str) -> list[str]:
    """Return a docstring."""
    lines = textwrap.wrap(f'"""{text}', WIDTH - 4)
    return [*lines, '"""'] if len(lines) > 1 else [f'{lines[0]}"""']


def result(text: str, indent: int) -> list[str]:
    """Return the lines that return an expression, inside a function that is indented."""
    if len(text) <= WIDTH - indent - len("return "):
        return [f"return {text}"]
    lines = textwrap.wrap(text, WIDTH - indent - 4)
    return ["# fmt: off", "return (", *(f"    {line}" for line in lines), ")", "# fmt: on"]
