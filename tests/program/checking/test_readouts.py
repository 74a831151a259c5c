"""Which readouts have a centred Gaussian limit, and what is named where they have none."""

import pytest

from tests.program.checking.finite_values import build
from tpc.diagnostics import ProgramError

HEAD = """\
scalar c -> 2
param p = 1
vector v, w, x, y, b : n
vector v2[2] : n
vector biased : n ~ normal(1, 1)
matrix W : n x n
h = W @ x + b
x1 = tanh(h)
"""

SOUND = [
    "v * x1",
    "v * biased",
    "-v / (1 + c) + p * w * x1 / 2",
    "(v + w) * x1",
    "v * h",
    "v * (x + w)",
    "v * x",
    "b * (W @ x)",
    "v * x + w * y",
    "v * x + x * y",
    "v2 * x1",
    "v2 @ [1, 2]",
    "v2 @ [[1, 2], [3, 4]] * x1",
    "sum(v2 * x1) - v2[0]",
    "v + v * w",
    "v * avg(w * x) + x1 * <w|x> * v",
    "v * <x1|x1>",
    "v * (W.T @ x1)",
    "v * mean[j](tanh(x * x1[j]))",
    "(v + x) * y - x * y",
    "(v + 1) * x1 - x1",
    "v * (w + tanh(x)) - w * v",
    "0 * x1 + v",
    "v * x * y * w",
    "x1 - x1",
]

REFUSED = {
    "x1": "a term has no initial vector of mean zero as a factor",
    "biased": "a term has no initial vector of mean zero",
    "v * x1 + 1": "a term has no initial vector of mean zero",
    "v * v": "not linear in `v`",
    "v^2": "a term has no initial vector",
    "v * tanh(x + v)": "not linear in `v`, on which `tanh(x + v)` depends",
    "b * x1": "not linear in `b`, on which `tanh(h)` depends",
    "h": "a term has no initial vector",
    "v * (W @ v)": "not linear in `v`, on which `(W @ v)` depends",
    "v * avg(v * x)": "not linear in `v`, on which `avg(v * x)` depends",
    "v * <v|x>": "not linear in `v`, on which `<v|x>` depends",
    "x1 / v": "a term has no initial vector",
    "v / (1 + v)": "not linear in `v`, on which `(1 + v)` depends",
    "v * x + x * y + y * v": "linear in no choice of `v` and `x` and `y`",
    "v + w + v * w": "linear in no choice of `v` and `w`",
    "v * avg(w * x) + w * avg(x)": "not linear in `w`, on which `avg(w * x)` depends",
    "amax(v2)": "a term has no initial vector",
    "v2[0] * v2[1]": "not linear in `v2`",
    "v * mean[j](v[j] * x)": "not linear in `v`, on which `mean[j](v[j] * x)` depends",
}


@pytest.mark.parametrize("text", SOUND)
def test_sound(text):
    (readout,) = build(f"{HEAD}readout f = {text}\n").outputs
    assert (readout.name, readout.kind.value, readout.node.is_vector) == ("f", "readout", True)


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text):
    with pytest.raises(ProgramError) as raised:
        build(f"{HEAD}readout f = {text}\n")
    (found,) = raised.value.diagnostics
    assert found.code == "TP243" and REFUSED[text] in found.message


def test_readouts_of_a_family():
    program = build(f"{HEAD}for t in range(2):\n    readout f[t] = v2[t] * x1\n")
    assert [output.name for output in program.outputs] == ["f[0]", "f[1]"]


@pytest.mark.slow
def test_hundreds_of_choices_and_deep_graphs():
    """Each term leaves two choices; the residual stream is a thousand layers deep."""
    lines = [f"vector a{i}, b{i} : n" for i in range(200)]
    total = " + ".join(f"a{i} * b{i}" for i in range(200))
    (readout,) = build("\n".join(lines) + f"\nreadout f = {total}\n").outputs
    assert readout.name == "f"
    lines = ["vector s0, v : n", "matrix W : n x n"]
    for i in range(1000):
        lines += [f"vector b{i} : n", f"s{i + 1} = s{i} + tanh(W @ s{i}) + b{i}"]
    program = build("\n".join(lines) + "\nreadout f = v * s1000\n")
    assert len(program.nodes) > 3000
