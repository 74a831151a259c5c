"""Stein's lemma at scale: many hats of one matrix, against derivatives and finite width."""

import numpy as np
import pytest

import tpc
from tests.numeric.agreement import assert_agree, pooled
from tests.numeric.training_programs import sgd
from tpc.codegen import hats
from tpc.limit.equations import DotEquation
from tpc.program.program import Program

PROGRAM = tpc.parse(sgd(inputs=21, tests=1, size=3, steps=3, eta=0.4 / 21))
SMALL = tpc.parse(sgd(inputs=3, tests=1, size=3, steps=3, eta=0.1))


def forms(program: Program, dot: str) -> list[str]:
    equations = tpc.derive(program, dot=dot).equations
    return [equation.form for equation in equations if isinstance(equation, DotEquation)]


@pytest.mark.slow
def test_many_hats_agree_with_derivatives() -> None:
    stein = tpc.evaluator(PROGRAM, dot="stein")
    assert "products_W.dot(products_WT)" in tpc.emit(tpc.derive(PROGRAM, dot="stein"))
    derivative = tpc.evaluator(PROGRAM, dot="derivative")
    assert_agree(pooled(derivative, 2**10), pooled(stein, 2**10, first_seed=100))


@pytest.mark.slow
def test_a_truncated_rank_and_two_replicates_agree_with_finite_width() -> None:
    module = tpc.evaluator(PROGRAM, dot="stein")
    limit = module.evaluate(samples=2**13, replicates=2, rank_tolerance=1e-6)
    whole = module.evaluate(samples=2**11)
    assert limit.stein_load["W"] * 2**12 < whole.stein_load["W"] * 2**8
    finite = tpc.simulate(PROGRAM, width=512, trials=12)
    for t in range(4):
        name = f"f[{t}]"
        # Finite networks differ by O(1/n), here less than 4 / n of the outputs' size.
        allowed = 4 * np.hypot(limit.stderr[name], finite.stderr[name]) + 4 / 512
        assert (np.abs(limit[name] - finite[name]) < allowed).all(), name


@pytest.mark.slow
def test_derivatives_that_would_be_large_are_not_made() -> None:
    wide = tpc.parse(sgd(inputs=100, tests=4, size=10, steps=2, eta=0.001))
    assert forms(wide, "auto") == ["stein"] * 3
    assert set(forms(SMALL, "auto")) == {"derivative"}


@pytest.mark.parametrize("replicates", [2, 3, 8])
@pytest.mark.slow
def test_standard_errors_of_few_replicates_are_no_smaller(replicates: int) -> None:
    """The distance of runs from the common mean, in standard errors, is about 1 and never huge."""
    text = "dim n\nvector x : n\nmatrix W : n x n\nh = W @ exp(x / 2)\noutput c = <tanh(h)|h>\n"
    module = tpc.evaluator(tpc.parse(text))
    runs = [module.evaluate(samples=512, replicates=replicates, seed=s) for s in range(48)]
    values = np.array([run["c"] for run in runs])
    errors = np.array([run.stderr["c"] for run in runs])
    distances = np.abs(values - values.mean()) / errors
    assert np.mean(distances < 1) > 0.5
    assert np.mean(distances < 4) > 0.9


@pytest.mark.slow
def test_inner_products_by_coordinates_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tpc.evaluator(PROGRAM, dot="stein").evaluate(samples=512, seed=1)
    monkeypatch.setattr(hats, "MANY_COLUMNS", 16)
    source = tpc.emit(tpc.derive(PROGRAM, dot="stein"))
    assert "products_W.inner(" in source and "products_WT.inner(" in source
    found = tpc.evaluator(PROGRAM, dot="stein").evaluate(samples=512, seed=1)
    for name, value in found.values.items():
        # Rounding decides how normals go with directions of nearly equal, tiny variance.
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=2e-4, err_msg=name)
        assert (expected.stderr[name] > 2e-3).all() or not expected.stderr[name].any()
