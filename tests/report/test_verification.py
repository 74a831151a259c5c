"""How a verification is reported: JSON, table and figure."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tpc.report.figures import draw_convergence, save_convergence
from tpc.report.verification import farthest_entry, print_verification, verification_to_json
from tpc.simulation.result import Comparison, Verification

WIDTHS = (64, 128, 256)


def comparison(output: str, part: str, limit: object, slope: float, wrong: bool) -> Comparison:
    """A comparison in which the finite values are limit + slope / n."""
    value = np.asarray(limit, dtype=np.float64)
    steps = slope / np.array(WIDTHS, dtype=np.float64).reshape(-1, *(1,) * value.ndim)
    off = np.zeros(value.shape)
    off[(-1,) * value.ndim] = float(wrong)
    return Comparison(
        output=output, part=part, limit=value, limit_stderr=np.full(value.shape, 0.001),
        finite=value + off + steps, finite_stderr=np.full((3, *value.shape), 0.01),
        intercept=value + off, intercept_stderr=np.full(value.shape, 0.02),
        slope=np.full(value.shape, slope), chi2=np.full(value.shape, np.nan),
        allowed=np.full(value.shape, 0.1), agrees=off < 0.1,
    )  # fmt: skip


GRAM = [[1.0, 0.5], [0.5, 2.0]]
VERIFICATION = Verification(
    comparisons=(
        comparison("K", "value", GRAM, 2.0, False),
        comparison("h", "mean", [0.0, 1.0], 1.0, False),
        comparison("h", "cov", GRAM, 3.0, True),
        comparison("f", "cov", 1.0, -4.0, False),
    ),
    widths=WIDTHS, trials=5, seed=3, params={"s": np.array(2.0)}, method="mc", samples=1000,
)  # fmt: skip


def test_json() -> None:
    found = verification_to_json(VERIFICATION, "a.tp")
    json.dumps(found, allow_nan=False)
    outputs = found.pop("outputs")
    assert found == {
        "program": "a.tp", "command": "verify", "method": "mc", "samples": 1000, "seed": 3,
        "params": {"s": 2.0}, "widths": [64, 128, 256], "trials": 5, "engines": [], "agrees": False,
    }  # fmt: skip
    assert [(name, outputs[name]["agrees"]) for name in outputs] == [
        ("K", True), ("h", False), ("f", True)
    ]  # fmt: skip
    assert outputs["K"]["limit"] == outputs["K"]["intercept"] == GRAM
    assert outputs["K"]["values"]["64"][0][0] == 1 + 2 / 64
    assert outputs["K"]["stderr"]["256"] == [[0.01, 0.01], [0.01, 0.01]]
    assert outputs["h"]["cov"]["intercept"][1][1] == 3.0
    assert outputs["f"]["cov"]["limit"] == 1.0
    assert outputs["f"]["cov"]["chi2"] is None


def test_table_names_the_farthest_entry() -> None:
    file = io.StringIO()
    print_verification(VERIFICATION, file)
    text = file.getvalue()
    assert "h cov[1,1]" in text
    assert "1 of 4 disagree" in text
    assert text.count("agrees") == 3
    assert "3.000(20)" in text
    assert "n = 64" in text and "n = 256" in text


def test_what_is_no_number_is_farthest() -> None:
    found = comparison("K", "value", GRAM, 2.0, True)
    intercept = found.intercept.copy()
    intercept[0, 1] = np.nan
    assert farthest_entry(replace(found, intercept=intercept)) == (0, 1)


@pytest.mark.slow
def test_figure_draws_distances_and_errors() -> None:
    axes = draw_convergence(VERIFICATION).axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    np.testing.assert_allclose(lines["K"].get_ydata(), 2 / np.array(WIDTHS))
    np.testing.assert_allclose(lines["f cov"].get_ydata(), 4 / np.array(WIDTHS))
    assert axes.get_xscale() == axes.get_yscale() == "log"
    guide = np.asarray(lines["$n^{-1}$"].get_ydata())
    assert guide[0] / guide[-1] == pytest.approx(4.0)


@pytest.mark.slow
def test_exact_agreement_is_said_not_drawn() -> None:
    found = comparison("c", "value", 1.0, 0.0, False)
    exact = replace(found, finite_stderr=np.zeros(3), limit_stderr=np.zeros(()))
    axes = draw_convergence(replace(VERIFICATION, comparisons=(exact,))).axes[0]
    assert [line.get_label() for line in axes.lines] == ["c: exact"]


@pytest.mark.slow
@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_save(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"figure.{suffix}"
    save_convergence(VERIFICATION, path)
    assert path.read_bytes().startswith(start)
    with pytest.raises(ValueError, match="tp"):
        save_convergence(VERIFICATION, tmp_path / "figure.tp")
