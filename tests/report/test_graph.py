"""The graph as dot text, JSON and pictures."""

import json
import shutil
import stat
from fractions import Fraction
from pathlib import Path

import networkx
import pytest

import tpc
from tpc.diagnostics import NOWHERE
from tpc.program.builder import Builder
from tpc.program.graph import to_networkx
from tpc.program.nodes import Matrix
from tpc.program.program import Binding, Dim, Output, OutputKind, Program
from tpc.report.graph import GraphvizMissing, draw_graph, graph_to_dot, graph_to_json


def graph(title: str = "") -> "networkx.MultiDiGraph[int]":
    """The graph of h = W @ x; output c = <h|h>."""
    b = Builder()
    one = b.number(1.0)
    x = b.initial_vector("x", "n", (2,), None, one)
    w = Matrix("W", "n", "n", one, "n", NOWHERE)
    h = b.matmul(w, False, x)
    c = b.inner(h, h)
    return to_networkx(
        Program(
            "a.tp", title, "", "netsor", {"n": Dim("n", Fraction(1), NOWHERE)}, (w,), (),
            (Binding("x", x, NOWHERE), Binding("h", h, NOWHERE)),
            (Output("c", OutputKind.SCALAR, c, NOWHERE),), tuple(b.nodes),
        )
    )  # fmt: skip


def test_dot_text() -> None:
    lines = graph_to_dot(graph()).splitlines()
    assert lines[0] == "digraph {"
    assert lines[-1] == "}"
    assert '    2 [label="h\\nW @\\nn [2]", shape="box", fillcolor="#cfe3f5",' in "\n".join(lines)
    edges = [line.strip() for line in lines if "->" in line]
    assert edges == ["4 -> 2", "1 -> 2", "2 -> 3", "2 -> 3"]  # a variance of 1 is not drawn
    assert graph_to_dot(graph()) == graph_to_dot(graph())


def test_dot_escapes() -> None:
    text = graph_to_dot(graph('say "hi" \\N'))
    assert 'label="say \\"hi\\" \\\\N"' in text


def test_json_is_node_link_data() -> None:
    original = graph()
    data = json.loads(json.dumps(graph_to_json(original)))
    back = networkx.node_link_graph(data, edges="edges")
    assert set(back.nodes) == set(original.nodes)
    assert sorted(back.edges(keys=True)) == sorted(original.edges(keys=True))
    assert back.nodes[2]["sort"] == "vector"
    assert back.nodes[2]["shape"] == [2]
    assert back.nodes[2]["span"]["line"] == 1
    assert back.graph["dialect"] == "netsor"


def test_missing_graphviz_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GraphvizMissing, match="not installed"):
        draw_graph(graph(), "svg")


def test_failing_graphviz_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "dot"
    fake.write_text('#!/bin/sh\necho "no such format $1" >&2\nexit 1\n')
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(GraphvizMissing, match="no such format -Tpng"):
        draw_graph(graph(), "png")


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_draws() -> None:
    assert b"<svg" in draw_graph(graph('say "hi" \\N'), "svg")
    assert draw_graph(graph(), "png").startswith(b"\x89PNG")


def test_a_mask_keeps_its_name() -> None:
    text = "dim n\nconst mask = range(2)[:, None] >= range(2)\nvector v[2, 2] : n\n"
    program = tpc.parse(f"{text}x = where(mask, v, 2)\noutput x\n")
    assert 'label="mask' in graph_to_dot(program.graph)
