"""Limits of training as the papers write them, for all steps at once."""

import json
import re
from pathlib import Path

import pytest

import tpc
from tests.network.training.texts import perceptron
from tpc.command_line.cli import main
from tpc.driver.training_program import scales_of
from tpc.network.network import Network
from tpc.report.training import TrainingLimit


def printed(optimizer: str, parametrization: str, more: tuple[str, ...] = ()) -> tuple[str, str]:
    """Return text and LaTeX of a network's training."""
    text = perceptron("tanh", 2, optimizer, parametrization, 7, more=more)
    network = tpc.parse(text)
    assert isinstance(network, Network)
    chapter = TrainingLimit(network, scales_of(network)).chapter
    return chapter.to_text(), chapter.to_latex()


def test_the_maximal_update_limit() -> None:
    text, latex = printed("adam(lr=0.2, decay=0.1)", "mup")
    assert "maximal update limit (mup): 7 steps, 2 data rows" in text
    for line in (
        "|h2[t]⟩ = |W2[t]| @ |x1[t]⟩",
        "|dh2[t]⟩ = chi[t] |v[t]⟩ (1 - |x2[t]⟩^2)",
        "f[t] = E[|v[t]⟩ |x2[t]⟩]",
        "|W2[t+1]| = (1 - 0.1) |W2[t]| - 0.2 Q_t(Gamma_W2[0], ..., Gamma_W2[t])",
        "where Gamma_W2[t] = |dh2[t]⟩ ⟨x1[t]|",
    ):
        assert line in text
    assert "W2[1]" not in text  # not unrolled
    wanted = r"\lvert W_{2,t+1} \rvert &= (1 - 0.1)\, \lvert W_{2,t} \rvert - 0.2\, Q_{t}("
    assert wanted in latex


@pytest.mark.parametrize("center", ["true", "false"])
def test_the_neural_tangent_limit(center: str) -> None:
    text, latex = printed("sgd(lr=0.2)", "ntp", (f"center {center}",))
    for line in (
        "|h2⟩ = |W2| @ |x1⟩",
        "|dh2⟩ = |v⟩ (1 - |x2⟩^2)",
        "f[t+1] = f[t] - K[t]",
        "0.2 E[|dh2⟩ Q_t(Gamma_W2[0], ..., Gamma_W2[t]) |x1⟩¹]",
        "where Gamma_W2[t] = |dh2⟩ chi[t] ⟨x1|",
    ):
        assert line in text
    assert ("f[0] = 0" in text) == (center == "true")
    assert ("f[0] ~ N(0, ⟨y|y⟩)" in text) == (center == "false")
    assert len(re.findall(r"\\begin\{align\*\}", latex)) == 3
    assert r"\paragraph{Output, $Q_t$: \texttt{sgd g}}" in latex


def test_weight_decay_ages_what_has_been_learned() -> None:
    text, _ = printed("sgd(lr=0.2, decay=0.1)", "ntp")
    assert "f[t+1] = F[t+1] - K[t] - (1 - decay) K[t-1] - ...; F: the untrained output" in text


@pytest.mark.parametrize("layout", ["text", "latex", "html", "json"])
@pytest.mark.slow
def test_every_format_has_the_round(
    layout: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Forward and backward passes, updates, and products with the factors of the updates."""
    path = tmp_path / "net.tp"
    path.write_text(perceptron("tanh", 2, "momentum(lr=0.2)", "mup", 12), encoding="utf-8")
    assert main(["inspect", str(path), "--format", layout]) == 0
    said = capsys.readouterr().out
    if layout == "json":
        training = json.loads(said)["training"]
        assert [section["title"].split(",")[0] for section in training["sections"]] == [
            "forward", "backward", "output and error signal", "updates", "products",
        ]  # fmt: skip
        assert all("align*" in section["latex"] for section in training["sections"])
        said = "\n".join([*training["about"], *training["sections"][-1]["equations"]])
    factors = {
        "latex": r"c_{\mathrm{W2},t+1} &= c_{\mathrm{W2},t} + 0.2",
        "html": "<i>c_W2[t+1]</i> = <i>c_W2[t]</i> + 0.2",
    }.get(layout, "c_W2[t+1] = c_W2[t] + 0.2")
    assert factors in said.replace("<wbr>", "")
    assert ("memory: " in said) == (layout != "latex")
