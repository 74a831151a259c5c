"""E f(u) g(w) over pairs, against 25-digit sums, closed forms and kernels of others."""

import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from scipy import special

from tpc.runtime import pair_series as pairs
from tpc.runtime.hermite import single_moment
from tpc.runtime.pair_series import listed_moment, pair_moment

REFERENCE = Path(__file__).parents[1] / "reference"

Function = Callable[[np.ndarray], np.ndarray]


def sech2(x: np.ndarray) -> np.ndarray:
    return 1 - np.tanh(x) ** 2


FUNCTIONS: dict[str, Function] = {
    "tanh": np.tanh,
    "sech2": sech2,
    "sigmoid": special.expit,
    "gelu": lambda x: x * special.ndtr(x),
}


def groups() -> list[tuple[tuple[str, str], list[dict]]]:
    entries = json.loads((REFERENCE / "smooth_pairs.json").read_text())["entries"]

    def names(entry: dict) -> tuple[str, str]:
        return entry["f"], entry["g"]

    return [(key, list(rows)) for key, rows in groupby(entries, names)]


def name_group(value: object) -> str:
    return " ".join(value) if isinstance(value, tuple) else ""


def root_mean_square(f: Function, q: float, m: float) -> float:
    square, _ = single_moment(lambda x: f(x) ** 2, np.array([q]), np.array([m]))
    return float(np.sqrt(square[0]))


@pytest.mark.slow
@pytest.mark.parametrize(("names", "entries"), groups(), ids=name_group)
def test_against_25_digits(names: tuple[str, str], entries: list[dict]) -> None:
    f, g = (FUNCTIONS[name] for name in names)
    for entry in entries:
        (q, q2), (m, m2) = entry["q"], entry["m"]
        c = entry["rho"] * np.sqrt(q) * np.sqrt(q2)
        arrays = [np.array([q]), np.array([q2]), np.array([[c]]), np.array([m]), np.array([m2])]
        found, error = pair_moment(f, g, *arrays)
        size = root_mean_square(f, q, m) * root_mean_square(g, q2, m2)
        missed = abs(found[0, 0] - float(entry["value"]))
        assert missed <= error, entry
        assert missed <= 1e-13 * size, entry
        assert error <= 2e-13 * size, entry


