"""The example that holds Adam at finite widths beside its limits, at its small size."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "adaptive_optimization"


@pytest.fixture(scope="module")
def figures() -> ModuleType:
    path = FOLDER / "figures.py"
    spec = importlib.util.spec_from_file_location("adaptive_optimization_figures", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def computed(figures: ModuleType):
    return figures.compute(figures.SMALL)


@pytest.mark.slow
def test_wider_networks_come_closer_to_the_limit(computed) -> None:
    _, numbers = computed
    for found in numbers.values():
        narrow, wide = found["distance"].values()
        assert wide < narrow
        assert 0.1 < found["rate"] < 1


@pytest.mark.slow
def test_the_limit_is_what_wide_networks_do(figures: ModuleType, computed) -> None:
    found, _ = computed
    for limit, error, finite in found.values():
        runs = finite[max(finite)]
        mean, own = runs.mean(axis=0), runs.std(axis=0, ddof=1) / np.sqrt(len(runs))
        # Errors from two replicates and from four runs: the largest of 8 numbers.
        assert (np.abs(mean - limit)[1:] < 8 * np.hypot(own, error)[1:] + 0.02).all()


@pytest.mark.slow
def test_the_figure_is_drawn(figures: ModuleType, computed, tmp_path: Path) -> None:
    figures.draw(computed[0], tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
