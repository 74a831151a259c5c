"""What `--dot derivative` would take is said before it is tried."""

from pathlib import Path

import pytest

import tpc
from tests.network.training.texts import perceptron
from tpc.command_line.cli import main
from tpc.diagnostics import UsageError
from tpc.driver import compiler
from tpc.driver.training_program import cost_of_derivatives
from tpc.network.network import Network

INPUTS = [[1.0, 0.5], [-0.4, 0.9], [0.3, -0.7], [0.2, 0.1]]


def network(layers: int, steps: int) -> str:
    targets = [1.0, -1.0, 0.5, 0.2]
    return perceptron("tanh", layers, "sgd(lr=0.1)", "mup", steps, INPUTS, targets)


@pytest.mark.parametrize(
    ("layers", "steps", "said"), [(2, 200, True), (2, 8, False), (1, 200, False)]
)
def test_derivatives_of_many_steps_have_a_cost(layers: int, steps: int, said: bool) -> None:
    described = tpc.parse(network(layers, steps))
    assert isinstance(described, Network)
    cost = cost_of_derivatives(described)
    assert (cost is not None) == said
    if cost is not None:
        assert "640,000 floats" in cost and "41.9 GB" in cost


def test_the_command_line_says_it_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*given: object) -> None:
        raise UsageError("stopped")

    monkeypatch.setattr(compiler, "derive", stop)
    path = tmp_path / "net.tp"
    path.write_text(network(2, 9), encoding="utf-8")
    assert main(["compile", str(path), "--dot", "derivative"]) == 2
    said = capsys.readouterr().err
    assert "warning[TP610]: --dot derivative writes 9 steps out" in said and "stopped" in said
    assert main(["compile", str(path), "--dot", "stein"]) == 2
    assert "warning" not in capsys.readouterr().err
