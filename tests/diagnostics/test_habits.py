"""What docs/habits.md says to write is a program, and what is typed elsewhere gets a hint."""

import re
from pathlib import Path

import pytest

import tpc

PAGE = (Path(__file__).parents[2] / "docs" / "habits.md").read_text(encoding="utf-8")

WORDS = """\
dim n
vector x[3, 2], y[3, 2], z[3, 2], a, v, w : n
noise r[3, 2] : n
matrix W : n x n
matrix K[3, 3] : n x n
def f(z) = tanh(z)
h[0] = a
t = 0
"""

TRAINED = """\
dim n
input xi[2]
weight U[2] : n
weight v[2] : n
readout f = v * tanh(U @ xi)
train f:
    data [[1, 2], [3, 1], [0, 1], [1, 1]], [[1, 0], [0, 1], [1, 0], [1, 0]]
    parametrization mup
"""

LINES = {
    "optimizer": "optimizer sgd(lr=0.1)",
    "loss": "loss mse",
    "steps": "steps 3",
}


def rows(title: str) -> list[tuple[str, str]]:
    """Return what is typed and what is to be written, one each, of the table below a title."""
    table = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    found = []
    for line in table.split("\n"):
        cells = [c.replace(r"\|", "|") for c in re.split(r"(?<!\\)\|", line.strip("|"))]
        if len(cells) > 1 and "`" in line:
            typed, written = (re.findall(r"`([^`]+)`", cell) for cell in cells[:2])
            found += [(t, w) for t in typed for w in written]
    return found


def words_with(text: str) -> str:
    """Return a program with an expression or a statement."""
    if text.startswith("for"):
        return f"{WORDS}{text.rstrip(':')}:\n    k[k_] = a\n".replace("for k ", "for k_ ")
    if text == "W.T":
        text = "W.T @ v"
    is_statement = re.match(r"def |output |#|//|\w+(\[[^]]*\])? = ", text)
    return f"{WORDS}{text}\n" if is_statement else f"{WORDS}result = {text}\n"


def trained_with(text: str) -> str:
    lines = LINES | {text.split()[0]: text}
    return TRAINED + "".join(f"    {line}\n" for line in lines.values())


@pytest.mark.parametrize("written", sorted({w for _, w in rows("Words")}))
def test_what_is_to_be_written_is_a_program(written: str) -> None:
    tpc.parse(words_with(written))


@pytest.mark.parametrize("written", sorted({w for _, w in rows("Training")}))
def test_what_is_to_be_written_trains(written: str) -> None:
    tpc.parse(trained_with(written))


@pytest.mark.parametrize(("typed", "written"), rows("Words"))
def test_what_is_typed_elsewhere_gets_a_hint(typed: str, written: str) -> None:
    if typed == written:
        return
    with pytest.raises(tpc.ProgramError) as refused:
        tpc.parse(words_with(typed))
    assert refused.value.diagnostics[0].hint
