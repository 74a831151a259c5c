"""The example of predictions, on made-up digits: three clouds of points."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits" / "classify.py"


@pytest.mark.slow
def test_it_predicts_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = importlib.util.spec_from_file_location("classify", EXAMPLE)
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    random = np.random.default_rng(0)
    digits = np.arange(60) % 3
    images = random.standard_normal((3, 64))[digits] + 0.3 * random.standard_normal((60, 64))
    monkeypatch.setattr(example, "load_digits", lambda: (images, digits))
    monkeypatch.setattr(example, "TRAIN", 30)
    monkeypatch.setattr(sys, "argv", ["classify.py", str(tmp_path / "figure.png")])
    example.main()
    out = capsys.readouterr().out
    assert "NNGP posterior: 100.0% of 30 test images" in out
    assert "gradient flow: 100.0% at the end" in out
    assert (tmp_path / "figure.png").stat().st_size > 5000
