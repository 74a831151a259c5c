"""Diagnostics -> text: the only place that knows about carets and columns."""

from tpc.diagnostics.diagnostic import Diagnostic, ProgramError


def render(error: ProgramError) -> str:
    """Render every diagnostic of an error, in source order, with its source line and caret span."""
    lines = error.source.split("\n")
    return "\n\n".join(_render_one(found, error.name, lines) for found in error.diagnostics)


def _render_one(found: Diagnostic, name: str, lines: list[str]) -> str:
    head = f"{name}:{found.line}:{found.column}: error[{found.code}]: {found.message}"
    text = lines[found.line - 1] if found.line <= len(lines) else ""
    text = text.rstrip("\r")
    margin = " " * len(str(found.line))
    indent = "".join("\t" if character == "\t" else " " for character in text[: found.column - 1])
    carets = "^" * max(1, min(found.span.end - found.span.start, len(text) - found.column + 1))
    shown = [
        head,
        f"{margin} |",
        f"{found.line} | {_printable(text)}",
        f"{margin} | {indent}{carets} {found.label}".rstrip(),
    ]
    if found.hint:
        shown.append(f"hint: {found.hint}")
    return "\n".join(shown)


def _printable(text: str) -> str:
    """Replace control characters, so that no terminal is driven by a broken file."""
    return "".join(c if c == "\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
