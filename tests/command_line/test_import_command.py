"""`tpc import`: what it writes and prints."""

from pathlib import Path

import pytest

from tpc.command_line.cli import main

HERE = Path(__file__).parents[1] / "importing"


def test_a_capture_becomes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "mlp.tp"
    capture = str(HERE / "captures" / "mlp.json")
    assert main(["import", capture, "-o", str(target), "--optimizer", "adamw"]) == 0
    assert target.read_text() == (HERE / "networks" / "mlp.tp").read_text()
    printed = capsys.readouterr().out
    assert "mup with adamw: feature learning" in printed
    assert "! fc2.bias: drawn" in printed


def test_notes_go_beside_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(HERE / "captures" / "gcn.json")]) == 0
    printed = capsys.readouterr()
    assert printed.out == (HERE / "networks" / "gcn.tp").read_text()
    assert "note: layer2.bias" in printed.err


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["broken/attention.json"], 1, "error[TP705]"),
        (["nothing.json"], 2, "is no capture"),
        (["models.py:Mlp"], 2, "needs --sample"),
        (["nothing.py:make", "--sample", "nothing.py:sample"], 2, "write FILE.py:NAME"),
    ],
)
def test_refusals(
    words: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(HERE / words[0]), *words[1:]]) == status
    assert message in capsys.readouterr().err


def test_other_json_is_no_capture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for content in ("[]", "{}", '{"format": "tpc capture", "version": 9}', "{"):
        path = tmp_path / "other.json"
        path.write_text(content)
        assert main(["import", str(path)]) == 2
        assert "other.json" in capsys.readouterr().err


def test_options(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--attention", "mup", "--no-check", "--optimizer", "sgd", "--parametrization", "ntp"]
    assert main(["import", str(HERE / "broken" / "attention.json"), *words]) == 0
    printed = capsys.readouterr().out
    assert "softmax(4 * avg(" in printed and "ntp with sgd: operator regime" in printed
