"""Explanations of single characters: those of other languages, quotation marks, brackets."""

from typing import TypeAlias

from tpc.diagnostics import Diagnostic, Span
from tpc.diagnostics.habits import LIBRARIES, written_here
from tpc.diagnostics.syntax_faults import (
    BarePrime,
    SingleQuotes,
    UnclosedBracket,
    UnclosedString,
    UnknownCharacter,
    UnmatchedBracket,
)
from tpc.syntax.slip import Slip, next_statement
from tpc.syntax.tokens import CLOSERS, OPERATORS, span_of

Explanation: TypeAlias = Diagnostic | None

_INSTEAD = {
    "write `->`": "→↦⟶",
    "write `*`, or `@` for a matrix product": "·∗⋅•",
    "write `*`, or the letter x in a shape, `n x n`": "×",
    "write `-`": "−–—",
    "write `/`": "÷∕",
    "write `<=`": "≤⩽",
    "write `>=`": "≥⩾",
    "write `!=`": "≠",
    "write `~`": "∼",
    "write `<x|y>`": "⟨⟩〈〉∣❘",
    "the transpose of `W` is `W.T`": "⊤ᵀ†",
    "write `^ 2`": "²",
    "write `^ 3`": "³",
    'write `"`': "“”„«»",
    "write `'`": "‘’′",
    "write `pi`": "π",
    "write a blank: this one is a no-break space": "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}",
    "one statement stands on one line": ";",
    "a line goes on inside brackets, `(` to `)`": "\\",
    "lists stand in `[` and `]`, blocks are indented": "{}",
    "write `and`": "&",
    "write `not`, or `!=`": "!",
}
_HINTS = {character: hint for hint, characters in _INSTEAD.items() for character in characters}


def unknown_character(slip: Slip) -> Explanation:
    """A character, or a run of letters, that no token begins with."""
    # A string ends early at a character that no string may hold.
    token = slip.following if slip.token.type == "UNCLOSED_STRING" else slip.token
    if token.type not in ("UNKNOWN", "SEMICOLON"):
        return None
    text = token.value
    span = span_of(token)
    if text[0] in _HINTS or not text[0].isidentifier():
        hint = _HINTS.get(text[0], "")
        shown = text[0] if text[0].isprintable() else f"U+{ord(text[0]):04X}"
        first = Span(span.start, span.start + 1, span.line, span.column)
        return Diagnostic.of(UnknownCharacter(shown, hint), first)
    letters = "".join(c for c in text if c.isidentifier() and c not in _HINTS)
    hint = "names are made of the letters A to Z and a to z, digits and `_`"
    return Diagnostic.of(UnknownCharacter(letters, hint), span)


def dot(slip: Slip) -> Explanation:
    """`np.tanh(x)`, `x.mean()`, `v .* w`."""
    if slip.token.type != "UNKNOWN" or slip.token.value != ".":
        return None
    return slip.here(UnknownCharacter(".", _instead_of_dot(slip)))


def _instead_of_dot(slip: Slip) -> str:
    before, behind = slip.previous, slip.following
    if behind.type in OPERATORS:
        return f"write `{behind.value}`: it acts entry by entry"
    if before is not None and behind.value.isidentifier():
        if before.value in LIBRARIES:
            written = written_here(behind.value) or f"{behind.value.lower()}(x)"
            return f"every function is built in: write `{written}`"
        if written := written_here(behind.value, before.value if before.type == "NAME" else "x"):
            return f"write `{written}`"
        if behind.type == "FUNCTION":
            return f"write `{behind.value}({before.value})`"
    return "the only thing that stands behind a `.` is `T`, as in `W.T`"


def unclosed_string(slip: Slip) -> Explanation:
    """A `"` without a second one."""
    return slip.here(UnclosedString()) if slip.token.type == "UNCLOSED_STRING" else None


def quote(slip: Slip) -> Explanation:
    """A `'` round a string, or behind something that is not called."""
    if slip.token.type == "PRIMES":
        wants_string = slip.wants_operand or "STRING" in slip.accepted
        return slip.here(SingleQuotes() if wants_string else BarePrime())
    if slip.previous is not None and slip.previous.type == "PRIMES":
        return Diagnostic.of(BarePrime(), span_of(slip.previous))
    return None


def unclosed_bracket(slip: Slip) -> Explanation:
    """A new statement, or the end of the file, inside brackets."""
    opened = slip.open_brackets()
    if not opened:
        return None
    at_end = slip.token.type == "_NEWLINE"
    if at_end or next_statement(slip.tokens, slip.at) == slip.at:
        opener = opened[-1]
        closer = {"LPAR": ")", "LSQB": "]", "LESSTHAN": ">"}[opener.type]
        return Diagnostic.of(UnclosedBracket(opener.value, closer), span_of(opener))
    return None


def unmatched_bracket(slip: Slip) -> Explanation:
    """A closing bracket without its partner."""
    if slip.token.type not in ("RPAR", "RSQB"):
        return None
    opened = slip.open_brackets()
    if not opened:
        return slip.here(UnmatchedBracket(slip.token.value, "nothing"))
    if CLOSERS[opened[-1].type] == slip.token.type:
        return None
    what = f"`{opened[-1].value}` of line {opened[-1].line}, column {opened[-1].column}"
    return slip.here(UnmatchedBracket(slip.token.value, what))
