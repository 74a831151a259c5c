"""The examples of depth, each against something independent."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tpc
from tpc.depth.scales import depth_scales
from tpc.network.named import optimizer_named
from tpc.network.network import Network

FOLDER = Path(__file__).parents[1] / "examples" / "depth"

SHOWN = [2, 4, 6, 16, 20]
"""f of the first row after each step, and <x|x> of the last two, in the order of the script."""


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    sys.modules.pop(name, None)
    return __import__(name)


@pytest.mark.slow
def test_closed_equations_and_the_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    """The closed equations have the published numbers, the claim has others from step two on."""
    blocks = script("nonlinear_blocks", monkeypatch)
    whole, claim = (blocks.extrapolated(kind, (4, 8, 16))[SHOWN] for kind in (True, False))
    published = [0.61650778, 0.86892011, 0.96629407, 2.13188123, 2.23569404]
    assert whole == pytest.approx(published, abs=2e-5)
    assert claim == pytest.approx([0.6165, 0.8824, 0.9771, 2.1859, 2.3039], abs=2e-4)


@pytest.mark.slow
def test_networks_go_to_the_closed_equations(monkeypatch: pytest.MonkeyPatch) -> None:
    """At width 512 and depth 8 they are where 8 cells are, but for corrections of the width."""
    blocks = script("nonlinear_blocks", monkeypatch)
    found, error = blocks.networks(512, 8, 24)
    parts = {kind: np.concatenate([x.ravel() for x in blocks.closed(8, kind)]) for kind in (1, 0)}
    second = 16
    allowed = 4 * error[second] + 5 / 512 + 0.02
    assert abs(found[second] - parts[1][second]) < allowed
    assert abs(found[second] - parts[0][second]) > abs(found[second] - parts[1][second])


@pytest.mark.slow
def test_fluctuations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of residual networks they stay, of plain ones they grow like the root of 5 L."""
    limits = script("commuting_limits", monkeypatch)
    residual = [limits.fluctuation(128, depth, plain=False) for depth in (16, 64)]
    assert residual[1] == pytest.approx(residual[0], rel=0.15)
    plain = limits.fluctuation(256, 32, plain=True)
    assert plain == pytest.approx(np.sqrt(5 * 32), rel=0.1)


def network(name: str) -> Network:
    found = tpc.load(FOLDER / f"{name}.tp")
    assert isinstance(found, Network)
    return found


@pytest.mark.slow
def test_the_classifier_is_singular() -> None:
    """The round's map of correlations, iterated by hand, falls like kappa'(0)^l."""
    found = depth_scales(network("optimal_classifier"), optimizer_named("sgd"), {})
    assert found is not None and found.phase is not None
    q, s_sq = 1.0, 2.25
    for _ in range(3000):
        q = s_sq * 2 / np.pi * np.arcsin(2 * q / (1 + 2 * q))
    a = s_sq * 4 / np.pi / (1 + 2 * q)
    b = s_sq * 4 / np.pi / np.sqrt(1 + 4 * q)
    assert found.phase.q == pytest.approx(q, rel=1e-10)
    assert found.phase.alpha == pytest.approx(-2 * np.log(a) / np.log(b), rel=1e-9)


@pytest.mark.slow
def test_shaped_attention_is_the_flow_of_matrices() -> None:
    """Euler's method by hand, in 64 rounds, is the recursion of 64 rounds."""
    tokens = np.array([[1.0, 0.2], [-0.3, 0.7], [0.5, -0.6]])
    c = tokens @ tokens.T
    for _ in range(64):
        a = np.exp(1.5 * c)
        a /= a.sum(axis=1, keepdims=True)
        c = c + 1.21 * a @ c @ a.T / 64
    found = tpc.kernel(network("shaped_attention"), tokens[None], depth=64)
    assert found["nngp"].item() == pytest.approx(c.sum() / 9, rel=1e-12)
    assert json.dumps(found.to_dict()["depth"]) == "64"
