"""Messages about long lines; tests/errors holds what messages look like otherwise."""

import pytest

from tpc.diagnostics import Diagnostic, Span, render
from tpc.diagnostics.name_faults import UnknownName


def rendered(line: str, column: int, length: int) -> tuple[str, str]:
    """Return the source line and the carets of an unknown name in the second line of a program."""
    source = f"dim n\n{line}\nx = 1\n"
    start = len("dim n\n") + column - 1
    span = Span(start, start + length, 2, column)
    found = Diagnostic.of(UnknownName("y", ""), span)
    _, _, text, carets = render([found], "a.tp", source).split("\n")
    assert text.startswith("2 | ") and carets.startswith("  | ")
    return text[4:], carets[4:]


@pytest.mark.parametrize("column", [1, 2, 30, 41, 42, 43, 500, 920, 921, 960, 961, 999, 1000])
def test_of_a_long_line_what_is_around_the_caret_is_shown(column: int) -> None:
    words = "".join(f"{word:5}" for word in range(200))
    line = words[: column - 1] + "y" + words[column:]
    text, carets = rendered(line, column, 1)
    assert len(text) <= 122
    assert text[carets.index("^")] == "y"
    assert carets == " " * text.index("y") + "^ not bound before this"
    assert text.strip("…") in line
    assert text.startswith("…") == (not line.startswith(text.strip("…")))
    assert text.endswith("…") == (not line.endswith(text.strip("…")))


def test_a_line_that_fits_is_shown_whole() -> None:
    assert rendered("a" * 119 + "y", 120, 1) == (
        "a" * 119 + "y",
        " " * 119 + "^ not bound before this",
    )


def test_carets_end_with_what_is_shown() -> None:
    text, carets = rendered("a" * 10 + "y" * 1000, 11, 1000)
    assert text == "a" * 10 + "y" * 110 + "…"
    assert carets == " " * 10 + "^" * 110 + " not bound before this"


def test_tabs_before_the_caret_stay_tabs() -> None:
    text, carets = rendered("\t" * 200 + "y" + "\t" * 200, 201, 1)
    assert text == "…" + "\t" * 40 + "y" + "\t" * 79 + "…"
    assert carets == " " + "\t" * 40 + "^ not bound before this"


@pytest.mark.slow
def test_every_diagnostic_of_a_long_line_is_told_in_a_few_words() -> None:
    line = "z = " + " + ".join(f"y{number}" for number in range(2000))
    found = [
        Diagnostic.of(UnknownName("y", ""), Span(at, at + 1, 1, at + 1))
        for at in range(len(line))
        if line[at] == "y"
    ]
    text = render(found, "a.tp", line)
    assert text.count("error[TP201]") == 2000
    assert len(text) < 2000 * 500
