"""Tokens -> logical lines with their depth: what the grammar calls _NEWLINE, _INDENT and _DEDENT.

A logical line is a run of tokens that ends at the end of a physical line outside brackets, where
`<` is a bracket if no operand stands before it. Its depth counts the blocks round it. Indentations
are compared as strings: a block's is that of its surroundings with something behind it, so tabs and
blanks may not be mixed in a way that a reader could misjudge.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import isinf

from lark import Token

from tpc.diagnostics import Diagnostic, Fault
from tpc.diagnostics.syntax_faults import (
    BlocksTooDeep,
    MixedIndentation,
    NestedTooDeep,
    NumberTooLarge,
    UnmatchedDedent,
)
from tpc.syntax.tokens import CLOSERS, OPERAND_ENDS, STATEMENT_WORDS, is_option, span_of

MAX_BLOCKS = 40
"""How many blocks may stand in one another: later stages recurse over them."""

MAX_BRACKETS = 200
"""How many brackets may stand in one another, redundant ones included."""


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line.

    Attributes:
        tokens: Its tokens, the last one a _NEWLINE.
        start: The index of its first token among those of the file.
        depth: How many blocks it stands in.
        unclosed: The innermost bracket still open at its end, which is then that of the file or
            where the next statement clearly begins.
    """

    tokens: list[Token]
    start: int
    depth: int
    unclosed: Token | None


class Lines:
    """Divides the tokens of a file into logical lines.

    Attributes:
        found: Wrong indentation, too many brackets and the like, as it is met.
    """

    def __init__(self, tokens: list[Token], text: str) -> None:
        self.found: list[Diagnostic] = []
        self._tokens = tokens
        self._text = text
        self._next = 0
        self._indents = [""]

    def __iter__(self) -> Iterator[Line]:
        """Yield the lines in order; `resume` may be called in between."""
        while self._next < len(self._tokens):
            start = self._next
            depth = self._depth(self._tokens[start])
            end, unclosed = self._end(start)
            self._next = end
            tokens = self._tokens[start:end]
            tokens.append(_line_end(tokens[-1]))
            yield Line(tokens, start, depth, unclosed)

    def resume(self, index: int) -> None:
        """Begin the next line at a token of the file."""
        self._next = index

    def _end(self, start: int) -> tuple[int, Token | None]:
        """Return the index behind the line's last token, and the bracket still open there."""
        tokens = self._tokens
        opened: list[Token] = []
        row = tokens[start].line
        previous = ""
        deep = False
        for index in range(start, len(tokens)):
            token = tokens[index]
            kind = token.type
            if token.line != row:
                begins = kind in STATEMENT_WORDS and not is_option(tokens, index)
                if not opened or begins:
                    return index, opened[-1] if opened else None
                row = token.line
            if kind == "LPAR" or kind == "LSQB":
                opened.append(token)
            elif kind == "LESSTHAN":
                if previous not in OPERAND_ENDS:
                    opened.append(token)
            elif kind == "RPAR" or kind == "RSQB" or kind == "MORETHAN":
                if opened and CLOSERS[opened[-1].type] == kind:
                    opened.pop()
            elif kind == "NUMBER" and len(token) > 3 and isinf(float(token)):
                self._report(NumberTooLarge(), token)
            if len(opened) > MAX_BRACKETS and not deep:
                deep = True
                self._report(NestedTooDeep(MAX_BRACKETS), token)
            previous = kind
        return len(tokens), opened[-1] if opened else None

    def _depth(self, first: Token) -> int:
        """Compare a line's indentation with those of the open blocks."""
        assert first.start_pos is not None and first.column is not None
        before = self._text[first.start_pos - first.column + 1 : first.start_pos]
        indent = before[: len(before) - len(before.lstrip())]
        indents = self._indents
        if indent == indents[-1]:
            return len(indents) - 1
        if indent.startswith(indents[-1]):
            indents.append(indent)
            if len(indents) - 1 == MAX_BLOCKS + 1:
                self._report(BlocksTooDeep(MAX_BLOCKS), first)
            return len(indents) - 1
        if not indents[-1].startswith(indent):
            self._report(MixedIndentation(), first)
            indents[-1] = indent
            return len(indents) - 1
        while len(indents[-1]) > len(indent):
            indents.pop()
        if indents[-1] != indent:
            self._report(UnmatchedDedent(), first)
            indents.append(indent)
        return len(indents) - 1

    def _report(self, fault: Fault, token: Token) -> None:
        self.found.append(Diagnostic.of(fault, span_of(token)))


def _line_end(last: Token) -> Token:
    return Token(
        "_NEWLINE", "", last.end_pos, last.end_line, last.end_column, last.end_line,
        last.end_column, last.end_pos,
    )  # fmt: skip
