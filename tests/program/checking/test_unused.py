"""Warnings of names that nothing reads."""

from pathlib import Path

import pytest

import tpc

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").rglob("*.tp"))

HEAD = "dim n\nvector v : n\nmatrix W : n x n\noutput y = W @ v\n"

NETWORK = """\
dim n
input xi[2]
weight U[2] : n
weight v : n
h = U @ xi
x = tanh(h)
readout f = v * x
"""


def unused(text: str) -> list[str]:
    return [found.message.split("`")[1] for found in tpc.parse(text).warnings]


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("vector u : n\n", ["u"]),
        ("vector u, _u : n\n", ["u"]),
        ("const X = [1, 2]\nconst Y = X\n", ["Y"]),
        ("param s = 1\n", ["s"]),
        ("dim m = 2 * n\n", ["m"]),
        ("def f(z) = z\n", ["f"]),
        ("for t in range(2):\n    matrix M : n x n\n    output c[t] = <v|M @ v>\n", []),
        ("h[0] = v\nfor t in range(2):\n    h[t + 1] = W @ h[t]\n", []),
        ("const k = 1\nif k > 0:\n    output c = <v|v>\n", []),
        ("x = tanh(v)\noutput x\n", []),
    ],
)
def test_programs(line: str, names: list[str]) -> None:
    assert unused(HEAD + line) == names


def test_values_of_a_file_that_puts_nothing_out_are_read_by_people() -> None:
    assert unused("dim n\nvector v : n\nx = tanh(v)\n") == []


def test_networks() -> None:
    assert unused(NETWORK) == []
    assert unused(NETWORK.replace("x = ", "weight b : n\nx = ")) == ["b"]
    train = "train f:\n    data [[1, 2]], [1]\n    loss mse\n    optimizer sgd(lr=1)\n"
    train += "    parametrization mup\n    steps 2\n    track K = <g|g>\n"
    assert unused(NETWORK.replace("readout", "g = h * h\nreadout") + train) == []


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_have_no_warnings(path: Path) -> None:
    assert tpc.load(path).warnings == ()
