"""A place where a line stops being a program, with what an explanation needs to know about it."""

from dataclasses import dataclass

from lark import Token

from tpc.diagnostics import Diagnostic, Fault, Span
from tpc.syntax.tokens import (
    CLOSERS,
    OPERAND_ENDS,
    OPERAND_STARTS,
    SETTING_WORDS,
    STATEMENT_WORDS,
    is_bound,
    is_option,
    span_of,
)


@dataclass(frozen=True, slots=True)
class Slip:
    """The first token of a line that cannot stand where it does.

    Attributes:
        tokens: The line, the last token a _NEWLINE.
        at: The index of the offending token.
        accepted: The types of the tokens that could stand there.
        unclosed: A bracket that is still open at the end of the line.
    """

    tokens: list[Token]
    at: int
    accepted: frozenset[str]
    unclosed: Token | None

    @property
    def token(self) -> Token:
        """The offending token."""
        return self.tokens[self.at]

    @property
    def previous(self) -> Token | None:
        """The token before it on the line."""
        return self.tokens[self.at - 1] if self.at else None

    @property
    def following(self) -> Token:
        """The token behind it; at the end of the line, itself."""
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)]

    @property
    def wants_operand(self) -> bool:
        """Whether an expression could begin here."""
        return "NUMBER" in self.accepted

    @property
    def follows_operand(self) -> bool:
        """Whether an operator could stand here."""
        return "PLUS" in self.accepted

    def open_brackets(self) -> list[Token]:
        """Return the brackets open before the offending token, innermost last."""
        opened: list[Token] = []
        previous = ""
        for token in self.tokens[: self.at]:
            kind = token.type
            if kind in ("LPAR", "LSQB") or (kind == "LESSTHAN" and previous not in OPERAND_ENDS):
                opened.append(token)
            elif opened and CLOSERS[opened[-1].type] == kind:
                opened.pop()
            previous = kind
        return opened

    def here(self, fault: Fault) -> Diagnostic:
        """Place a fault at the offending token."""
        return Diagnostic.of(fault, span_of(self.token))

    def after_previous(self, fault: Fault) -> Diagnostic:
        """Place a fault right behind the token before the offending one."""
        end = self.previous or self.token
        assert end.end_pos is not None and end.end_line is not None and end.end_column is not None
        return Diagnostic.of(fault, Span(end.end_pos, end.end_pos, end.end_line, end.end_column))


def next_statement(tokens: list[Token], index: int) -> int | None:
    """Return where, from a token on, a physical line looks like the start of a statement."""
    for here in range(max(index, 1), len(tokens) - 1):
        if tokens[here].line != tokens[here - 1].line and _begins_statement(tokens, here):
            return here
    return None


def _begins_statement(tokens: list[Token], index: int) -> bool:
    """Return whether a keyword, or `name =` or `name[...] =`, stands at a token.

    The word of a setting counts if an operand follows it.
    """
    if tokens[index].type in STATEMENT_WORDS:
        return not is_option(tokens, index)
    if tokens[index].value in SETTING_WORDS and tokens[index + 1].type in OPERAND_STARTS:
        return True
    return tokens[index].type == "NAME" and is_bound(tokens, index)
