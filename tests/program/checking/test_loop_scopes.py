"""Names that end with a round, and tensors that every round draws anew."""

import numpy as np
import pytest

import tpc
from tests.program.checking.finite_values import build, codes

FRESH = """\
dim n
vector v : n
h[0] = v
for l in range(2):
    matrix W : n x n ~ normal(0, 1.5 / n)
    vector b, c[2] : n
    z = W @ h[l] + 0.5 * b
    h[l+1] = tanh(z) + c[1]
y = W[1].T @ (W[0] @ h[2] + b[1]) + c[0][1]
output K = <y|h[2]>
output y
"""
WRITTEN = """\
dim n
vector v : n
matrix W0, W1 : n x n ~ normal(0, 1.5 / n)
vector b0, b1, c0[2], c1[2] : n
h1 = tanh(W0 @ v + 0.5 * b0) + c0[1]
h2 = tanh(W1 @ h1 + 0.5 * b1) + c1[1]
y = W1.T @ (W0 @ h2 + b1) + c0[1]
output K = <y|h2>
output y
"""


@pytest.mark.slow
def test_rounds_draw_tensors_of_their_own() -> None:
    """The limit and finite networks are those of the same program without a loop."""
    looped, written = tpc.parse(FRESH), tpc.parse(WRITTEN)
    exact = [tpc.evaluator(each).evaluate(method="quadrature")["K"] for each in (looped, written)]
    np.testing.assert_allclose(*exact, rtol=1e-8)
    (found, other) = (tpc.simulate(each, width=256, trials=40) for each in (looped, written))
    error = np.hypot(found.stderr["K"], other.stderr["K"])
    assert abs(found["K"] - other["K"]) < 4 * error
    assert abs(found["K"] - exact[0]) < 5 * found.stderr["K"] + 0.05


def test_fresh_tensors_are_families_after_the_loop() -> None:
    program = build("for l in range(2):\n    for t in [3, 5]:\n        vector u : n\ny = u[1, 5]\n")
    names = [binding.name for binding in program.bindings]
    assert names == ["u[0,3]", "u[0,5]", "u[1,3]", "u[1,5]", "y"]
    assert program.bindings[-1].node is program.bindings[3].node


def test_a_key_that_is_no_integer_is_its_place() -> None:
    program = build("for s in [0.5, 2]:\n    vector u : n\ny = u[1]\n")
    assert [binding.name for binding in program.bindings] == ["u[0]", "u[1]", "y"]


def test_names_of_a_round_may_be_those_of_other_loops() -> None:
    text = "vector x : n\n" + "for t in range(2):\n    z = t * x\n    const k = t\n" * 2
    assert [bound.name for bound in build(text).bindings] == [
        "x", "z[0]", "z[1]", "z_2[0]", "z_2[1]",
    ]  # fmt: skip


def test_a_loop_of_one_round_leaves_its_names() -> None:
    program = build("for t in [0]:\n    vector x : n\n    z = 2 * x\ny = z + x\n")
    assert [binding.name for binding in program.bindings] == ["x", "z", "y"]


def test_other_loops_may_not_bind_the_same_members() -> None:
    loop = "for t in range(2):\n    vector x : n\n"
    assert codes(loop + loop) == [("TP202", 4)]
    assert codes("for t in range(2):\n    vector x, x : n\n") == [("TP202", 2)]


def test_a_broken_name_of_a_round_is_reported_once() -> None:
    assert codes("vector x : n\nfor t in range(3):\n    z = x + q\ny = z\n") == [("TP201", 3)]
