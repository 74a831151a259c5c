"""Each reading of a limit is a function of its own, in which every line is needed."""

import ast

import pytest

import tpc
from tpc.codegen.evaluator import write_evaluator
from tpc.codegen.function import WrittenFunction
from tpc.codegen.statement import Speech
from tpc.codegen.writing_order import find_readings
from tpc.limit.equations import Limit

THERE_AND_BACK = """dim n
vector v : n
matrix W : n x n
x = tanh(W @ v)
y = W.T @ x
output overlap = <v|y>
output size = <y|y>
"""

DEEP = """dim n
vector u, w : n
matrix W : n x n
h = W @ tanh(u)
k = W.T @ tanh(h)
g = W @ (k * w)
output g
output c = <g|u>
"""

UPDATE = """dim n
vector u, v : n
y = mean[j](tanh(u * v[j]) * v[j])
output c = <y|tanh(v)>
output d = avg(tanh(u))
"""

SPEECH = Speech(lambda equation: "", lambda node: "", lambda: None)


def derived(text: str) -> Limit:
    return tpc.derive(tpc.parse(text))


def functions(text: str) -> dict[str, WrittenFunction]:
    return {
        function.name: function for function in write_evaluator(derived(text), SPEECH).functions
    }


def texts(function: WrittenFunction) -> list[str]:
    return [line.strip() for statement in function.body for line in statement.lines]


def test_readings_that_coincide_are_one() -> None:
    assert list(functions("dim n\nvector v : n\noutput c = avg(relu(v))\n")) == ["limit"]
    assert list(functions("dim n\nvector v : n\noutput c = avg(exp(abs(v)))\n")) == ["limit"]


def test_a_series_makes_two_functions() -> None:
    found = functions(THERE_AND_BACK)
    assert list(found) == ["limit_sampled", "limit_integrated"]
    assert "x = np.tanh(W_v)" in texts(found["limit_sampled"])
    # No ket is drawn where everything is a series.
    assert texts(found["limit_integrated"]) == [
        "overlap = mean_of_1_minus_tanh_squared(nodes, 1)",
        "size = mean_of_tanh_squared(nodes, 1) + overlap * overlap",
    ]


@pytest.mark.parametrize("text", [THERE_AND_BACK, DEEP, UPDATE])
def test_every_variable_is_read(text: str) -> None:
    for function in functions(text).values():
        read = set().union(*(code.reads for _, _, code in function.outputs))
        for statement in reversed(function.body):
            # A record of products remembers hats that nothing else reads.
            assert statement.target in read or ".hat(" in statement.lines[0]
            read |= statement.reads


@pytest.mark.parametrize("text", [THERE_AND_BACK, DEEP, UPDATE])
def test_nothing_is_computed_twice(text: str) -> None:
    for reading in find_readings(derived(text)):
        assert len(set(reading.nodes)) == len(reading.nodes)
    for function in functions(text).values():
        bound = [statement.target for statement in function.body]
        assert len(set(bound)) == len(bound)


def test_comments_are_complete_in_each_function() -> None:
    source = tpc.emit(derived(DEEP))
    tree = ast.parse(source)
    lines = source.split("\n")
    for name in ("limit_sampled", "limit_integrated"):
        (node,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name)
        own = "\n".join(lines[node.lineno : node.end_lineno])
        assert "nodes.sampled" not in own
        for local in ("t1", "t2", "t3"):
            if f"|{local}⟩" in own:
                assert f"|{local}⟩ = " in own, (name, local)


def test_outputs_stand_under_their_lines() -> None:
    source = tpc.emit(derived("dim n\nvector v : n\nx = tanh(v)\ny = x * v\noutput x\n"))
    assert "    # ---- line 5: output x\n    # output x: mean\n    mean_x = " in source


def test_expectations_that_vanish_leave_no_trace() -> None:
    text = "dim n\nvector x, y : n\nh = tanh(x) + avg(y * tanh(x)) * y\noutput c = <h|h>\n"
    assert "E[|y⟩" not in derived(text).to_text()
    assert " 0 *" not in tpc.emit(derived(text)).split("def limit")[1]
