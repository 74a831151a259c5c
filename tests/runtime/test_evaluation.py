"""The estimators of every method, on small programs of known limits."""

from collections.abc import Callable
from dataclasses import replace
from math import exp
from typing import Any

import numpy as np
import pytest

from tpc.runtime import grids
from tpc.runtime.arrays import Outputs
from tpc.runtime.evaluation import Result, estimated_result, exact_result, sampled_result
from tpc.runtime.grid_estimates import after
from tpc.runtime.random_nodes import Nodes
from tpc.runtime.requests import METHODS, MethodRefused, Problem, Request, with_defaults


def fourth_power(nodes: Nodes, params: dict[str, float]) -> Outputs:
    """The square of a second moment: biased by 2/N at N samples."""
    x = nodes.normal()
    return {("c", "value"): np.asarray(nodes.inner(x, x) ** 2)}


def several(nodes: Nodes, params: dict[str, float]) -> Outputs:
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

SEVERAL = Problem(
    several, 14, False, {name: f"E[{name}]" for name, _ in LIMITS}, {"kinked": "abs(|x⟩)"}
)


def asked(method: str = "mc", samples: int = 65536, seed: int = 0) -> Request:
    return Request(samples, seed, method, 8, 1e-22, None, {})


def evaluate(problem: Problem = SEVERAL, **given: Any) -> Result:
    return estimated_result(problem, problem.limit, asked(**given))


def part(outputs: dict[str, object], key: tuple[str, str]) -> float:
    name, which = key
    found = outputs[name]
    return float(found[which] if isinstance(found, dict) else found)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["mc", "qmc"])
def test_samples_give_the_limits(method: str) -> None:
    results = [evaluate(method=method, samples=2048, seed=s) for s in range(60)]
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


@pytest.mark.slow
def test_auto_says_what_it_did() -> None:
    result = evaluate(method="auto", samples=4096)
    expected = {"closed": "exact", "smooth": "quadrature", "kinked": "qmc", "deep": "qmc"}
    assert result.methods == expected
    for key, limit in LIMITS.items():
        error = abs(part(result.values, key) - limit)
        assert error < 6 * part(result.stderr, key) + 1e-14
    assert part(result.stderr, ("smooth", "mean")) < 1e-11
    assert result.samples == 4096


@pytest.mark.slow
def test_quadrature_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MethodRefused, match=r"'kinked' averages abs\(\|x⟩\), which is not smooth"):
        evaluate(method="quadrature")
    smooth = replace(SEVERAL, rough={})
    with pytest.raises(
        MethodRefused, match=r"'deep' is out of reach, \d+ Gaussians together, 6 nod"
    ):
        evaluate(smooth, method="quadrature")
    monkeypatch.setattr(grids, "GRID_GAUSSIANS", 2)
    with pytest.raises(
        MethodRefused, match="out of reach, more than 2 Gaussians in all; use 'qmc'"
    ):
        evaluate(smooth, method="quadrature")


def test_exact_names_what_is_not() -> None:
    refused = r"'smooth' needs E\[smooth\], for which there is no clo"
    with pytest.raises(MethodRefused, match=refused):
        evaluate(method="exact")
    with pytest.raises(MethodRefused, match=refused):
        sampled_result(SEVERAL, asked("exact"))


def test_where_nothing_is_smooth_auto_is_qmc() -> None:
    rough = replace(SEVERAL, rough=SEVERAL.sampled)
    auto, qmc = (sampled_result(rough, asked(name, 1000)) for name in ("auto", "qmc"))
    assert auto.values == qmc.values
    assert auto.stderr == qmc.stderr
    assert (
        auto.methods == qmc.methods == dict.fromkeys(SEVERAL.sampled, "qmc") | {"closed": "exact"}
    )
    assert (auto.method, auto.samples) == ("auto", 512)
    with pytest.raises(MethodRefused, match="not smooth"):
        sampled_result(rough, asked("quadrature"))


@pytest.mark.parametrize("method", METHODS)
def test_closed_forms_are_exact_by_any_method(method: str) -> None:
    result = exact_result(
        {("closed", "value"): 2, ("x", "mean"): 0, ("x", "cov"): 1}, asked(method)
    )
    assert result["closed"] == 2
    assert result["x"] == {"mean": 0, "cov": 1}
    assert result.stderr == {"closed": 0, "x": {"mean": 0, "cov": 0}}
    assert result.methods == {"closed": "exact", "x": "exact"}


@pytest.mark.slow
def test_bias_is_taken_off() -> None:
    problem = Problem(fourth_power, 1, True, {"c": "E[c]"}, {})
    found = [
        estimated_result(problem, fourth_power, asked(samples=256, seed=seed))
        for seed in range(400)
    ]
    values = np.array([result["c"] for result in found])
    error = values.std() / np.sqrt(len(values))
    # N = 32 a replicate: without the correction the mean would be 1 + 2/32.
    assert abs(values.mean() - 1) < 4 * error < 2 / 32
    stated = np.array([result.stderr["c"] for result in found])
    assert values.std() == pytest.approx(np.sqrt(np.mean(stated**2)), rel=0.25)


def test_errors_of_grids_are_not_understated() -> None:
    def error(*steps: float) -> float:
        return float(after(np.array(steps[-1]), [np.inf, *steps], 1.0))

    assert error(1.0) == np.inf
    assert error(1e-6, 1e-7) == 1e-7
    # A step that is far less than usual behind the one before is so by chance.
    assert error(1e-4, 1e-12) == pytest.approx(1e-4**1.3)
    # 0.8^2 + 0.8^3 + ... is what follows 1 and 0.8.
    assert error(1.0, 0.8) == pytest.approx(3.2)
    assert error(1.0, 3.0) == pytest.approx(27)
    assert error(0.0, 0.0) == 1e-15


def test_requests_are_checked() -> None:
    with pytest.raises(ValueError, match="unknown parameter 'sv'; this program has: sw"):
        with_defaults({"sw": 1.0}, {"sv": 1})
    with pytest.raises(ValueError, match="shape"):
        with_defaults({"sw": 1.0}, {"sw": [1, 2]})
    with pytest.raises(ValueError, match="at least 32"):
        asked(samples=31)
    with pytest.raises(ValueError, match="unknown method 'sobol': this module has mc, qmc"):
        asked("sobol")
    with pytest.raises(ValueError, match="at least 2, not 1"):
        replace(asked(), replicates=1)
    with pytest.raises(ValueError, match="between 0 and 1, not 1"):
        replace(asked(), rank_tolerance=1)


@pytest.mark.parametrize("method", ["mc", "qmc", pytest.param("auto", marks=pytest.mark.slow)])
def test_equal_seeds_give_equal_numbers(method: str) -> None:
    one, same, other = (
        evaluate(samples=1000, seed=seed, method=method)["kinked"] for seed in (1, 1, 2)
    )
    assert one == same != other


def test_sobol_points_come_in_powers_of_two() -> None:
    assert evaluate(samples=1000, method="qmc").samples == 512
    assert evaluate(samples=1024, method="qmc").samples == 1024
    assert evaluate(samples=1000, method="mc").samples == 1000


@pytest.mark.parametrize(("method", "total"), [("mc", 8), ("qmc", 8), ("quadrature", 12)])
def test_progress_is_reported(method: str, total: int) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, of: int) -> None:
        told.append((done, of))

    report: Callable[[int, int], None] = tell
    request = replace(asked(method, 64), progress=report)
    estimated_result(Problem(fourth_power, 1, True, {"c": "E[c]"}, {}), fourth_power, request)
    assert told == [(done, total) for done in range(1, len(told) + 1)]
    assert told
