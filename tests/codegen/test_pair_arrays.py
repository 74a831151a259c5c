"""Functions of two samples that are stored: which, and that they change no number."""

from types import ModuleType

import numpy as np
import pytest

import tpc
from tests.numeric.training_programs import Adam
from tests.program.passes.graph_programs import Text
from tpc.codegen import writing_order as reading
from tpc.program.exchange import without_exchanges
from tpc.program.program import Program

STEPS = 3


@pytest.fixture(scope="module")
def program() -> Program:
    return Adam(inputs=4, tests=1, size=3, lr=0.1, eps=1e-2).program(STEPS)


def calls(source: str, name: str) -> int:
    return source.count(f"nodes.{name}(")


def values(module: ModuleType, method: str = "mc") -> dict[str, np.ndarray]:
    result = module.evaluate(samples=64, replicates=2, seed=3, method=method)
    return {name: np.asarray(value) for name, value in result.values.items()}


@pytest.mark.slow
def test_averages_and_updates_are_stored_once(program: Program) -> None:
    source = tpc.emit(tpc.derive(program, dot="stein"))
    # g, both averages and the sum of updates for each step but the last, which is used once.
    assert calls(source, "pair_array") == 4 * (STEPS - 1)
    assert calls(source, "product_of_pairs") == 2 * (STEPS - 1)
    assert calls(source, "mean_over_copies") == 1
    assert ".T, dh2_1)" in source


@pytest.mark.slow
def test_their_number_is_planned(program: Program) -> None:
    limit = tpc.derive(program, dot="stein")
    assert "PAIR_ARRAYS = 5" in tpc.emit(limit)
    assert "floats a sample at the peak, 5 for every pair of samples" in limit.to_text()


def test_what_is_used_once_is_not_stored() -> None:
    program = tpc.parse(
        "dim n\nvector x, g : n\ny = mean[j](tanh(g * x[j]) * x[j])\noutput c = <y|y>\n"
    )
    source = tpc.emit(tpc.derive(program))
    assert "PairArray" not in source
    assert "for every pair" not in tpc.derive(program).to_text()


@pytest.mark.parametrize("method", ["mc", "qmc"])
@pytest.mark.slow
def test_stored_arrays_and_blocks_have_equal_values(
    program: Program, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = tpc.evaluator(program, dot="stein")
    expected = values(stored, method)
    monkeypatch.setattr(stored, "PAIR_FLOATS", 0)
    monkeypatch.setattr(stored, "PAIRS_IN_BLOCK", 100)
    for name, value in values(stored, method).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("method", ["mc", "qmc"])
@pytest.mark.slow
def test_arrays_and_averages_by_themselves_have_equal_values(
    program: Program, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = values(tpc.evaluator(program, dot="stein"), method)
    monkeypatch.setattr(reading, "find_pair_arrays", lambda limit: frozenset())
    alone = tpc.evaluator(without_exchanges(program), dot="stein")
    assert not hasattr(alone, "PairArray")
    for name, value in values(alone, method).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-11, atol=1e-12, err_msg=name)


@pytest.mark.slow
def test_grids_exchange_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
        dim n
        vector x, g : n
        a = mean[j](tanh(g * x[j] + x[j]) * x[j])
        b = mean[j](tanh(g * x[j] + x[j]) * cos(g[j]))
        output c = <a|b>
        """
    program = tpc.parse("\n".join(line.strip() for line in text.strip().split("\n")))
    module = tpc.evaluator(program)
    assert hasattr(module, "GridPairs")
    monkeypatch.setattr(reading, "find_pair_arrays", lambda limit: frozenset())
    alone = tpc.evaluator(program)
    assert not hasattr(alone, "PairArray")
    found = module.evaluate(method="quadrature")["c"]
    np.testing.assert_allclose(found, alone.evaluate(method="quadrature")["c"], rtol=1e-12)


@pytest.mark.slow
def test_exchanges_on_grids() -> None:
    t = Text()
    b = t.b
    x, g = t.vector("x"), t.vector("g")
    e = b.apply("tanh", b.mul(b.add(g, b.number(0.3)), b.row(x, "j")))
    ahead = b.mean(b.mul(e, b.row(x, "j")), ("j",))
    behind = b.mean(b.mul(b.exchange(e, "j"), b.row(b.apply("cos", g), "j")), ("j",))
    program = t.program(None, c=b.inner(ahead, g), d=b.inner(behind, x), e=b.inner(ahead, behind))
    module = tpc.evaluator(program)
    assert ".T" in tpc.emit(tpc.derive(program))
    unfolded = tpc.evaluator(without_exchanges(program))
    found, expected = (m.evaluate(method="quadrature") for m in (module, unfolded))
    for name in ("c", "d", "e"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-11, atol=1e-12)
    assert abs(found["d"]) > 0.01


@pytest.mark.slow
def test_training_by_adam_agrees_with_finite_width(program: Program) -> None:
    found = tpc.verify(program, widths=(64, 128, 256), trials=48, samples=2**12, dot="stein")
    assert found.agrees
