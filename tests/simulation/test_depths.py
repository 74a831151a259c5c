"""Kernels at finite widths and depths: fits of made values, and networks held against flows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tpc
from tests.numeric.test_deep_kernels import ATTENTION, MORE, TEXT
from tpc.command_line.cli import main
from tpc.diagnostics import UsageError
from tpc.driver.depth_verification import verify_depths
from tpc.simulation.depths import DepthComparison, compare

WIDTHS, DEPTHS = (64, 256, 1024), (8, 16, 32)

RELU = """    weight W : n x n (mult=1.5)
    x[l + 1] = x[l] + L^(-1/2) * (W @ relu(x[l]))"""

NETWORKS = {
    "relu": TEXT.format(body=RELU),
    "norm": TEXT.format(body=MORE["norm"]),
    "attention": ATTENTION,
}


def made(shift: float, seed: int = 0) -> DepthComparison:
    """Return a comparison of values that follow the model, all of them off by a shift."""
    rng = np.random.default_rng(seed)
    n, depth = np.array(WIDTHS)[:, None], np.array(DEPTHS)[None]
    exact = 2 - 3 / depth[0] + 5 / depth[0] ** 2
    errors = 0.01 / np.sqrt(n) + 0 * depth
    finite = exact + 7 / n + 4 / (n * depth) + shift + errors * rng.standard_normal(errors.shape)
    limit, zero = np.array(2.0), np.array(0.0)
    return compare("K", (limit, zero), exact, (finite, errors), (WIDTHS, DEPTHS), (63, 1))


def test_coefficients_of_made_values() -> None:
    found = made(0.0)
    assert found.agrees.all()
    for name, value in {"b": 7, "c": -3, "d": 4}.items():
        error = max(float(found.coefficients_stderr[name]), 1e-9)
        assert abs(found.coefficients[name] - value) < 4 * error, name
    assert abs(found.intercept - 2) < 4 * found.intercept_stderr
    assert found.extrapolated == pytest.approx(2, abs=1e-12)


@pytest.mark.slow
def test_false_alarms_are_rare_and_shifts_are_seen() -> None:
    assert sum(not made(0.0, seed).agrees for seed in range(200)) <= 2
    assert not made(0.01).agrees


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_finite_networks_go_to_the_flow(name: str) -> None:
    network = tpc.parse(NETWORKS[name])
    found = verify_depths(network, DEPTHS, (64, 256), trials=12, seed=3)
    assert found.agrees


@pytest.mark.slow
def test_a_wrong_limit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of another multiplier do not go to this flow."""
    from tpc.driver import depth_verification

    network = tpc.parse(NETWORKS["relu"])
    other = tpc.parse(NETWORKS["relu"].replace("1.5", "1.7"))
    own = depth_verification._program
    monkeypatch.setattr(
        depth_verification, "_program", lambda _, depth, inputs: own(other, depth, inputs)
    )
    assert not verify_depths(network, DEPTHS, (64, 256), trials=12, seed=3).agrees


@pytest.mark.slow
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, inputs, figure = tmp_path / "net.tp", tmp_path / "x.csv", tmp_path / "f.png"
    file.write_text(NETWORKS["relu"], encoding="utf-8")
    inputs.write_text("1,0.5,-1\n", encoding="utf-8")
    words = ["verify", str(file), "--depths", "4,8", "--widths", "32,64", "--trials", "12"]
    words += ["--inputs", str(inputs)]
    assert main([*words, "--json", "--plot", str(figure)]) == 0, capsys.readouterr()
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found["depths"] == [4, 8] and found["depth"] == "infinite"
    assert set(found["outputs"]["ntk"]["coefficients"]) == {"b", "c", "d"}
    assert np.shape(found["outputs"]["nngp"]["limit"]) == (1, 1)
    assert figure.stat().st_size > 10_000
    assert main(words) == 0
    assert "L first" in capsys.readouterr().out


@pytest.mark.parametrize("depths", [(8,), ()])
def test_too_few_depths(depths: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="two depths"):
        verify_depths(tpc.parse(NETWORKS["relu"]), depths or (0,))
