"""What `tpc inspect` says of a network."""

import json
from pathlib import Path

import networkx

import tpc
from tests.network.checking.networks import HEAD, network_of
from tpc.report.architecture import (
    architecture_to_json,
    architecture_to_latex,
    architecture_to_text,
    equations_of,
)
from tpc.report.text import write_lines

WHOLE = Path(__file__).parents[1] / "whole_network.tp"


def test_the_text_of_a_network() -> None:
    network = tpc.load(WHOLE)
    assert (
        architecture_to_text(network)
        == network.to_text()
        == """\
A whole network
a network of width n for one input xi of shape (2,)
param sw = 1.5
param rate = 0.1

weights
    U  vector-like of shape (2,), init 0.5, lr 2
    W  matrix-like, mult sw, abcd [0.5, 0, 1, 1]
    V  matrix-like, mult sw, abcd [0.5, 0, 1, 1]
    b  vector-like, init 0, mult 0.1, not trained
    g  scalar-like, start 1
    k  scalar-like of shape (2,), start ones(2)
    v  vector-like of shape (2,)

equations
    h[0] = U · xi
    h[1] = sw W @ relu(h[0]) + 0.1 b
    h[2] = g sw V.T @ tanh(h[1]) - mean[j](h[0] sigmoid(h[1][j]))
    x = relu(h[2])
    steps = x / sqrt(avg(x^2) + 0.001)

readout f of shape (2,): the sum over the width of
    v steps + 0.1 k b
"""
    )


def test_json_and_latex_say_the_same() -> None:
    network = tpc.load(WHOLE)
    said = json.loads(json.dumps(architecture_to_json(network)))
    assert said["weights"][1] == {
        "name": "W", "kind": "matrix", "shape": [], "init": "1", "mult": "sw", "lr": "1",
        "train": True, "abcd": [0.5, 0, 1, 1],
    }  # fmt: skip
    assert said["weights"][4]["start"] == "1" and not said["weights"][3]["train"]
    assert said["params"] == {"sw": 1.5, "rate": 0.1}
    assert len(said["equations"]) == architecture_to_latex(network).count("&=") - 1


def test_large_expressions_without_a_name_get_one() -> None:
    """However a formula is shared, what is printed stays in proportion to the program."""
    text = f"{HEAD}def twice(z) = z * z + tanh(z)\ny = {'twice(' * 30}x{')' * 30}\n"
    lines = write_lines(equations_of(network_of(text)).relations)
    assert 10 < len(lines) < 100 and sum(map(len, lines)) < 5000
    assert sum(line.startswith("where t") for line in lines) >= 10


def test_names_of_statics_do_not_stand_for_every_such_number() -> None:
    text = f"{HEAD}two = 2\nc = s * two\ny = 2 * x + c * h\n"
    lines = write_lines(equations_of(network_of(text)).relations)
    assert lines[-1].startswith("y = 2 x + ")


def test_the_graph_is_that_of_networkx() -> None:
    network = tpc.load(WHOLE)
    graph = network.graph
    assert isinstance(graph, networkx.MultiDiGraph)
    names = {name for _, facts in graph.nodes(data=True) for name in facts["names"]}
    assert {"xi", "U", "h[2]", "f"} <= names | {f["label"] for _, f in graph.nodes(data=True)}
    assert networkx.is_directed_acyclic_graph(graph)
    assert "A whole network" in repr(network) and "3 steps" in repr(network)
