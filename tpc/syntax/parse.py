"""Program text, or a file of it -> syntax tree.

    lexer (lark)    text    -> tokens
    Lines           tokens  -> logical lines, each with the depth of its block
    Automaton       lines   -> statements; lark's LALR tables, nodes made as rules are reduced

A line that does not parse is explained, then replaced by one that does, so that every line is read
in its place and all independent errors of a file are reported in one run. Nothing here recurses,
however deep the text nests.

Later stages may recurse over expressions. A level is a step from a node to one of its parts. The
left operand of an operator is no step: chains like `a + b + c`, of any length, stand on one level,
and later stages walk them in a loop. Nor are parentheses, which make no nodes.
"""

from collections.abc import Iterable, Iterator
from os import PathLike, fspath
from pathlib import Path

from lark import Token

from tpc.diagnostics import NOWHERE, Diagnostic, Fault, ProgramError, Span
from tpc.diagnostics.syntax_faults import (
    EmptyProgram,
    MissingBlock,
    NestedTooDeep,
    NotText,
    UnclosedBracket,
    UnexpectedIndent,
)
from tpc.syntax import tree
from tpc.syntax.automaton import Automaton
from tpc.syntax.explain import explain
from tpc.syntax.lines import Line, Lines
from tpc.syntax.make_training import Statements
from tpc.syntax.slip import Slip, next_statement
from tpc.syntax.tokens import span_of
from tpc.syntax.tree import Source

MAX_REPORTS = 100
"""After this many errors the rest of the file is not read."""

_COLON = ("COLON", ":")
_HEADERS = {
    "IF": (("IF", "if"), ("TRUE", "true"), _COLON),
    "ELIF": (("ELIF", "elif"), ("TRUE", "true"), _COLON),
    "ELSE": (("ELSE", "else"), _COLON),
    "TRAIN": (("TRAIN", "train"), ("NAME", "_"), _COLON),
    "OPTIMIZER": (
        ("OPTIMIZER", "optimizer"),
        *(("NAME", "_"), ("LPAR", "("), ("NAME", "_"), ("RPAR", ")")),
        _COLON,
    ),
}
_LOOP = (("FOR", "for"), ("NAME", "_"), ("IN", "in"), ("NUMBER", "0"), _COLON)
_LINE = (("NAME", "_"), ("EQUAL", "="), ("NUMBER", "0"), ("_NEWLINE", ""))
_SETTING = (("STEPS", "steps"), ("NUMBER", "0"), ("_NEWLINE", ""))
"""Stand-ins for headers and for lines that do not parse."""


def parse_source(text: str, name: str = "<string>") -> Source:
    """Parse a program.

    Args:
        text: The program text; a byte order mark in front is dropped.
        name: What messages call the file.

    Returns:
        The syntax tree. Its expressions nest at most `nesting.MAX_NESTING` levels deep, chains of
        left-associative operators not counted.

    Raises:
        ProgramError: TP102-TP149, all independent errors of the text.
    """
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    statements, found = _Reading(text).read()
    if not found and not statements:
        found = [Diagnostic.of(EmptyProgram(), NOWHERE)]
    found = found or deep_places(statements)
    if found:
        raise ProgramError(list(dict.fromkeys(found)), name, text)
    return Source(name, text, statements)


def logical_lines(text: str) -> list[Line]:
    """Return the lines of a text that parses, with their tokens as the grammar took them."""
    reading = _Reading(text)
    reading.read()
    return list(Lines(reading.tokens, text))


