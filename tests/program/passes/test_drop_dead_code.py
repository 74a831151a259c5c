"""Dead code: what no output needs goes, with its name and its matrix."""

from tests.program.passes.graph_programs import Text, applied
from tpc.program.passes import drop_dead_code


def build(with_output):
    t = Text()
    x, y = t.vector("x"), t.vector("y")
    used, unused = t.matrix("W"), t.matrix("V")
    c = t.b.parameter("c", 2.0)
    h, k = t.product(used, x), t.product(unused, y)
    outputs = {"h": h} if with_output else {}
    return t.program({"x": x, "y": y, "h": h, "k": k}, **outputs), c


def test_only_what_outputs_need():
    program, c = build(with_output=True)
    after = applied(drop_dead_code, program)
    assert [bound.name for bound in after.bindings] == ["x", "h"]
    assert [matrix.name for matrix in after.matrices] == ["W"]
    assert {getattr(node, "name", "") for node in after.nodes} == {"", "x", "c"}
    assert after.parameters == (c,) and c in after.nodes


def test_without_outputs_every_name_counts():
    program, _ = build(with_output=False)
    after = drop_dead_code(program)
    assert after.bindings == program.bindings
    assert after.matrices == program.matrices
    assert set(after.nodes) == set(program.nodes)
