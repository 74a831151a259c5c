"""Whether a network says what its model does: both on the same tensors.

The model's outputs on tensors that anybody can make again, by `example_entries`, stand in the
capture; here the network is evaluated on the blocks of the same tensors.
"""

import numpy as np

from tpc.importing.capture import Capture
from tpc.importing.example import example_entries
from tpc.importing.translate import Translated
from tpc.importing.values import Array


def example_tensors(capture: Capture) -> dict[str, Array]:
    """Return the tensors of a capture's example, by name."""
    return {
        name: np.reshape(example_entries(name, tensor.shapes[0]), tensor.shapes[0])
        for name, tensor in capture.tensors.items()
        if tensor.tied is None
    }


def blocks(translated: Translated, tensors: dict[str, Array], width: int) -> dict[str, Array]:
    """Return the weights of a network, cut from a model's tensors of some width."""
    return {name: piece.of(tensors[piece.tensor], width) for name, piece in translated.pieces.items()}


def difference(translated: Translated) -> float:
    """Return the largest difference of outputs, relative to the largest output."""
    from tpc.simulation.forward import forward

    capture = translated.capture
    tensors, width = example_tensors(capture), capture.widths[0]
    (inputs,), (expected,) = capture.example.inputs, capture.example.outputs
    rows = inputs if translated.classes is None else np.eye(translated.classes)[inputs.astype(int)]
    shape = translated.network.input.shape
    found = forward(
        translated.network, blocks(translated, tensors, width), rows.reshape(len(rows), *shape)
    )
    found = found.reshape(expected.shape) * width ** float(translated.power)
    if translated.output_bias is not None:
        found = found + tensors[translated.output_bias]
    return float(np.abs(found - expected).max() / np.abs(expected).max())
