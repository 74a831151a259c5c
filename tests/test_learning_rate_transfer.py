"""The example that sweeps learning rates by width, at its small size."""

import importlib.util
import json
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "examples" / "learning_rate_transfer"


@pytest.fixture(scope="module")
def sweep() -> ModuleType:
    spec = importlib.util.spec_from_file_location("learning_rate_sweep", FOLDER / "sweep.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def numbers(sweep: ModuleType) -> dict[str, dict[str, object]]:
    return sweep.sweep(sweep.SMALL)


def medians(found: dict[str, object]) -> dict[int, float]:
    return {int(width): quartiles[1] for width, quartiles in found["widths"].items()}


@pytest.mark.slow
def test_in_mup_the_best_rate_goes_to_that_of_the_limit(numbers) -> None:
    low, limit, high = numbers["mup"]["limit"]
    assert low == limit == high > 0.1  # one number, and not zero
    by_width = medians(numbers["mup"])
    assert abs(math.log(by_width[256] / limit)) < 0.15
    spread = [math.log(q[2] / q[0]) for q in numbers["mup"]["widths"].values()]
    assert spread[-1] < 0.5 * spread[0]


@pytest.mark.slow
def test_in_ntp_the_best_rate_stays_random(numbers) -> None:
    low, _, high = numbers["ntp"]["limit"]
    assert math.log(high / low) > 0.005  # of four draws; searches end within 0.001


@pytest.mark.slow
def test_in_sp_the_best_rate_falls_like_one_over_n(numbers) -> None:
    by_width = medians(numbers["sp"])
    slope, _ = np.polyfit(np.log(list(by_width)), np.log(list(by_width.values())), 1)
    assert -1.15 < slope < -0.85
    assert "has no infinite-width limit" in numbers["sp"]["limit"]


@pytest.mark.slow
def test_the_figure_is_drawn(sweep: ModuleType, numbers, tmp_path: Path) -> None:
    sweep.draw(numbers, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_numbers_beside_the_figure_are_of_the_full_size(sweep: ModuleType, numbers) -> None:
    """And they agree with what is computed here: the limit of mup, to its last digits."""
    published = json.loads((FOLDER / "numbers.json").read_text(encoding="utf-8"))
    assert [int(width) for width in published["mup"]["widths"]] == list(sweep.FULL.widths)
    assert published["mup"]["limit"][1] == pytest.approx(numbers["mup"]["limit"][1], rel=2e-3)
    assert published["sp"]["limit"] == numbers["sp"]["limit"]
    slope = np.polyfit(
        np.log(list(medians(published["sp"]))), np.log(list(medians(published["sp"]).values())), 1
    )[0]
    assert -1.1 < slope < -0.9
