"""Captured models against their networks: the text, and outputs on the same tensors."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.driver.imported import Imported
from tpc.importing.capture import read
from tpc.importing.translate import translate

HERE = Path(__file__).parent
CAPTURES = sorted((HERE / "captures").glob("*.json"))
ROUNDED = 1e-13
"""What is left of differences where both do the same in other orders."""


def imported(path: Path) -> Imported:
    """Return a capture's network, before it is held against the model."""
    return Imported(translate(read(path), attention="mup"))


@pytest.fixture(params=CAPTURES, ids=lambda path: path.stem)
def model(request: pytest.FixtureRequest) -> tuple[str, Imported]:
    """Return the name and the network of each model."""
    return request.param.stem, imported(request.param)


def test_texts(model: tuple[str, Imported], update_golden: bool) -> None:
    name, found = model
    golden = HERE / "networks" / f"{name}.tp"
    if update_golden:
        golden.write_text(found.text, encoding="utf-8")
    assert found.text == golden.read_text(encoding="utf-8")


def test_outputs_are_the_model_s(model: tuple[str, Imported]) -> None:
    _, found = model
    assert found.difference < ROUNDED


def test_wrong_tensors_show(model: tuple[str, Imported]) -> None:
    """The comparison can fail: tensors that are a little off give other outputs."""
    _, found = model
    capture = found.translated.capture
    rng = np.random.default_rng(0)
    state = {name: rng.standard_normal(t.shapes[0]) for name, t in capture.tensors.items()}
    (inputs,), (expected,) = capture.example.inputs, capture.example.outputs
    outputs = found.forward(state, capture.widths[0], inputs).reshape(expected.shape)
    assert np.abs(outputs - expected).max() > 0.01 * np.abs(expected).max()


def test_every_tensor_has_its_place(model: tuple[str, Imported]) -> None:
    """Blocks of a tensor are disjoint and fill it, but for what the notes leave out."""
    _, found = model
    capture = found.translated.capture
    width = capture.widths[0]
    for name, tensor in capture.tensors.items():
        count = np.arange(float(np.prod(tensor.shapes[0]))).reshape(tensor.shapes[0])
        pieces = [p for p in found.translated.pieces.values() if p.tensor == name]
        entries = [entry for piece in pieces for entry in piece.of(count, width).ravel()]
        if pieces:
            assert sorted(entries) == list(count.ravel())
        else:
            assert not tensor.trained or name == found.translated.output_bias


def test_networks_are_as_wide_as_their_models(model: tuple[str, Imported]) -> None:
    """Of a width that was not captured: the same blocks, the outputs of a network that is wider."""
    _, found = model
    capture = found.translated.capture
    width = 2 * capture.widths[0]
    shapes = {name: tensor.shapes[1] for name, tensor in capture.tensors.items()}
    state = {name: np.ones(shape) for name, shape in shapes.items()}
    tensors = found.tensors(state, width)
    assert found.forward(state, width, capture.example.inputs[0]).size
    assert set(tensors) == {weight.name for weight in found.program.weights}


def test_reports_name_every_trained_tensor(model: tuple[str, Imported]) -> None:
    _, found = model
    told = found.report("adamw(weight_decay=0.1)")
    pieces = {piece.tensor for piece in found.translated.pieces.values()}
    assert {each.tensor for each in told.tensors} == pieces
    assert str(told).startswith("mup with adamw")


@pytest.mark.slow
def test_public_names(tmp_path: Path) -> None:
    path = HERE / "captures" / "mlp.json"
    found = tpc.import_capture(path)
    assert found.names["fc2_weight"] == ("fc2.weight", ())
    assert any(note.startswith("fc2.bias: drawn") for note in found.notes)
    kernels = tpc.kernel(found.program, found.rows(np.eye(5)[:2]))
    assert kernels["nngp"].shape == (2, 2)


def test_frozen_tensors_are_not_trained() -> None:
    capture = read(HERE / "captures" / "mlp.json")
    chosen = ("fc1.weight", "fc2.weight")
    tensors = {
        name: replace(tensor, trained=name not in chosen)
        for name, tensor in capture.tensors.items()
    }
    found = Imported(translate(replace(capture, tensors=tensors)))
    frozen = [weight.name for weight in found.program.weights if not weight.trained]
    assert frozen == ["fc1_weight", "fc2_weight"]
