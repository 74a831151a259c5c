"""Error signals of losses against their derivatives by hand."""

import numpy as np
import pytest
from scipy.special import expit, softmax

import tpc
from tpc.simulation.training.passes import Loss

TEXT = """\
dim n
input xi[1]
weight U : n
weight v[3] : n
x1 = tanh(U * xi[0])
readout f = v * x1
train f:
    data [[1], [2]], {targets}
    loss {loss}
    reduce {reduce}
    optimizer sgd
    parametrization mup
    steps 1
"""
F = np.array([[0.3, -1.0, 2.0], [0.1, 0.2, -0.7]])
Y = np.array([[1, 0, 0], [0, 0.5, 0.5]])
SIGNS = np.array([[1, -1, -1], [-1, 1, 1]])
DERIVATIVES = {
    "mse": F - Y,
    "cross_entropy": softmax(F, axis=1) - Y,
    "logistic": -SIGNS * expit(-SIGNS * F),
    "sum(y * f^3)": 3 * Y * F**2,
    "-sum(y * f)": -Y,
    "exp(f[0] - y[1])": np.exp(F[:, :1] - Y[:, 1:2]) * [1, 0, 0],
}


@pytest.mark.parametrize("loss", DERIVATIVES)
@pytest.mark.parametrize(("reduce", "factor"), [("sum", 1.0), ("mean", 0.5)])
def test_error_signals_are_derivatives_of_losses(loss: str, reduce: str, factor: float) -> None:
    targets = SIGNS if loss == "logistic" else Y
    network = tpc.parse(TEXT.format(targets=targets.tolist(), loss=loss, reduce=reduce))
    signals = Loss(network.training).signals(F, targets, {})
    assert signals.shape == F.shape
    np.testing.assert_allclose(signals, factor * DERIVATIVES[loss], rtol=1e-12, atol=1e-15)
