"""`tpc verify` on training: limits against trained networks, which know nothing of each other."""

from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.command_line.cli import main

TEXT = """\
dim n
input xi[2]
param lr = 1.0
weight U[2] : n
weight W : n x n
weight v : n
x1 = tanh(U @ xi)
x2 = tanh(W @ x1)
readout f = v * x2
train f:
    data [[1.0, 0.5], [-0.4, 0.9]], [1.0, -0.5]
    loss mse
    optimizer {optimizer}
    parametrization {parametrization}
    steps 2
    track K2 = <x2|x2>
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("optimizer", "parametrization"),
    [
        ("momentum(lr=0.3 * lr, decay=0.1)", "mup"),
        ("adam(lr=0.2 * lr, eps=0.1, clip=0.5)", "mup"),
        ("adafactor(lr=0.2 * lr, eps=0.2)", "mup"),
        ("sgd(lr=0.4 * lr)", "ntp"),
        ("signsgd(lr=0.2 * lr, eps=0.3)", "ntp"),
        # Weights that decay take the output before training with them, which stays random.
        ("sgd(lr=0.4 * lr, decay=0.1)", "ntp\n    center true"),
    ],
)
def test_trained_networks_go_to_the_limit_of_their_training(
    optimizer: str, parametrization: str
) -> None:
    text = TEXT.format(optimizer=optimizer, parametrization=parametrization)
    network = tpc.parse(text)
    found = tpc.verify(network, (32, 64, 128, 256), trials=24, samples=1024, seed=3)
    assert found.agrees
    assert [comparison.output for comparison in found.comparisons] == [
        "f",
        "K2",
        "loss",
        "loss_all",
    ]
    assert found.comparisons[0].limit.shape == (3, 2)


@pytest.mark.slow
def test_first_steps_with_a_small_eps_are_jumps() -> None:
    """Dots through Q_0 = g / sqrt(g^2 + 1e-16) need Stein's lemma: else f_1 is 0.07, not 0.11."""
    text = TEXT.format(optimizer="adam(lr=0.1)", parametrization="mup")
    network = tpc.parse(text.replace("steps 2", "steps 1"))
    found = tpc.verify(network, (64, 128, 256), trials=64, samples=16384, seed=2)
    assert found.agrees
    f = found.comparisons[0]
    error = np.hypot(f.limit_stderr, f.intercept_stderr)[1, 0]
    assert error < 0.008
    assert abs(f.limit[1, 0] - 0.07) > 4 * error


@pytest.mark.slow
def test_the_limit_of_another_learning_rate_is_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Finite networks get lr = 1, their limit half of that."""
    network = tpc.parse(TEXT.format(optimizer="sgd(lr=0.5 * lr)", parametrization="mup"))
    wrong = tpc.train(network, samples=4096, lr=0.5)
    monkeypatch.setattr("tpc.driver.verification.train", lambda *_, **options: wrong)
    found = tpc.verify(network, (32, 64, 128, 256), trials=24)
    assert not found.agrees


@pytest.mark.slow
def test_the_command_compares_every_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.tp"
    path.write_text(TEXT.format(optimizer="sgd(lr=0.4)", parametrization="mup"), encoding="utf-8")
    words = ["verify", str(path), "--widths", "16,32,64", "--trials", "8", "--samples", "1024"]
    assert main([*words, "--plot", str(tmp_path / "figure.png")]) == 0
    assert "K2[" in capsys.readouterr().out
    assert (tmp_path / "figure.png").exists()
    assert main([*words, "--engine", "matrix-free"]) == 0
    assert "matrix-free at 16, 32, 64" in " ".join(capsys.readouterr().out.split())
    assert main([*words, "--set", "rate=2"]) == 2


def test_training_without_a_limit_is_not_compared() -> None:
    network = tpc.parse(TEXT.format(optimizer="sgd(lr=0.4)", parametrization="sp"))
    with pytest.raises(tpc.ProgramError, match="TP310"):
        tpc.verify(network)
