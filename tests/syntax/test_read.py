"""Files that are texts, and files that are none."""

from pathlib import Path

import pytest

from tests.syntax.trees import without_spans
from tpc.diagnostics import ProgramError
from tpc.syntax.parse import parse_source
from tpc.syntax.read import load_source, read_source

TEXT = "dim n\nif a:\n    b = 1\n"


@pytest.mark.parametrize(
    "data",
    [
        TEXT.encode(),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.rstrip().encode(),
    ],
    ids=["unix", "windows", "old mac", "byte order mark", "no newline"],
)
def test_every_kind_of_text_file(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.tp"
    path.write_bytes(data)
    source = load_source(path)
    assert source.name == str(path)
    assert source.text.rstrip() == TEXT.rstrip()
    assert without_spans(source.statements) == without_spans(parse_source(TEXT).statements)


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"dim n\ncaf\xe9 = 1\n", 2, 4),
        (b"\xef\xbb\xbfdim n\nx\xc3\xa9\xff\n", 2, 3),
        (b"\xff\xfed\0i\0m\0", 1, 1),
        (b"dim n\nx\0 = \xff", 2, 2),
        (b"\x89PNG\r\n\x1a\n\0\0", 1, 1),
        (b"dim n\n# \xe2\x82", 2, 3),
    ],
    ids=["latin 1", "after a byte order mark", "utf-16", "nul", "png", "cut off"],
)
def test_binary_files(data: bytes, line: int, column: int, tmp_path: Path) -> None:
    path = tmp_path / "p.tp"
    path.write_bytes(data)
    with pytest.raises(ProgramError) as raised:
        read_source(path)
    (found,) = raised.value.diagnostics
    assert (found.code, found.line, found.column) == ("TP101", line, column)
    assert str(raised.value).startswith(f"{path}:{line}:{column}: error[TP101]")


def test_every_byte_alone_is_text_or_an_error(tmp_path: Path) -> None:
    path = tmp_path / "p.tp"
    for byte in range(256):
        path.write_bytes(bytes([byte]))
        with pytest.raises(ProgramError):
            load_source(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_source(tmp_path / "none.tp")
