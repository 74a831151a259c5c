"""Kernels of imported models, against models of finite width that are drawn as they are.

    K_n = E sum v h v h' over the last layer's units,   K = 2 K_2n - K_n up to 1/n^2

The outputs of a finite model are its own, to rounding (`test_translations.py`), so its units are
computed by the network, on tensors drawn by the laws of the capture.
"""

from math import prod
from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.driver.imported import Imported, import_capture
from tpc.simulation.forward import summands

CAPTURES = Path(__file__).parent / "captures"
WIDTHS, DRAWS = (64, 128), 400


def entries(found: Imported, name: str, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a draw of a tensor at a width: of entries that go like its power of the width."""
    capture = found.translated.capture
    tensor, scale = capture.tensors[name], found.translated.scales.get(name)
    growth = width / capture.widths[0]
    axes = next(p.axes for p in found.translated.pieces.values() if p.tensor == name)
    shape = [prod(factor.size(width, 1) for factor in axis) for axis in axes]
    law = tensor.laws[0]
    sd = law.sd * growth ** float(scale.power if scale else 0)
    if law.kind == "uniform":
        return np.asarray(law.mean + rng.uniform(-sd * 3**0.5, sd * 3**0.5, shape))
    return np.asarray(law.mean + sd * rng.standard_normal(shape))


def kernel(found: Imported, width: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return K_n of the first output for all pairs of rows, and its standard error."""
    rng, draws = np.random.default_rng(width), []
    names = dict.fromkeys(piece.tensor for piece in found.translated.pieces.values())
    for _ in range(DRAWS):
        state = {name: entries(found, name, width, rng) for name in names}
        units = summands(found.program, found.tensors(state, width), rows)
        first = units.reshape(*units.shape[:2], -1)[..., 0]
        draws.append(first.T @ first)
    listed = np.array(draws)
    return listed.mean(axis=0), listed.std(axis=0) / DRAWS**0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "deep_sets", "gcn", "residual_mlp", "mlp_layernorm"])
def test_finite_models_have_the_kernel_of_the_import(name: str) -> None:
    found = import_capture(CAPTURES / f"{name}.json")
    rows = np.random.default_rng(5).standard_normal((2, *found.program.input.shape))
    limit = tpc.kernel(found.program, rows)
    outputs = limit["nngp"].size // 4
    side = round(outputs**0.5)
    exact, stated = (
        x.reshape(2, side, 2, side)[:, 0, :, 0] for x in (limit["nngp"], limit.stderr["nngp"])
    )
    (small, s), (large, e) = (kernel(found, width, rows) for width in WIDTHS)
    extrapolated, error = 2 * large - small, np.hypot(2 * e, s)
    assert (np.abs(extrapolated - exact) < 4.5 * np.hypot(error, stated) + 2e-3 * exact.max()).all()
    assert (error < 0.06 * exact.max()).all()
