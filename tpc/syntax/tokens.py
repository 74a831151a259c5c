"""What the lexer's tokens are called and where they stand.

lark names the tokens that the grammar writes in quotes: `for` is FOR, `(` is LPAR.
"""

from lark import Token

from tpc.diagnostics import Span

CLOSERS = {"LPAR": "RPAR", "LSQB": "RSQB", "LESSTHAN": "MORETHAN"}

HEADERS = frozenset(("FOR", "IF", "ELIF", "ELSE", "TRAIN"))
"""Tokens that begin the header of a block."""

STATEMENT_WORDS = HEADERS | {
    "PROGRAM", "DIALECT", "DIM", "DEPTH", "CONST", "PARAM", "SCALAR", "VECTOR", "MATRIX", "DEF",
    "OUTPUT", "READOUT", "INPUT", "WEIGHT",
}  # fmt: skip
"""Tokens that begin a statement; where an option is called so, `=` stands behind them."""

SETTING_WORDS = frozenset(
    (
        "data", "test", "loss", "reduce", "optimizer", "parametrization", "steps", "batch",
        "center", "track", "clip_global", "clip_value", "normalize_global", "schedule",
    )
)  # fmt: skip
"""Words that begin a line of a `train` block, and names elsewhere."""

SOMETIMES_NAMES = {
    word: word.upper() for word in (*SETTING_WORDS, "depth", "noise", "over", "path", "return", "x")
}
"""Words that are names where the grammar does not want them, with their tokens."""

OPTION_WORDS = frozenset(("TRAIN", "MATRIX", "VECTOR", "SCALAR", "FUNCTION"))
"""Reserved words, `train` or `clip`, that may name options, in front of `=` in an argument list."""

_ATOMS = frozenset(("NAME", "FUNCTION", "CONSTANT", "NUMBER", "TRUE", "FALSE"))

OPERAND_ENDS = _ATOMS | {"RPAR", "RSQB", "TRANSPOSE", "STEP", "MORETHAN"}
"""Tokens that an operand may end with."""

OPERAND_STARTS = _ATOMS | {"LPAR", "LSQB", "LESSTHAN", "MEAN"}
"""Tokens that an operand may begin with, unary minus aside."""

OPERATORS = frozenset(
    ("PLUS", "MINUS", "STAR", "SLASH", "AT", "FLOOR", "PERCENT", "CIRCUMFLEX", "POWER")
)

COMPARATORS = frozenset(
    ("EQUALS", "UNEQUAL", "LESSTHAN", "MORETHAN", "AT_MOST", "AT_LEAST", "AND", "OR", "NOT")
)
"""Tokens of conditions."""


def is_option(tokens: list[Token], index: int) -> bool:
    """Return whether a token names an option, `train=false` in brackets."""
    return (
        0 < index < len(tokens) - 1
        and tokens[index + 1].type == "EQUAL"
        and tokens[index - 1].type in ("LPAR", "COMMA")
    )


def is_bound(tokens: list[Token], index: int) -> bool:
    """Return whether `name =` or `name[...] =` stands at a token."""
    behind = index + 1
    if behind < len(tokens) and tokens[behind].type == "LSQB":
        behind = _behind_bracket(tokens, behind)
    return behind < len(tokens) and tokens[behind].type == "EQUAL"


def _behind_bracket(tokens: list[Token], index: int) -> int:
    """Return the index of the token behind the bracket that opens at `index`."""
    nested = 0
    for here in range(index, len(tokens) - 1):
        nested += {"LSQB": 1, "RSQB": -1}.get(tokens[here].type, 0)
        if not nested:
            return here + 1
    return len(tokens) - 1


def span_of(token: Token) -> Span:
    """Return where a token stands."""
    start, end, line, column = token.start_pos, token.end_pos, token.line, token.column
    assert start is not None and end is not None and line is not None and column is not None
    return Span(start, end, line, column)
