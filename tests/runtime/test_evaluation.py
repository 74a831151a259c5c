"""The estimators of every method, on small programs of known limits."""

from math import exp

import numpy as np
import pytest

from tpc.runtime import evaluation as preamble
from tpc.runtime import grids
from tpc.runtime.random_nodes import Nodes


def fourth_power(nodes: Nodes, params: dict[str, float]) -> preamble.Outputs:
    """The square of a second moment: biased by 2/N at N samples."""
    x = nodes.normal()
    return {("c", "value"): np.asarray(nodes.inner(x, x) ** 2)}


def several(nodes: Nodes, params: dict[str, float]) -> preamble.Outputs:
    """Something exact, something smooth, something with a kink, and a product of 12 cosines."""
    x, y = nodes.normal(), nodes.normal()
    many = nodes.normal((12,))
    together = np.cos(many[..., 0])
    for index in range(1, 12):
        together = together * np.cos(many[..., index])
    return {
        ("closed", "value"): np.asarray(2.0),
        ("smooth", "mean"): nodes.mean(np.cos(x + y)),
        ("smooth", "cov"): nodes.inner(np.sin(x), np.sin(x)),
        ("kinked", "value"): nodes.mean(np.abs(x)),
        ("deep", "value"): nodes.mean(together),
    }


LIMITS = {
    ("smooth", "mean"): exp(-1),
    ("smooth", "cov"): (1 - exp(-2)) / 2,
    ("kinked", "value"): np.sqrt(2 / np.pi),
    ("deep", "value"): exp(-6),
}


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preamble, "limit", several)
    monkeypatch.setattr(preamble, "BIASED", False)
    monkeypatch.setattr(preamble, "BASE_GAUSSIANS", 14)
    monkeypatch.setattr(preamble, "SAMPLED", {name: f"E[{name}]" for name, _ in LIMITS})
    monkeypatch.setattr(preamble, "ROUGH", {"kinked": "abs(|x⟩)"})


def part(outputs: dict[str, object], key: tuple[str, str]) -> float:
    name, which = key
    found = outputs[name]
    return float(found[which] if isinstance(found, dict) else found)


@pytest.mark.parametrize("method", ["mc", "qmc"])
@pytest.mark.usefixtures("use")
def test_samples_give_the_limits(method: str) -> None:
    results = [preamble.evaluate(method=method, samples=2048, seed=s) for s in range(60)]
    for key, limit in LIMITS.items():
        errors = np.array([part(result.values, key) for result in results]) - limit
        stated = np.array([part(result.stderr, key) for result in results])
        # The mean of 60 has the stated error / sqrt(60); ratios follow Student's t_7.
        assert abs(errors.mean()) < 4.5 * np.sqrt(np.mean(stated**2) / len(results))
        assert 0.85 < np.sqrt(np.mean((errors / stated) ** 2)) < 1.65
    for result in results:
        assert result["closed"] == 2
        assert result.stderr["closed"] == 0
        assert result.methods["closed"] == "exact"
        assert result.methods["smooth"] == method


@pytest.mark.usefixtures("use")
def test_auto_says_what_it_did() -> None:
    result = preamble.evaluate(method="auto", samples=4096)
    expected = {"closed": "exact", "smooth": "quadrature", "kinked": "qmc", "deep": "qmc"}
    assert result.methods == expected
    for key, limit in LIMITS.items():
        error = abs(part(result.values, key) - limit)
        assert error < 6 * part(result.stderr, key) + 1e-14
    assert part(result.stderr, ("smooth", "mean")) < 1e-11
    assert result.samples == 4096


@pytest.mark.usefixtures("use")
def test_quadrature_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        preamble.MethodRefused, match=r"'kinked' averages abs\(\|x⟩\), which is not smooth"
    ):
        preamble.evaluate(method="quadrature")
    monkeypatch.setattr(preamble, "ROUGH", {})
    with pytest.raises(
        preamble.MethodRefused, match=r"'deep' is out of reach, \d+ Gaussians together, 6 nod"
    ):
        preamble.evaluate(method="quadrature")
    monkeypatch.setattr(grids, "GRID_GAUSSIANS", 2)
    with pytest.raises(
        preamble.MethodRefused, match="out of reach, more than 2 Gaussians in all; use 'qmc'"
    ):
        preamble.evaluate(method="quadrature")


@pytest.mark.usefixtures("use")
def test_exact_names_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        preamble.MethodRefused, match=r"'smooth' needs E\[smooth\], for which there is no clo"
    ):
        preamble.evaluate(method="exact")
    monkeypatch.setattr(preamble, "SAMPLED", {})
    monkeypatch.setattr(
        preamble, "limit", lambda nodes, params: {("closed", "value"): np.asarray(2.0)}
    )
    for method in preamble.METHODS:
        result = preamble.evaluate(method=method)
        assert result["closed"] == 2
        assert result.stderr["closed"] == 0
        assert result.methods == {"closed": "exact"}


def test_bias_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preamble, "limit", fourth_power)
    monkeypatch.setattr(preamble, "BIASED", True)
    found = [preamble.evaluate(samples=256, seed=seed) for seed in range(400)]
    values = np.array([result["c"] for result in found])
    error = values.std() / np.sqrt(len(values))
    # N = 32 a replicate: without the correction the mean would be 1 + 2/32.
    assert abs(values.mean() - 1) < 4 * error < 2 / 32
    stated = np.array([result.stderr["c"] for result in found])
    assert values.std() == pytest.approx(np.sqrt(np.mean(stated**2)), rel=0.25)


def test_errors_of_grids_are_not_understated() -> None:
    def error(*steps: float) -> float:
        return float(preamble.after(np.array(steps[-1]), [np.inf, *steps], 1.0))

    assert error(1.0) == np.inf
    assert error(1.0, 0.1) == 0.1
    # 0.8^2 + 0.8^3 + ... is what follows 1 and 0.8.
    assert error(1.0, 0.8) == pytest.approx(3.2)
    assert error(1.0, 3.0) == pytest.approx(27)
    assert error(0.0, 0.0) == 1e-15


@pytest.mark.usefixtures("use")
def test_evaluate_refuses_what_it_cannot_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preamble, "PARAMS", {"sw": 1.0})
    with pytest.raises(ValueError, match="unknown parameter 'sv'; this program has: sw"):
        preamble.evaluate(sv=1)
    with pytest.raises(ValueError, match="shape"):
        preamble.evaluate(sw=[1, 2])
    with pytest.raises(ValueError, match="at least 32"):
        preamble.evaluate(samples=31)
    with pytest.raises(ValueError, match="unknown method 'sobol': this module has mc, qmc"):
        preamble.evaluate(method="sobol")


@pytest.mark.parametrize("method", ["mc", "qmc", "auto"])
@pytest.mark.usefixtures("use")
def test_equal_seeds_give_equal_numbers(method: str) -> None:
    one, same, other = (
        preamble.evaluate(samples=1000, seed=seed, method=method)["kinked"] for seed in (1, 1, 2)
    )
    assert one == same != other


@pytest.mark.usefixtures("use")
def test_sobol_points_come_in_powers_of_two() -> None:
    assert preamble.evaluate(samples=1000, method="qmc").samples == 512
    assert preamble.evaluate(samples=1024, method="qmc").samples == 1024
    assert preamble.evaluate(samples=1000, method="mc").samples == 1000
