"""A file -> its text, or its syntax tree."""

from os import PathLike, fspath
from pathlib import Path

from tpc.diagnostics import Diagnostic, ProgramError, Span
from tpc.diagnostics.syntax_faults import NotText
from tpc.syntax.parse import parse_source
from tpc.syntax.tree import Source


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
