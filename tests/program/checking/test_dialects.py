"""The least dialect of a text, and the check of the declared one."""

import pytest

from tests.program.checking.finite_values import build
from tpc.diagnostics import ProgramError
from tpc.program.program import DIALECTS

HEAD = "scalar c -> 2\nvector x, y : n\nmatrix W : n x n\n"

LEAST = {
    "z = W @ tanh(x)": "netsor",
    "output k = <x|y> * avg(x) + c": "netsor",
    "z = x - avg(x)": "netsor+",
    "z = <x|y> * x": "netsor+",
    "z = W @ (c * x)": "netsor+",
    "k = c * avg(y)\nz = k * x": "netsor+",
    "readout f = x * avg(y)": "netsor+",
    "z = W.T @ x": "netsort",
    "z = (2 * W).T @ x\nk = avg(z)": "netsort",
    "z = W.T @ (x * avg(x))": "netsort+",
    "z = mean[j](x[j] * x)": "nexort",
    "output k = mean[j](x[j])": "nexort",
    "def unused(z) = mean[j](z[j])": "nexort",
    "def centred(z) = z - avg(z)": "netsor",
}


@pytest.mark.parametrize("body", LEAST)
def test_least_dialect(body):
    assert build(f"{HEAD}{body}\n").dialect == LEAST[body]


def above(dialect):
    """Return the dialects that contain a dialect, from theory alone: the lattice of features."""
    features = {"netsor": set(), "netsor+": {"+"}, "netsort": {"t"}, "netsort+": {"+", "t"}}
    features["nexort"] = {"+", "t", "mean"}
    return {name for name in DIALECTS if features[dialect] <= features[name]}


@pytest.mark.parametrize("declared", DIALECTS)
@pytest.mark.parametrize("body", LEAST)
def test_declared_dialect(declared, body):
    text = f"dialect {declared}\n{HEAD}{body}\n"
    if declared in above(LEAST[body]):
        assert build(text).dialect == LEAST[body]
        return
    with pytest.raises(ProgramError) as raised:
        build(text)
    assert {found.code for found in raised.value.diagnostics} <= {"TP204", "TP205", "TP206"}


@pytest.mark.parametrize(
    ("declared", "body", "written"),
    [
        ("netsor", "z = 2 * W.T @ x\nk = W.T @ z", ["2 * W.T", "W.T"]),
        ("netsor", "z = x - avg(x)\nk = <x|y> * z", ["avg(x)", "<x|y>"]),
        ("netsort", "z = c * x", ["c"]),
        ("netsort+", "z = mean[j](x[j] * x)", ["mean[j](x[j] * x)"]),
        ("netsor", "def f(z) = W.T @ z\nk = f(x)", ["f(x)"]),
    ],
)
def test_the_offending_text_is_underlined(declared, body, written):
    with pytest.raises(ProgramError) as raised:
        build(f"dialect {declared}\n{HEAD}{body}\n")
    source = raised.value.source
    assert [found.span.text(source) for found in raised.value.diagnostics] == written