def covariance(count: int, rank: int, scale: float, seed: int = 0) -> np.ndarray:
    """Return a covariance with a wide range of correlations, 1 and -1 among them."""
    rng = np.random.default_rng(seed)
    roots = rng.standard_normal((count, rank)) / np.sqrt(rank)
    roots[count // 2 :] = roots[: count - count // 2] + 0.03 * roots[count // 2 :]
    roots[-1], roots[-2] = 1.3 * roots[0], -0.4 * roots[1]
    roots[3] = 0
    return scale * (roots @ roots.T)


def erf_moment(q: np.ndarray, q2: np.ndarray, c: np.ndarray) -> np.ndarray:
    return 2 / np.pi * np.arcsin(2 * c / np.sqrt(np.outer(1 + 2 * q, 1 + 2 * q2)))


CLOSED: dict[str, tuple[Function, Callable[..., np.ndarray]]] = {
    "erf": (special.erf, erf_moment),
    "sin": (np.sin, lambda q, q2, c: np.sinh(c) * np.exp(-(q[:, None] + q2) / 2)),
    "exp": (np.exp, lambda q, q2, c: np.exp(c + (q[:, None] + q2) / 2)),
    "square": (np.square, lambda q, q2, c: np.outer(q, q2) + 2 * c**2),
}


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_closed_forms_over_many_tiles(name: str, scale: float) -> None:
    f, formula = CLOSED[name]
    if name == "exp":
        scale = min(scale, 3.0)
    cov = covariance(310, 4, scale)
    q = np.diag(cov).copy()
    exact = formula(q, q, cov)
    found, error = pair_moment(f, f, q, q, cov)
    size = np.sqrt(np.diag(exact))
    # erf is within 2.2e-16 relative, exp within 1e-15 on this range.
    assert (np.abs(found - exact) <= 2e-13 * np.outer(size, size) + 1e-300).all()
    assert np.abs(found - exact).max() <= error <= 2e-13 * size.max() ** 2
    np.testing.assert_array_equal(found, found.T)
    part, _ = pair_moment(f, f, q[:90], q[20:], cov[:90, 20:])
    np.testing.assert_allclose(part, found[:90, 20:], rtol=0, atol=error)


def count_rotated(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that grows with every sum over a plane."""
    calls: list[object] = []
    rotated = pairs.Plane.rotated

    def counted(plane: pairs.Plane, row: int, column: int, rho: float) -> float:
        calls.append(rho)
        return rotated(plane, row, column, rho)

    monkeypatch.setattr(pairs.Plane, "rotated", counted)
    return calls


@pytest.mark.slow
def test_second_pass_agrees_with_the_series(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pairs near rho = 1 by the series and by a sum over the plane; both do occur."""
    cov = covariance(24, 2, 60.0)
    q = np.diag(cov).copy()
    calls = count_rotated(monkeypatch)
    found, error = pair_moment(special.erf, special.erf, q, q, cov)
    count = len(calls)
    assert count > 10
    np.testing.assert_allclose(found, erf_moment(q, q, cov), rtol=0, atol=2e-13)
    monkeypatch.setattr("tpc.runtime.mehler.MOST_TERMS", 128)
    again, _ = pair_moment(special.erf, special.erf, q, q, cov)
    assert len(calls) > 3 * count
    np.testing.assert_allclose(again, found, rtol=0, atol=2e-13)
    assert error < 2e-13


@pytest.mark.slow
@pytest.mark.parametrize("most_terms", [2048, 24])
def test_two_functions_with_means(monkeypatch: pytest.MonkeyPatch, most_terms: int) -> None:
    """E exp(u) sin(w) = exp(m + q/2) Im exp(i (m' + c) - q'/2)."""
    calls = count_rotated(monkeypatch)
    monkeypatch.setattr("tpc.runtime.mehler.MOST_TERMS", most_terms)
    rng = np.random.default_rng(1)
    roots = 1.5 * rng.standard_normal((100, 2))
    cov = roots @ roots.T
    q, means = np.diag(cov).copy(), rng.standard_normal(100)
    left, right = slice(0, 30), slice(30, 100)
    c = cov[left, right]
    found, error = pair_moment(np.exp, np.sin, q[left], q[right], c, means[left], means[right])
    first = np.exp(means[left] + q[left] / 2)[:, None]
    exact = first * np.sin(means[right] + c) * np.exp(-q[right] / 2)
    size = np.sqrt(np.exp(2 * means[left] + 2 * q[left]).max())
    assert np.abs(found - exact).max() <= error <= 2e-13 * size
    assert bool(calls) == (most_terms == 24)
    only_left, _ = pair_moment(np.exp, np.sin, q[left], q[right], c, m_left=means[left])
    exact = first * np.sin(c) * np.exp(-q[right] / 2)
    assert np.abs(only_left - exact).max() <= 2e-13 * size


@pytest.mark.slow
def test_lists_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pairs one by one, correlations of 0, 1 and -1 among them, in several blocks."""
    monkeypatch.setattr("tpc.runtime.pair_series.LISTED", 700)
    cov = covariance(40, 3, 2.0)
    q = np.diag(cov).copy()
    means = np.linspace(-1, 1, 40)
    matrix, error = pair_moment(np.tanh, np.cos, q, q, cov, means, means[::-1])
    i, j = np.indices(cov.shape).reshape(2, -1)
    found, other = listed_moment(np.tanh, np.cos, q[i], q[j], cov[i, j], means[i], means[::-1][j])
    assert other < 2e-13
    np.testing.assert_allclose(found, matrix.ravel(), rtol=0, atol=error + other)


@pytest.mark.slow
def test_constants_of_functions() -> None:
    """E tanh(a u) f(w, b, k) is that of Gaussians of other variances."""

    def scaled_tanh(x: np.ndarray, a: np.ndarray) -> np.ndarray:
        return np.tanh(a * x)

    def wave(x: np.ndarray, b: np.ndarray, k: np.ndarray) -> np.ndarray:
        return k * np.cos(b * x)

    cov = covariance(30, 3, 1.0)
    q, a, b = np.diag(cov).copy(), np.linspace(0.5, 2, 30), np.linspace(-1, 1, 30)
    exact, _ = pair_moment(np.tanh, np.cos, a**2 * q, b**2 * q, cov * np.outer(a, b))
    constants = {"s_left": [a], "s_right": [b, np.array(3.0)]}
    found, error = pair_moment(scaled_tanh, wave, q, q, cov, **constants)
    np.testing.assert_allclose(found, 3 * exact, rtol=0, atol=error + 1e-13)
    square, _ = pair_moment(scaled_tanh, scaled_tanh, q, q, cov, s_left=[a], s_right=[a])
    np.testing.assert_array_equal(square, square.T)
    mixed, error = pair_moment(scaled_tanh, scaled_tanh, q, q, cov, s_left=[a], s_right=[b])
    exact, _ = pair_moment(np.tanh, np.tanh, a**2 * q, b**2 * q, cov * np.outer(a, b))
    np.testing.assert_allclose(mixed, exact, rtol=0, atol=2 * error)
    single, error = single_moment(wave, q, None, [b, np.array(3.0)])
    np.testing.assert_allclose(single, 3 * np.exp(-(b**2) * q / 2), rtol=0, atol=error)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-8, 1e-11])
def test_tolerances(tolerance: float) -> None:
    cov = covariance(60, 5, 4.0)
    q = np.diag(cov).copy()
    exact, _ = pair_moment(np.tanh, np.tanh, q, q, cov)
    found, error = pair_moment(np.tanh, np.tanh, q, q, cov, tolerance=tolerance)
    assert np.abs(found - exact).max() <= error <= 3 * tolerance


def test_polynomial_factors() -> None:
    """E u erf(w) = c E erf'(w), by Stein's lemma, and means of products with 1."""
    cov = covariance(40, 3, 2.0)
    q = np.diag(cov).copy()
    found, _ = pair_moment(lambda x: x, special.erf, q, q, cov)
    exact = cov * 2 / np.sqrt(np.pi * (1 + 2 * q))
    np.testing.assert_allclose(found, exact, rtol=0, atol=2e-13 * np.sqrt(q.max()))
    found, _ = pair_moment(lambda x: 1.0, np.exp, q, q, cov)
    np.testing.assert_allclose(found, np.tile(np.exp(q / 2), (40, 1)), rtol=2e-13)
    found, error = pair_moment(np.zeros_like, np.exp, q, q, cov)
    assert not found.any() and error == 0


def test_zero_variances() -> None:
    """A Gaussian without variance is its mean."""
    zero, q = np.zeros(2), np.array([0.5, 3.0])
    m, m2 = np.array([0.0, 0.7]), np.array([-1.0, 0.2])
    found, error = pair_moment(np.tanh, np.cos, zero, q, np.zeros((2, 2)), m, m2)
    exact = np.outer(np.tanh(m), np.exp(-q / 2) * np.cos(m2))
    assert np.abs(found - exact).max() <= min(error, 1e-15)
    found, _ = pair_moment(np.tanh, np.tanh, zero, zero, np.zeros((2, 2)), m, m)
    np.testing.assert_allclose(found, np.outer(np.tanh(m), np.tanh(m)), rtol=1e-15, atol=0)


def test_covariances_rounded_past_the_variances() -> None:
    q = np.array([2.0])
    inside, _ = pair_moment(np.tanh, np.tanh, q, q, np.array([[2.0]]))
    outside, _ = pair_moment(np.tanh, np.tanh, q, q, np.array([[2.0 * (1 + 1e-14)]]))
    assert inside == outside


def arc_cosine(q: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """Return E relu(u) relu(w)."""
    size = np.sqrt(np.outer(q, q))
    rho = np.clip(cov / size, -1, 1)
    return size * (np.sqrt(1 - rho**2) + rho * (np.pi - np.arccos(rho))) / (2 * np.pi)


@pytest.mark.slow
def test_kinks_and_jumps_show_in_the_error() -> None:
    cov = covariance(40, 6, 2.0) + 0.1
    q = np.diag(cov).copy()
    angle = np.arcsin(np.clip(cov / np.sqrt(np.outer(q, q)), -1, 1))
    rough: list[tuple[Function, np.ndarray]] = [
        (lambda x: np.maximum(x, 0), arc_cosine(q, cov)),
        (lambda x: np.where(x > 0, 1.0, 0.0), 0.25 + angle / (2 * np.pi)),
        (lambda x: np.where(x < 0, -1.0, 1.0), 2 * angle / np.pi),
    ]
    for f, exact in rough:
        found, error = pair_moment(f, f, q, q, cov)
        assert np.abs(found - exact).max() <= error
        assert error > 1e-7


def test_what_has_no_finite_mean_square_is_refused() -> None:
    q = np.ones(2)
    for f in (np.log, lambda x: np.exp(x**2)):
        found, error = pair_moment(f, np.tanh, q, q, np.eye(2))
        assert error == np.inf and np.isnan(found).all()


def test_no_pairs() -> None:
    found, _ = pair_moment(np.tanh, np.tanh, np.empty(0), np.ones(3), np.empty((0, 3)))
    assert found.shape == (0, 3)


TANH = json.loads((REFERENCE / "tanh_kernels.json").read_text())


@pytest.mark.parametrize("entry", TANH["kernels"], ids=lambda e: f"depth {e['depth']}")
def test_kernels_of_tanh_networks(entry: dict) -> None:
    gain, bias = entry["W_std"] ** 2, entry["b_std"] ** 2
    nngp = gain * np.array(TANH["Sigma0"]) + bias
    ntk = nngp
    for _ in range(entry["depth"]):
        q = np.diag(nngp).copy()
        forward, _ = pair_moment(np.tanh, np.tanh, q, q, nngp)
        backward, _ = pair_moment(sech2, sech2, q, q, nngp)
        nngp = gain * forward + bias
        ntk = nngp + gain * ntk * backward
    np.testing.assert_allclose(nngp, entry["nngp"], rtol=1e-12)
    np.testing.assert_allclose(ntk, entry["ntk"], rtol=1e-12)
