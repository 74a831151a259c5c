"""`tpc simulate` of a network with a `train` block."""

import json
from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.command_line.cli import main

TEXT = """\
dim n
input xi[2]
param s = 1.0
weight U[2] : n
weight v[2] : n (lr=0.5)
x1 = tanh(s * U @ xi)
readout f = v * x1
train f:
    data [[1, 0], [0, 1], [1, 1]], [[1, 0], [-1, 0], [0, 1]]
    test [[2, 1]]
    loss mse
    reduce mean
    optimizer sgd(lr=0.5)
    parametrization mup
    steps 4
    batch 2
    track K = <x1|x1>
"""


def test_outputs_have_a_leading_axis_over_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.tp"
    path.write_text(TEXT.replace("v[2]", "v[2]").replace("v * x1", "v * x1"), encoding="utf-8")
    words = ["simulate", str(path), "--width", "16", "--trials", "3", "--set", "s=0.5", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["width"], found["samples"], found["params"]) == (16, 3, {"s": 0.5})
    outputs = {name: np.array(entry["value"]) for name, entry in found["outputs"].items()}
    assert outputs["f"].shape == (5, 4, 2)
    assert outputs["K"].shape == (5, 4, 4)
    assert np.array(found["outputs"]["f"]["stderr"]).shape == (5, 4, 2)


def test_the_command_is_the_function_and_seeds_matter() -> None:
    network = tpc.parse(TEXT)
    one, same, other = (tpc.simulate(network, 16, trials=2, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one["f"], same["f"])
    assert np.abs(one["f"] - other["f"]).max() > 0.01


def test_params_that_do_not_exist_are_wrong_usage() -> None:
    with pytest.raises(ValueError, match="no parameter `t`"):
        tpc.simulate(tpc.parse(TEXT), 16, t=1.0)
