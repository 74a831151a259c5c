"""The examples in folders are read, written back and, where they are trained, train."""

from pathlib import Path

import numpy as np
import pytest

import tpc
from tests.syntax.trees import without_spans
from tests.syntax.unparse import unparse
from tpc.syntax.parse import load_source, parse_source

ROOT = Path(__file__).parents[3]
FILES = [ROOT / "tests" / "whole_network.tp", *sorted((ROOT / "examples").glob("*/*.tp"))]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_is_written_back_means_the_same(path: Path) -> None:
    source = load_source(path)
    again = parse_source(unparse(source))
    assert without_spans(again.statements) == without_spans(source.statements)
    described = tpc.load(path)
    assert described.title in repr(described)


@pytest.mark.slow
def test_an_optimizer_of_ones_own_trains() -> None:
    """Losses fall, features move, and what is watched has a row for the test input."""
    network = tpc.load(ROOT / "examples" / "training" / "own_optimizer.tp")
    result = tpc.simulate(network, width=256, trials=4, seed=0)
    f, features = result["f"], result["features"]
    assert f.shape == (9, 5) and features.shape == (9, 5, 5) and result["size"].shape == (9,)
    targets = np.array([1.0, -1.0, 0.5, 0.0])
    assert ((f[-1, :4] - targets) ** 2).sum() < 0.5 * (targets**2).sum()
    assert abs(features[-1] - features[0]).max() > 0.05
    assert result["size"][-1] > result["size"][0]
