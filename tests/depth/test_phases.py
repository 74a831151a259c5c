"""Fixed points of plain rounds against iteration and closed forms."""

from math import asin, log, pi, sqrt

import numpy as np
import pytest

import tpc
from tests.numeric.test_deep_kernels import TEXT
from tpc.depth.phases import Phase
from tpc.depth.scales import depth_scales
from tpc.network.named import optimizer_named
from tpc.network.network import Network

BODIES = {
    "relu": "    weight W : n x n (mult=sqrt(2))\n    x[l + 1] = relu(W @ x[l])",
    "loud": "    weight W : n x n (mult=1.6)\n    x[l + 1] = W @ relu(x[l])",
    "ordered": """    weight W : n x n
    weight b : n (mult=sqrt(0.2))
    x[l + 1] = W @ erf(x[l]) + b""",
    "chaotic": """    weight W : n x n (mult=1.5)
    weight b : n (mult=0.3)
    x[l + 1] = W @ erf(x[l]) + b""",
    "singular": f"""    weight W : n x n (mult=1.5)
    x[l + 1] = erf(W @ x[l]) / {sqrt(2 / pi * asin(4.5 / 5.5))!r}""",
}


def phase(name: str) -> Phase:
    network = tpc.parse(TEXT.format(body=BODIES[name]))
    assert isinstance(network, Network)
    found = depth_scales(network, optimizer_named("sgd"), {})
    assert found is not None and found.verdict == "plain" and found.phase is not None
    return found.phase


def erf_moment(q: float, c: float) -> float:
    return 2 / pi * asin(2 * c / (1 + 2 * q))


def erf_slope(q: float, c: float) -> float:
    return 4 / pi / sqrt((1 + 2 * q) ** 2 - 4 * c**2)


@pytest.mark.parametrize(("name", "growth"), [("relu", None), ("loud", 1.28)])
@pytest.mark.slow
def test_relu_is_critical(name: str, growth: float | None) -> None:
    """Correlations by l^-2, the tangent kernel a quarter off the diagonal [depth 8000: 0.2505]."""
    found = phase(name)
    assert found.name == "critical"
    assert found.growth == pytest.approx(growth)
    assert found.exponent == 1.5
    assert "majority vote" in found.classifier


@pytest.mark.slow
@pytest.mark.parametrize(("name", "s_sq", "b_sq"), [("ordered", 1, 0.2), ("chaotic", 2.25, 0.09)])
def test_fixed_points_by_iteration(name: str, s_sq: float, b_sq: float) -> None:
    found = phase(name)
    q, c = 1.0, 0.3
    for _ in range(5000):
        q = s_sq * erf_moment(q, q) + b_sq
    for _ in range(20000):
        c = s_sq * erf_moment(q, c) + b_sq
    assert found.name == name
    assert found.q == pytest.approx(q, rel=1e-12)
    assert found.chi1 == pytest.approx(s_sq * erf_slope(q, q), rel=1e-12)
    assert found.c == pytest.approx(c, rel=1e-9)
    assert found.chi_c == pytest.approx(s_sq * erf_slope(q, c), rel=1e-9)
    if name == "ordered":  # reference numbers
        assert found.q == pytest.approx(0.5514804861413756, abs=1e-10)
        assert found.tangent[0] == pytest.approx(1.9089296039578, abs=1e-10)


@pytest.mark.slow
def test_singular_kernel() -> None:
    found = phase("singular")
    a, b = 0.8538366817292072, 1.4850377652355138
    assert found.q == pytest.approx(1, abs=1e-12)
    assert found.slope == pytest.approx(a, abs=1e-10)
    assert found.chi1 == pytest.approx(b, abs=1e-10)
    assert found.alpha == pytest.approx(-2 * log(a) / log(b), abs=1e-9)
    assert found.alpha == pytest.approx(0.7991870399104402, abs=1e-9)


@pytest.mark.slow
def test_deep_kernels_are_at_the_fixed_point() -> None:
    """The chaotic network of 200 rounds has q*, c*, R / (1 - chi_c) + c*."""
    found = phase("chaotic")
    network = tpc.parse(TEXT.format(body=BODIES["chaotic"]))
    kernels = tpc.kernel(network, np.array([[1.0, 0.5, -1.0], [0.2, 0.2, 0.8]]), depth=200)
    assert kernels["nngp"][0, 0] == pytest.approx(found.q, rel=1e-9)
    assert kernels["nngp"][0, 1] == pytest.approx(found.c, rel=1e-4)
    assert found.tangent[1] is not None
    assert kernels["ntk"][0, 1] == pytest.approx(found.c + found.tangent[1], rel=1e-3)
