"""Tiles of kernels: every cut of the matrix gives the same numbers, and no more memory."""

import tracemalloc

import numpy as np
import pytest

import tpc
from tpc.kernels import tiling as evaluation

NETWORKS = {
    "relu": """
dim n
param sw = 1.3
input xi[5]
weight U[5] : n (mult=0.5)
weight W : n x n (mult=sw)
weight b : n (mult=0.1)
weight v : n
readout f = v * relu(W @ relu(U @ xi + b))
""",
    "tokens": """
dim n
param sw = 1.3
input xi[2, 5]
weight U[5] : n (mult=0.5)
weight W : n x n (mult=sw)
weight v[2] : n
x = tanh(U @ xi.T)
readout f = v * (W @ (x @ [[1, 0.5], [0.2, 1]]))
""",
}
RANDOM = np.random.default_rng(2)


def inputs(name: str, count: int) -> np.ndarray:
    shape = (5,) if name == "relu" else (2, 5)
    return RANDOM.standard_normal((count, *shape))


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_tiles_symmetry_and_threads_change_nothing(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, x = tpc.parse(NETWORKS[name]), inputs(name, 23)
    whole = tpc.kernel(network, x, threads=1)
    halves = tpc.kernel(network, x[:10], x)
    monkeypatch.setattr(evaluation, "TILE_FLOATS", 37)
    small = tpc.kernel(network, x, threads=3)
    single = tpc.kernel(network, x[4:5], x[7:8])
    for kind in ("nngp", "ntk"):
        np.testing.assert_allclose(small[kind], whole[kind], rtol=1e-11, atol=1e-13)
        # A pair of equal inputs is as good as its rounding: 1e-8 near the kink of the angle.
        np.testing.assert_allclose(halves[kind], whole[kind][:10], rtol=1e-7, atol=1e-10)
        rank = whole[kind].ndim // 2
        order = (*range(rank, 2 * rank), *range(rank))
        one = single[kind].swapaxes(1, rank)[0, 0]
        np.testing.assert_allclose(one, whole[kind].swapaxes(1, rank)[4, 7], rtol=1e-11)
        np.testing.assert_array_equal(whole[kind], whole[kind].transpose(order))


@pytest.mark.slow
def test_equal_inputs_have_the_kernel_of_one() -> None:
    """Correlation 1 off the diagonal: the angle is pi, however the covariance is rounded."""
    network, x = tpc.parse(NETWORKS["relu"]), inputs("relu", 4)
    found = tpc.kernel(network, np.concatenate([x, x]))
    for kind in ("nngp", "ntk"):
        np.testing.assert_allclose(found[kind][:4, 4:], found[kind][:4, :4], rtol=1e-12)
        np.testing.assert_allclose(
            np.diag(found[kind][:4, 4:]), np.diag(found[kind])[:4], rtol=1e-12
        )


def test_opposite_and_vanishing_inputs() -> None:
    network = tpc.parse(NETWORKS["relu"].replace(" + b", ""))
    x = inputs("relu", 1)
    found = tpc.kernel(network, np.concatenate([x, -x, 0 * x]), kind="nngp")["nngp"]
    assert found[0, 1] > 0  # by the second layer
    np.testing.assert_allclose(found[2], 0, atol=1e-15)
    np.testing.assert_allclose(found[0, 0], found[1, 1], rtol=1e-12)


@pytest.mark.slow
def test_params_are_set_at_run_time() -> None:
    x = inputs("relu", 3)
    network = tpc.parse(NETWORKS["relu"])
    fixed = tpc.parse(NETWORKS["relu"].replace("sw = 1.3", "sw = 0.7"))
    found = tpc.kernel(network, x, params={"sw": 0.7})
    for kind in ("nngp", "ntk"):
        np.testing.assert_allclose(found[kind], tpc.kernel(fixed, x)[kind], rtol=1e-12)


@pytest.mark.slow
def test_a_million_pairs_hold_the_outputs_and_a_few_tiles() -> None:
    network, x = tpc.parse(NETWORKS["relu"]), inputs("relu", 1000)
    tpc.kernel(network, x[:3])
    tracemalloc.start()
    found = tpc.kernel(network, x, threads=2)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    outputs = sum(kernel.nbytes for kernel in found.values.values())
    assert outputs == 16_000_000
    assert peak < outputs + 2 * 12 * 8 * evaluation.TILE_FLOATS
