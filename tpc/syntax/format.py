"""Program text -> the same program, laid out in one way: `tpc fmt`.

Blocks are indented by four blanks, operators of sums and products have blanks round them; powers,
options and fractions in exponents, `L^(-1/2)`, have none. Lines break where they broke, comments
stay where they stood, or two blanks behind the code that reaches them; of several blank lines one
is left. What is formatted stays so.
"""

from dataclasses import dataclass

from lark import Token

from tpc.syntax.parse import logical_lines, parse_source
from tpc.syntax.tokens import OPERAND_ENDS, SETTING_WORDS

_INDENT = 4

_OPENING, _CLOSING = ("LPAR", "LSQB"), ("RPAR", "RSQB")

_CALLED = frozenset(
    ("NAME", "FUNCTION", "NORMAL", "CONSTANT", "MEAN", "PRIMES", *_CLOSING, "TRANSPOSE", "STEP")
)
"""What a bracket belongs to that stands behind it."""

_TIGHT = frozenset(("CIRCUMFLEX", "POWER", "VBAR"))
"""Signs without blanks."""

_TIGHT_BEFORE = frozenset((*_CLOSING, "COMMA", "SEMICOLON", "TRANSPOSE", "STEP", "PRIMES"))

_DECLARATIONS = frozenset(("VECTOR", "NOISE", "MATRIX", "WEIGHT"))


def format_text(text: str, name: str = "<string>") -> str:
    """Return a program's text as it is laid out.

    Raises:
        ProgramError: It does not parse.
    """
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    parse_source(text, name)
    rows = _rows_with_code(text)
    blocks = [0]  # the indentation of open blocks, as written
    beside = (-1, 0)  # where the last comment behind code stood, and where it stands
    written: list[str] = []
    for number, source in enumerate(text.split("\n"), 1):
        row, stripped = rows.get(number), source.strip()
        if row is not None:
            if row.is_first:
                blocks = [*blocks[: row.depth], row.indent] if row.depth else [0]
            comment = source[row.end :].strip()
            column = len(source.expandtabs(_INDENT).rstrip()) - len(comment)
            written.append(_with_comment(row.written, comment, column))
            beside = (column, len(written[-1]) - len(_comment(comment))) if comment else (-1, 0)
        elif stripped.startswith("#"):
            depth = _depth_of_comment(source, number, rows, blocks)
            shift = beside[1] if _indent(source) == beside[0] else _INDENT * depth
            written.append(" " * shift + _comment(stripped))
        elif written and written[-1]:
            written.append("")
    return "\n".join(written).rstrip("\n") + "\n"


@dataclass(frozen=True, slots=True)
class _Row:
    """A physical line with tokens.

    Attributes:
        written: Its code as it is laid out.
        end: Where its code ended.
        depth: How many blocks it stands in.
        indent: How far it was indented.
        is_first: Whether a logical line begins with it.
    """

    written: str
    end: int
    depth: int
    indent: int
    is_first: bool


def _rows_with_code(text: str) -> dict[int, _Row]:
    """Return the physical lines with tokens by their numbers."""
    rows: dict[int, _Row] = {}
    lines = text.split("\n")
    for line in logical_lines(text):
        tokens = line.tokens[:-1]
        spaces = _spaces(tokens)
        first = _indent(lines[_row(tokens[0]) - 1])
        for number in dict.fromkeys(map(_row, tokens)):
            own = [index for index, token in enumerate(tokens) if _row(token) == number]
            indent = _indent(lines[number - 1])
            shift = max(0, indent - first) + _INDENT * line.depth
            code = "".join(" " * (spaces[i] and i != own[0]) + tokens[i].value for i in own)
            end = (tokens[own[-1]].end_column or 1) - 1
            rows[number] = _Row(" " * shift + code, end, line.depth, indent, own[0] == 0)
    return rows


def _spaces(tokens: list[Token]) -> list[bool]:
    """Return whether a blank stands before each token of a logical line."""
    found, opened, unary = [False], list[str](), False
    kinds = [token.type for token in tokens]
    for at in range(1, len(tokens)):
        before = kinds[at - 1]
        if before in _OPENING or (before == "LESSTHAN" and _opens(kinds, at - 1)):
            power = at > 1 and kinds[at - 2] in ("CIRCUMFLEX", "POWER")
            opened.append("EXPONENT" if power else before)
        elif opened and (before in _CLOSING or (before == "MORETHAN" and opened[-1] == "LESSTHAN")):
            opened.pop()
        unary = before in ("MINUS", "PLUS") and not _ends_operand(kinds, at - 2)
        found.append(not unary and _spaced(kinds, at, opened))
    return found


def _spaced(kinds: list[str], at: int, opened: list[str]) -> bool:
    """Return whether a blank stands between two tokens, signs aside."""
    before, kind, inside = kinds[at - 1], kinds[at], opened[-1] if opened else ""
    if before == kind == "SEMICOLON":
        return True
    if inside == "EXPONENT" and "SLASH" in (before, kind):
        return False
    if before in _OPENING or kind in _TIGHT_BEFORE or {before, kind} & _TIGHT:
        return False
    if kinds[0] == "DIALECT" and kind == "PLUS":
        return False
    if before == "LESSTHAN" and _opens(kinds, at - 1):
        return False
    if kind == "MORETHAN" and inside == "LESSTHAN":
        return False
    if kind == "EQUAL" or before == "EQUAL":
        return not inside
    if kind == "COLON":
        return not inside and kinds[0] in _DECLARATIONS
    if before == "COLON":
        return not inside
    if kind in _OPENING and before in _CALLED:
        options = kind == "LPAR" and not inside and kinds[0] == "WEIGHT"
        return options or (at == 1 and before in _WORDS)
    return True


_WORDS = frozenset(word.upper() for word in (*SETTING_WORDS, "return"))


def _opens(kinds: list[str], at: int) -> bool:
    """Return whether a `<` is a bracket: no operand stands before it."""
    return not _ends_operand(kinds, at - 1)


def _ends_operand(kinds: list[str], at: int) -> bool:
    return at >= 0 and kinds[at] in OPERAND_ENDS


def _row(token: Token) -> int:
    assert token.line is not None
    return token.line


def _indent(source: str) -> int:
    return len(source.expandtabs(_INDENT)) - len(source.expandtabs(_INDENT).lstrip())


def _comment(text: str) -> str:
    """Return a comment with a blank behind its mark."""
    return f"# {text[1:]}".rstrip() if text[1:2] not in ("", " ", "#", "!", "-", "=") else text


def _with_comment(code: str, comment: str, column: int) -> str:
    """Return code and the comment behind it, in its column where the code leaves room."""
    if not comment:
        return code
    gap = column - len(code)
    return f"{code}{' ' * (gap if gap > 0 else 2)}{_comment(comment)}"


def _depth_of_comment(source: str, number: int, rows: dict[int, _Row], blocks: list[int]) -> int:
    """Return the depth of a line that is a comment: that of the block it is indented like."""
    indent = _indent(source)
    following = next((rows[n] for n in range(number, max(rows) + 1) if n in rows), None)
    if following is not None and following.is_first and indent == following.indent:
        return following.depth
    return max(depth for depth, of in enumerate(blocks) if of <= indent or depth == 0)
