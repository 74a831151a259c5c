"""The verdict on a loop, the power of its branch, what its weights need."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

import tpc
from tests.numeric.test_deep_kernels import TEXT, tied
from tpc.command_line.cli import main
from tpc.depth.scales import DepthScales, depth_scales
from tpc.network.named import optimizer_named
from tpc.network.network import Network

ROUND = """    weight W : n x n ({options})
    x[l + 1] = x[l] + L^(-{alpha}) * {block}"""


def scales(
    alpha: str, block: str = "(W @ x[l])", use: str = "sgd", options: str = "mult=1.2"
) -> DepthScales:
    body = ROUND.format(options=options, alpha=alpha, block=block)
    network = tpc.parse(TEXT.format(body=body))
    assert isinstance(network, Network)
    found = depth_scales(network, optimizer_named(use), {})
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("alpha", "verdict", "power"),
    [("1/2", "flow", Fraction(1, 2)), ("3/4", "frozen", Fraction(3, 4)), ("1", "frozen", 1)],
)
@pytest.mark.slow
def test_verdicts(alpha: str, verdict: str, power: Fraction) -> None:
    found = scales(alpha)
    assert (found.verdict, found.alpha, found.block) == (verdict, power, 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("use", "alpha", "rate", "eps"),
    [
        ("sgd", "1/2", 0, None),
        ("momentum", "1", 1, None),
        ("adam", "1/2", Fraction(-1, 2), Fraction(-1, 2)),
        ("signsgd", "1", 0, -1),
        ("lion", "3/4", Fraction(-1, 4), Fraction(-3, 4)),
    ],
)
def test_powers_of_optimizers(use: str, alpha: str, rate: Fraction, eps: Fraction | None) -> None:
    (weight,) = (w for w in scales(alpha, use=use).weights if w.name == "W")
    assert (weight.place, weight.rate, weight.eps) == ("inside", rate, eps)


@pytest.mark.slow
def test_written_rates_are_told() -> None:
    right = scales("1", use="sgd", options="mult=1.2, lr=L")
    assert [w.off for w in right.weights if w.name == "W"] == [0]
    assert [w.off for w in scales("1").weights if w.name == "W"] == [-1]


@pytest.mark.slow
def test_growth_blocks_and_ties() -> None:
    assert scales("1/2", "relu(W @ x[l])").verdict == "blow-up"
    assert scales("1/4").verdict == "blow-up"
    assert scales("1/2", "(W @ tanh(W @ x[l]))").block == 2
    network = tpc.parse(tied("x[l] + 1.4 * (W @ erf(x[l])) / L"))
    assert isinstance(network, Network)
    found = depth_scales(network, optimizer_named("adam"), {})
    assert found is not None
    assert (found.verdict, found.alpha, found.tied) == ("plane", 1, True)


@pytest.mark.slow
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.tp"
    body = ROUND.format(options="mult=1.5", alpha="1/2", block="(W @ relu(x[l]))")
    file.write_text(TEXT.format(body=body), encoding="utf-8")
    assert main(["classify", str(file), "--optimizer", "adam"]) == 0
    text = capsys.readouterr().out
    assert "In depth, L → ∞: flow, branch L^-alpha with alpha = 1/2, blocks of one matrix" in text
    assert "W       inside   L^-1/2      1     L^-1/2         L^-1/2  1" in text
    assert "W[0..L - 1]" in text and "Tensor Programs VI calls alpha = 1/2 optimal" in text
    assert main(["classify", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["in_depth"]
    assert (found["verdict"], found["alpha"], found["block_depth"]) == ("flow", 0.5, 1)
    plain = TEXT.format(body="    weight W : n x n\n    x[l + 1] = W @ relu(x[l])")
    file.write_text(plain, encoding="utf-8")
    assert main(["inspect", str(file)]) == 0
    assert "critical phase" in capsys.readouterr().out
