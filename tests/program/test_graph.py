"""The networkx view has every operation, matrix and operand of a program."""

from fractions import Fraction

import networkx
import numpy as np

from tpc.diagnostics import NOWHERE, Span
from tpc.program.builder import Builder
from tpc.program.graph import to_networkx
from tpc.program.nodes import Matrix
from tpc.program.program import Binding, Dim, Output, OutputKind, Program


def small_program() -> Program:
    """h = W @ (sw * x); back = W.T @ h; output c = <back|x>, with a mean[j] beside."""
    b = Builder()
    sw = b.parameter("sw", 2.0)
    two = b.number(2.0)
    gain = b.mul(two, sw)
    x = b.initial_vector("x", "n", (3,), None, b.number(1.0))
    w = Matrix("W", "m", "n", gain, "n", NOWHERE)
    b.span = Span(10, 20, 2, 5)
    h = b.matmul(w, False, b.mul(sw, x))
    back = b.matmul(w, True, h)
    c = b.inner(back, x)
    pair = b.mean(b.apply("tanh", b.mul(x, b.row(x, "j"))), ("j",))
    bindings = (Binding("h", h, NOWHERE), Binding("same", h, NOWHERE))
    outputs = (
        Output("c", OutputKind.SCALAR, c, NOWHERE),
        Output("p", OutputKind.VECTOR, pair, NOWHERE),
    )
    n = Dim("n", Fraction(1), NOWHERE)
    m = Dim("m", Fraction(2), NOWHERE)
    return Program(
        "small.tp", "", "", "nexort", {"n": n, "m": m}, (w,), (sw,), bindings, outputs,
        tuple(b.nodes),
    )  # fmt: skip


def find(graph: networkx.MultiDiGraph, operation: str) -> int:
    """Return the one node with an operation."""
    (found,) = [node for node, facts in graph.nodes(data=True) if facts["operation"] == operation]
    return found


def test_nodes_carry_sort_shape_dim_and_span() -> None:
    graph = to_networkx(small_program())
    facts = {graph.nodes[node]["operation"]: graph.nodes[node] for node in graph}
    sorts = {operation: facts[operation]["sort"] for operation in facts}
    assert sorts["param"] == "param"
    assert sorts["2"] == "static"
    assert sorts["W @"] == sorts["W.T @"] == sorts["vector"] == sorts["mean[j]"] == "vector"
    assert sorts["[j]"] == sorts["tanh"] == "row"
    assert sorts["<|>"] == "scalar"
    assert sorts["matrix"] == "matrix"
    assert facts["W @"]["dim"] == "m"
    assert facts["W @"]["shape"] == (3,)
    assert facts["W @"]["span"] == Span(10, 20, 2, 5)
    assert facts["W @"]["names"] == ("h", "same")
    assert facts["W @"]["label"] == "h"
    assert facts["W.T @"]["label"] == "W.T @"
    assert facts["matrix"]["dim"] == "m x n"
    assert facts["tanh"]["dim"] == "n x n[j]"
    assert facts["<|>"]["outputs"] == ("c",)
    assert facts["vector"]["label"] == "x"


def test_arithmetic_of_statics_and_params_is_a_param() -> None:
    graph = to_networkx(small_program())
    (gain,) = graph.predecessors(find(graph, "matrix"))
    assert graph.nodes[gain]["operation"] == "*"
    assert graph.nodes[gain]["sort"] == "param"


def test_edges_are_operands_keyed_by_slot() -> None:
    graph = to_networkx(small_program())
    product = find(graph, "W.T @")
    slots = {key: tail for tail, _, key in graph.in_edges(product, keys=True)}
    assert slots == {0: find(graph, "matrix"), 1: find(graph, "W @")}
    inner = find(graph, "<|>")
    assert sorted(key for *_, key in graph.in_edges(inner, keys=True)) == [0, 1]
    assert networkx.is_directed_acyclic_graph(graph)
    order = [node for node in graph if graph.nodes[node]["sort"] != "matrix"]
    assert order == list(range(len(small_program().nodes)))


def test_an_operand_used_twice_has_two_edges() -> None:
    b = Builder()
    x = b.initial_vector("x", "n", (), None, b.constant(np.array(1.0)))
    square = b.mul(x, x)
    program = Program("", "", "", "netsor", {}, (), (), (), (), tuple(b.nodes))
    graph = to_networkx(program)
    assert graph.number_of_edges(b.nodes.index(x), b.nodes.index(square)) == 2
