"""Integrands that vanish but for narrow peaks, which grids and series must not overlook."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy import integrate, special

import tpc
from tpc.runtime.hermite import single_moment
from tpc.runtime.split_sums import Kinked

PEAKS: dict[str, tuple[str, float]] = {
    "along the axes": ("exp(-square(25 * v * w))", 0.0974339),
    "along a hyperbola": ("exp(-square(100 * (v * w - 0.317)))", 0.00746072),
    "wide and narrow": ("exp(-square(300 * (v - 0.745))) * sigmoid(v)", 0.00121095),
    "of a mean": ("mean[j](exp(-square(30 * v * w[j])))", 0.084619),
    "along a line": ("exp(-square(80 * (v - w - 0.6)) + cos(v - w))", 0.0),
    "on a background": ("square(tanh(v * w)) + 40 * exp(-square(200 * v * w))", 0.0),
    "far out": ("exp(-square(90 * (v - 2.345))) * cos(v)", 0.0),
    "of another function": ("exp(-square(60 * (tanh(v) - 0.4))) * v", 0.0),
    "not Gaussian": ("sigmoid'(400 * (v - 0.3)) * exp(v)", 0.0),
    "rational": ("1 / (1 + square(500 * (v + 0.4))) * sigmoid(v)", 0.0),
    "a product of peaks": ("exp(-square(40 * (v - 0.4)) - square(30 * (v * w - 0.1)))", 0.0),
    "shifted in a mean": ("mean[j](exp(-square(50 * (v * w[j] - 0.2))))", 0.0),
    "of a shifted mean": ("mean[j](exp(-square(70 * (v + w[j] * sin(v) - 1))))", 0.0),
    "a square": ("exp(-square(20 * (square(v) + square(w) - 1.3)))", 0.0),
}
"""A program's average; the values of the last ones are integrals of `PLAIN`."""

PLAIN = {
    "along a line": lambda v, w: np.exp(-((80 * (v - w - 0.6)) ** 2) + np.cos(v - w)),
    "on a background": lambda v, w: np.tanh(v * w) ** 2 + 40 * np.exp(-((200 * v * w) ** 2)),
    "far out": lambda v, w: np.exp(-((90 * (v - 2.345)) ** 2)) * np.cos(v),
    "of another function": lambda v, w: np.exp(-((60 * (np.tanh(v) - 0.4)) ** 2)) * v,
    "not Gaussian": lambda v, w: (
        np.exp(v) * special.expit(400 * (v - 0.3)) * special.expit(-400 * (v - 0.3))
    ),
    "rational": lambda v, w: special.expit(v) / (1 + (500 * (v + 0.4)) ** 2),
    "a product of peaks": lambda v, w: np.exp(-((40 * (v - 0.4)) ** 2) - (30 * (v * w - 0.1)) ** 2),
    "shifted in a mean": lambda v, w: np.exp(-((50 * (v * w - 0.2)) ** 2)),
    "of a shifted mean": lambda v, w: np.exp(-((70 * (v + w * np.sin(v) - 1)) ** 2)),
    "a square": lambda v, w: np.exp(-((20 * (v**2 + w**2 - 1.3)) ** 2)),
}


def plane_sum(title: str) -> float:
    """Return the expectation by sums over a fine grid of the plane."""
    z, step = np.linspace(-9, 9, 36001, retstep=True)
    weights = step * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    if title in ("far out", "of another function", "not Gaussian", "rational"):
        return float(weights @ PLAIN[title](z, 0.0))
    total = 0.0
    for part in np.array_split(np.arange(0, len(z), 10), 60):
        total += 10 * weights[part] @ (PLAIN[title](z[part, None], z[::10]) @ weights[::10]) * 10
    return float(total)


@pytest.mark.slow
@pytest.mark.parametrize("title", PEAKS)
@pytest.mark.parametrize("method", ["auto", "quadrature"])
def test_no_peak_is_overlooked(title: str, method: str) -> None:
    body, known = PEAKS[title]
    value = known or plane_sum(title)
    text = f"dim n\nvector v, w : n\ny = {body}\noutput c = avg(y)"
    module = tpc.evaluator(tpc.parse(text))
    try:
        result = module.evaluate(method=method, samples=2**12)
    except module.MethodRefused:
        assert method == "quadrature"
        return
    sampled = result.methods["c"] == "qmc"
    allowed = (6 if sampled else 1) * result.stderr["c"] + 1e-6 * abs(value)
    assert abs(result["c"] - value) <= allowed
    assert result.stderr["c"] < 40 * abs(value) or title == "along a line"


def test_a_background_has_its_digits() -> None:
    """What has no peaks is integrated as before, and a true zero is one."""
    text = "dim n\nvector v, w : n\noutput a = avg(sin(v * w))\noutput b = avg(cos(v * w))"
    result = tpc.evaluator(tpc.parse(text)).evaluate(method="auto")
    assert result.methods == {"a": "quadrature", "b": "quadrature"}
    assert abs(result["a"]) <= 1e-14
    assert result["b"] == pytest.approx(
        integrate.quad(lambda v: np.exp(-(v**2)), -10, 10)[0] / np.sqrt(2 * np.pi), abs=1e-10
    )


