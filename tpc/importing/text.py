"""Expressions of the language as they are put together: pieces of text with their binding strength.

An expression is written once and used by others; in the end those that are used twice, or are worth
a name, become statements, the others stand where they are used.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How strongly the outermost operation of an expression binds."""

    SUM = 1
    PRODUCT = 2
    SIGN = 3
    ATOM = 4


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """An expression; two are the same only if they are one object.

    Attributes:
        pieces: Characters, and expressions with the level that they must have to stand bare.
        level: Its own.
        module: The module of the model that computes it.
        named: Whether it is worth a name of its own.
    """

    pieces: tuple["str | tuple[Text, Level]", ...]
    level: Level = Level.ATOM
    module: str = ""
    named: bool = False

    @property
    def parts(self) -> Iterator["Text"]:
        """The expressions in it."""
        return (piece[0] for piece in self.pieces if not isinstance(piece, str))

    def written(self, names: Mapping["Text", str]) -> str:
        """Return the characters, with names for the expressions that have one."""

        def shown(piece: "str | tuple[Text, Level]") -> str:
            if isinstance(piece, str):
                return piece
            part, least = piece
            if part in names:
                return names[part]
            inner = part.written(names)
            return inner if part.level >= least else f"({inner})"

        return "".join(map(shown, self.pieces))


def word(text: str) -> Text:
    """Return a name or a number."""
    return Text((text,), Level.SIGN if text.startswith("-") else Level.ATOM)


def call(function: str, *arguments: Text | str) -> Text:
    """Return `function(arguments)`."""
    pieces: list[str | tuple[Text, Level]] = [f"{function}("]
    for at, argument in enumerate(arguments):
        pieces += [", "] * (at > 0)
        pieces.append(argument if isinstance(argument, str) else (argument, Level.SUM))
    return Text((*pieces, ")"))


def binary(operator: str, left: Text, right: Text) -> Text:
    """Return `left operator right`; the operators of a level are taken from the left."""
    level = Level.SUM if operator in "+-" else Level.PRODUCT
    return Text(((left, level), f" {operator} ", (right, Level(level + 1))), level)


def negative(text: Text) -> Text:
    """Return `-text`."""
    return Text(("-", (text, Level.SIGN)), Level.SIGN)


def behind(text: Text, suffix: str) -> Text:
    """Return an expression with an index or an attribute behind it."""
    return Text(((text, Level.ATOM), suffix))


def inner(left: Text, right: Text) -> Text:
    """Return `<left|right>`."""
    return Text(("<", (left, Level.SUM), "|", (right, Level.SUM), ">"))