class _Reading:
    """A pass over one text, line by line."""

    def __init__(self, text: str) -> None:
        self._automaton = Automaton(text)
        self.tokens = self._automaton.tokens
        self._lines = Lines(self.tokens, text)
        self._found: list[Diagnostic] = []
        self._depth = 0
        self._keyword: Token | None = None
        self._is_broken = False

    def read(self) -> tuple[Statements, list[Diagnostic]]:
        """Return the statements and the faults; where there are any, the statements are void."""
        for line in self._lines:
            if self._enter(line):
                self._read(line)
            if len(self._found) >= MAX_REPORTS:
                return (), self._found + self._lines.found
        self._enter(None)
        return self._automaton.finish(), self._found + self._lines.found

    def _enter(self, line: Line | None) -> bool:
        """Open and close blocks up to the depth of a line, or of the end of the text.

        Returns:
            Whether to read the line: it may stand in a block where none can be.
        """
        depth = line.depth if line else 0
        expected = self._automaton.expects_block()
        if expected and depth <= self._depth:
            assert self._keyword is not None
            self._report(MissingBlock(self._keyword.value), self._keyword)
            self._feed(("_INDENT", ""))
            self._feed_line()
            self._feed(("_DEDENT", ""))
        while depth < self._depth:
            self._feed(("_DEDENT", ""))
            self._depth -= 1
        if line and depth > self._depth:
            if not expected:
                if not self._is_broken:
                    self._report(UnexpectedIndent(), line.tokens[0])
                    self._is_broken = True
                if "FOR" not in self._automaton.accepted():
                    return False
                self._feed(*self._header(), ("_NEWLINE", ""))
            self._feed(("_INDENT", ""))
            self._depth = depth
        self._keyword = line.tokens[0] if line else None
        return True

    def _read(self, line: Line) -> None:
        """Parse one line; where that fails, explain and replace it."""
        before = self._automaton.snapshot()
        index = self._automaton.feed(line.tokens)
        self._is_broken = index is not None
        if index is None:
            return
        self._automaton.restore(before)
        self._automaton.feed(line.tokens[:index])
        explanation = explain(Slip(line.tokens, index, self._automaton.accepted(), line.unclosed))
        self._found.append(explanation)
        self._automaton.restore(before)
        self._replace(self._kind(line.tokens[0]))
        if line.unclosed or explanation.code == UnclosedBracket.code:
            resumed = next_statement(line.tokens, index)
            if resumed is not None:
                self._lines.resume(line.start + resumed)

    def _kind(self, first: Token) -> str:
        """Return the type of a line's first token, the words of settings told from headers."""
        is_setting = first.type == "OPTIMIZER" and self._automaton.expects_setting()
        return "STEPS" if is_setting else first.type

    def _replace(self, kind: str) -> None:
        """Feed a line like a broken one, so that what follows is read as it was meant."""
        if kind in ("ELIF", "ELSE") and kind not in self._automaton.accepted():
            kind = "IF"
        if kind in self._automaton.accepted():
            self._feed(*_HEADERS.get(kind, ()))
        self._feed_line()

    def _header(self) -> tuple[tuple[str, str], ...]:
        """Return a header for a block that has none, like the line before it."""
        kind = self._keyword.type if self._keyword else ""
        kind = "IF" if kind == "ELIF" else kind
        is_block = kind in ("IF", "TRAIN", "OPTIMIZER") and kind in self._automaton.accepted()
        return _HEADERS[kind] if is_block and not self._automaton.expects_setting() else _LOOP

    def _feed_line(self) -> None:
        """Feed a line that stands for one that does not parse."""
        self._feed(*(_SETTING if self._automaton.expects_setting() else _LINE))

    def _report(self, fault: Fault, token: Token) -> None:
        self._found.append(Diagnostic.of(fault, span_of(token)))

    def _feed(self, *words: tuple[str, str]) -> None:
        """Feed tokens that stand nowhere in the text."""
        rejected = self._automaton.feed(
            [Token(kind, word, 0, 1, 1, 1, 1, 0) for kind, word in words]
        )
        assert rejected is None


MAX_NESTING = 100
"""How many levels an expression may have below its first."""


def deep_places(statements: Iterable[tree.Statement]) -> list[Diagnostic]:
    """Return a diagnostic for each expression of a program that is nested too deep."""
    found = []
    for root in _expressions(statements):
        pending: list[tuple[tree.Syntax, int]] = [(root, 0)]
        while pending:
            node, level = pending.pop()
            if level > MAX_NESTING:
                found.append(Diagnostic.of(NestedTooDeep(MAX_NESTING), node.span))
                break
            pending += [(part, level + _is_step(node, part)) for part in tree.children(node)]
    return found


def _is_step(node: tree.Syntax, part: tree.Syntax) -> bool:
    """Whether a part of an expression stands a level below it."""
    match node:
        case tree.Binary(left=left):
            return part is not left
        case tree.Call(function=function):
            return part is not function
        case tree.Mean(body=body):
            return part is body
        case _:
            return not isinstance(node, tree.Keyword)


def _expressions(parts: Iterable[tree.Syntax]) -> Iterator[tree.Expression]:
    """Yield every outermost expression of a program."""
    for part in parts:
        if isinstance(part, tree.Expression):
            yield part
        else:
            yield from _expressions(tree.children(part))


def load_source(path: str | PathLike[str]) -> Source:
    """Read and parse a program file.

    Raises:
        OSError: The file cannot be opened.
        ProgramError: TP101-TP149.
    """
    return parse_source(read_source(path), fspath(path))


def read_source(path: str | PathLike[str]) -> str:
    r"""Return the text of a program file, every line end as `\n`.

    Raises:
        OSError: The file cannot be opened.
        ProgramError: TP101, the file is not UTF-8 text.
    """
    data = Path(path).read_bytes()
    nul = data.find(b"\0")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # Bytes in front of `error.start` are counted without the byte order mark.
        start = len(data) - len(error.object) + error.start
        if not 0 <= nul < start:
            raise _not_text(path, data, start, f"byte 0x{data[start]:02x}") from None
    if nul >= 0:
        raise _not_text(path, data, nul, "a NUL byte")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _not_text(path: str | PathLike[str], data: bytes, start: int, what: str) -> ProgramError:
    """Report a byte, and show the start of its line."""
    before = data[:start].decode("utf-8-sig", "replace")
    source = before + data[start : start + 1].decode("utf-8", "replace")
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    fault = NotText(f"{what} at line {line}, column {column}")
    span = Span(len(before), len(before) + 1, line, column)
    return ProgramError([Diagnostic.of(fault, span)], fspath(path), source)
