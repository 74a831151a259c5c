"""Classifications as text, LaTeX and JSON, and `tpc classify`."""

import json
from pathlib import Path

import pytest

import tpc
from tpc.command_line.cli import main
from tpc.report.classification import classification_to_latex, classification_to_text

TEXT = """\
dim n
input xi[2]
weight U[2] : n
weight W : n x n
weight v : n
weight g (start=1)
x1 = tanh(U @ xi)
x2 = g * tanh(W @ x1)
readout f = v * x2
train f:
    data [[1, 0], [0, 1]], [1, -1]
    loss mse
    optimizer adam(lr=0.1, eps=0.01)
    parametrization mup
    steps 3
"""


@pytest.fixture
def network(tmp_path: Path) -> str:
    path = tmp_path / "net.tp"
    path.write_text(TEXT, encoding="utf-8")
    return str(path)


def test_json_has_everything_as_numbers(network: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classify", network, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["command"] == "classify"
    assert (found["parametrization"], found["optimizer"]) == ("mup", "adam")
    assert found["regime"] == "feature learning"
    assert found["stable"] and found["faithful"] and not found["trivial"]
    assert not found["perceptron"]  # the gain is no layer
    weights = {weight["name"]: weight for weight in found["weights"]}
    assert [weights["W"][key] for key in "abcdr"] == [0, 0.5, 1, 1, 0]
    assert weights["v"]["role"] == "output-like"
    assert weights["g"]["role"] == "scalar-like"
    assert weights["W"]["practice"]["multiplier 1"]["learning_rate"] == -1
    assert weights["W"]["practice"]["multiplier 1"]["weight_decay"] == 1


def test_the_command_line_overrides_the_train_block(
    network: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["classify", network, "--json", "--optimizer", "sgd", "--parametrization", "sp"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["regime"] == "unstable"
    assert "r >= 0 of `W`" in [violation["condition"] for violation in found["violations"]]


def test_wrong_words_are_wrong_usage(
    network: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["classify", network, "--optimizer", "adams"]) == 2
    assert "adafactor" in capsys.readouterr().err
    assert main(["classify", network, "--parametrization", "meanfield"]) == 2
    assert "`W` makes a second one" in capsys.readouterr().err
    program = tmp_path / "program.tp"
    program.write_text("dim n\nvector v : n\noutput v\n", encoding="utf-8")
    assert main(["classify", str(program)]) == 2
    assert "declares no `weight`" in capsys.readouterr().err


def test_text_and_latex_have_the_same_cells() -> None:
    found = tpc.classify(tpc.parse(TEXT), parametrization="uniform(0.25)")
    text, latex = classification_to_text(found), classification_to_latex(found)
    assert "uniform(1/4) with adam" in text
    assert "n^-5/4" in text and "$n^{-5/4}$" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 3
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert {row.count("&") for row in rows} == {7, 5}


def test_training_without_a_limit_is_refused_with_the_reason() -> None:
    network = tpc.parse(TEXT.replace("mup", "sp").replace("adam(lr=0.1, eps=0.01)", "sgd(lr=0.1)"))
    with pytest.raises(tpc.ProgramError, match="TP310") as raised:
        tpc.derive(network)
    assert raised.value.diagnostics[0].label.startswith("updates of `W`")


def test_layers_of_a_loop_are_one_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.tp"
    loop = "for l in range(12):\n    weight W : n x n\n    h[l + 1] = relu(W @ h[l])\n"
    head = "dim n\ninput xi[2]\nweight U[2], v : n\nh[0] = relu(U @ xi)\n"
    path.write_text(f"{head}{loop}readout f = v * h[12]\n", encoding="utf-8")
    assert main(["classify", str(path)]) == 0
    assert "W[0..11]  matrix-like, layers 2 to 13  0  1/2  1" in capsys.readouterr().out
    assert main(["classify", str(path), "--json"]) == 0
    weights = json.loads(capsys.readouterr().out)["weights"]
    assert weights[-1]["name"] == "W[0..11]" and weights[-1]["layer"] == list(range(2, 14))
