"""Diagnostics -> text: the only place that knows about carets and columns; their exception."""

from typing import Protocol

from tpc.diagnostics.diagnostic import NOWHERE, Diagnostic, Fault, Span

WIDEST = 120
"""Of a longer source line, so many columns around the caret are shown."""

BEFORE = 40
"""How many of them stand before the caret, where the line goes on behind it."""


def render(diagnostics: list[Diagnostic], name: str, source: str) -> str:
    """Render diagnostics of a file, each with its source line and caret span."""
    lines = source.split("\n")
    return "\n\n".join(_render_one(found, name, lines) for found in diagnostics)


def _render_one(found: Diagnostic, name: str, lines: list[str]) -> str:
    what = f"{found.severity}[{found.code}]: {found.message}"
    head = f"{name}:{found.line}:{found.column}: {what}"
    if found.span == NOWHERE and found.severity == "warning":
        return f"{name}: {what}"
    line = lines[found.line - 1] if found.line <= len(lines) else ""
    before, text, behind, at = _window(line.rstrip("\r"), found.column - 1)
    margin = " " * len(str(found.line))
    indent = "".join("\t" if character == "\t" else " " for character in text[:at])
    carets = "^" * max(1, min(found.span.end - found.span.start, len(text) - at))
    shown = [
        head,
        f"{margin} |",
        f"{found.line} | {before}{_printable(text)}{behind}",
        f"{margin} | {' ' * len(before)}{indent}{carets} {found.label}".rstrip(),
    ]
    if found.hint:
        shown.append(f"hint: {found.hint}")
    return "\n".join(shown)


def _window(line: str, at: int) -> tuple[str, str, str, int]:
    """Return the part of a line to show between two marks, and where `at` is in that part."""
    if len(line) <= WIDEST:
        return "", line, "", at
    start = max(0, min(at - BEFORE, len(line) - WIDEST))
    stop = start + WIDEST
    before, behind = "…" if start else "", "…" if stop < len(line) else ""
    return before, line[start:stop], behind, at - start


def _printable(text: str) -> str:
    """Replace control characters, so that no terminal is driven by a broken file."""
    return "".join(c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class UsageError(ValueError):
    """A call that does not suit the program: an unknown parameter, too few samples."""


class Described(Protocol):
    """What a file describes: a program, or a network."""

    @property
    def name(self) -> str:
        """The name of the file."""

    @property
    def source(self) -> str:
        """Its text."""


class ProgramError(Exception):
    """A program or its data is wrong.

    Attributes:
        diagnostics: All that was found, in source order.
        name: The file name, or `<string>`.
        source: The program text.
    """

    def __init__(self, diagnostics: list[Diagnostic], name: str, source: str) -> None:
        self.diagnostics = sorted(
            diagnostics, key=lambda found: (found.line, found.column, found.code)
        )
        self.name = name
        self.source = source
        super().__init__(self.diagnostics, name, source)

    @classmethod
    def of(cls, described: Described, *found: tuple[Fault, Span]) -> "ProgramError":
        """Return the error of faults in a program or a network, each at its place."""
        diagnostics = [Diagnostic.of(fault, span) for fault, span in found]
        return cls(diagnostics, described.name, described.source)

    def __str__(self) -> str:
        return render(self.diagnostics, self.name, self.source)