POOR = {
    f"{body} at {k}": (body, g, k)
    for k in (2, 6, 8, 10)
    for body, g in {
        "exp({k} * v) * tanh(v + w)": np.tanh,
        "exp({k} * v) * sigmoid(v - w)": None,
        "exp({k} * v) / (1 + square(v + w))": lambda s: 1 / (1 + s * s),
        "exp({k} * v) * sqrt(3 + cos(v + w))": lambda s: np.sqrt(3 + np.cos(s)),
    }.items()
}


@pytest.mark.parametrize("title", POOR)
def test_series_far_below_their_scale(title: str) -> None:
    """E exp(k v) g(v + w) is exp(k^2 / 2) E g(k + v + w)."""
    body, g, k = POOR[title]
    s, step = np.linspace(-20, 20, 40001, retstep=True)
    weights = step * np.exp(-(s**2) / 4) / np.sqrt(4 * np.pi)
    values = special.expit(k + s) if g is None else g(k + s)
    exact = np.exp(k * k / 2) * float(weights @ values)
    text = f"dim n\nvector v, w : n\noutput c = avg({body.format(k=k)})"
    result = tpc.evaluator(tpc.parse(text)).evaluate(method="quadrature")
    assert abs(result["c"] - exact) <= result.stderr["c"] + 1e-14 * exact
    assert result.stderr["c"] < 1e-9 * exact


@pytest.mark.slow
@pytest.mark.parametrize("degree", [4, 8, 12, 16, 20, 24])
def test_series_of_polynomials_of_high_degree(degree: int) -> None:
    s, step = np.linspace(-30, 30, 4001, retstep=True)
    grid_v, grid_w = s[:, None] * 0.5, s * 0.5
    weights = np.exp(-(grid_v**2) / 2 - grid_w**2 / 2) * (step / 2) ** 2 / (2 * np.pi)
    exact = float((weights * grid_v**degree * np.tanh(grid_v + grid_w) ** 2).sum())
    text = f"dim n\nvector v, w : n\noutput c = avg(v^{degree} * square(tanh(v + w)))"
    result = tpc.evaluator(tpc.parse(text)).evaluate(method="quadrature")
    assert abs(result["c"] - exact) <= result.stderr["c"] + 1e-13 * exact
    assert result.stderr["c"] < 1e-8 * exact


def line_sum(f: Callable[[np.ndarray], np.ndarray]) -> float:
    """Return the expectation by a sum over a fine grid."""
    z, step = np.linspace(-10, 10, 4_000_001, retstep=True)
    return float(f(z) @ np.exp(-(z**2) / 2)) * step / np.sqrt(2 * np.pi)


ON_A_BACKGROUND: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "a well": lambda v, k: special.expit(v) * v + np.tanh(k * (v - 1.1)) ** 2,
    "a product": lambda v, k: (np.tanh(v) * v + 3) * np.tanh(k * (v - 0.3)) ** 2,
    "inside a sigmoid": lambda v, k: special.expit(np.cos(v) + 20 / (1 + (k * (v + 0.7)) ** 2)),
    "inside a logarithm": lambda v, k: np.log(2 + np.abs(v) + 30 * np.exp(-((k * (v + 0.2)) ** 2))),
    "a derivative": lambda v, k: np.sin(v) + k / np.cosh(np.minimum(k * np.abs(v - 0.5), 300)),
}


@pytest.mark.slow
@pytest.mark.parametrize("steepness", [100, 400, 1500])
@pytest.mark.parametrize("title", ON_A_BACKGROUND)
def test_peaks_on_a_background_inside_one_function(title: str, steepness: int) -> None:
    def f(v: np.ndarray) -> np.ndarray:
        return ON_A_BACKGROUND[title](v, steepness)

    (found,), error = single_moment(Kinked(f, lambda v: [v]), np.ones(1))
    assert abs(found - line_sum(f)) <= error + 3e-12  # the plain sum has a kink
    assert error < 1e-8 * abs(found)


@pytest.mark.slow
def test_peaks_of_programs_on_a_background() -> None:
    text = "dim n\nvector v : n\noutput c = avg(sigmoid(v) * v + square(tanh(900 * (v - 1.1))))"
    result = tpc.evaluator(tpc.parse(text)).evaluate(method="auto", samples=2**14)
    exact = line_sum(lambda v: ON_A_BACKGROUND["a well"](v, 900))
    assert result.methods["c"] == "quadrature"
    assert abs(result["c"] - exact) <= result.stderr["c"] + 1e-12  # rounding of the plain sum
    assert result.stderr["c"] < 1e-10
