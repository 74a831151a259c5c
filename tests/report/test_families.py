"""Rows of tables that are for families."""

import json

import tpc
from tpc.network.network import Network
from tpc.report.architecture import architecture_to_json, architecture_to_text
from tpc.report.families import family_name, grouped

TEXT = """\
dim n
input xi[2]
weight U[2], v : n
h[0] = U @ xi
for l in range(12):
    weight W : n x n (mult=1 + l // 11)
    h[l + 1] = relu(W @ h[l])
readout f = v * h[12]
"""


def test_names_of_families() -> None:
    assert family_name(["W"]) == "W"
    assert family_name(["W[3]", "W[4]", "W[5]"]) == "W[3..5]"
    assert family_name(["W[0]", "W[2]"]) == ""
    assert family_name(["W[0,1]", "W[0,2]"]) == "W[0,1..2]"
    assert family_name(["W[0,1]", "W[1,2]"]) == ""


def test_members_with_other_cells_have_other_rows() -> None:
    members = {"W[0]": 1, "b[0]": 1, "W[1]": 1, "b[1]": 2, "v": 1, "b[2]": 1}
    rows = [name for name, _ in grouped(members, str, members.__getitem__)]
    assert rows == ["W[0..1]", "b[0]", "b[2]", "b[1]", "v"]


def test_an_architecture_has_a_row_for_all_layers_that_are_alike() -> None:
    network = tpc.parse(TEXT)
    assert isinstance(network, Network)
    text = architecture_to_text(network)
    assert "W[0..10]  matrix-like\n" in text and "W[11]     matrix-like, mult 2\n" in text
    weights = json.loads(json.dumps(architecture_to_json(network)))["weights"]
    assert [weight["name"] for weight in weights] == ["U", "v", "W[0..10]", "W[11]"]
