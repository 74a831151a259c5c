"""More samples than Sobol's sequence or the memory have are refused before they are drawn."""

import tracemalloc
from pathlib import Path

import pytest

import tpc
from tests.marks import slow_where
from tpc.diagnostics import UsageError
from tpc.driver.compiler import evaluator, program_of, run
from tpc.driver.emitted import Effort, Method, evaluate, memory_of

TEXT = "dim n\nvector v, w : n\nmatrix W : n x n\nh = W @ tanh(v * w)\noutput c = avg(relu(h * w))"


@pytest.mark.parametrize("method", ["qmc", "auto"])
@pytest.mark.parametrize("replicates", [2, 8, 64])
def test_past_the_end_of_the_sequence(method: str, replicates: int) -> None:
    with pytest.raises(UsageError, match="Sobol"):
        run(tpc.parse(TEXT), method=method, samples=replicates * 2**31, replicates=replicates)


@pytest.mark.parametrize("method", ["mc", "qmc", "auto"])
@pytest.mark.parametrize("samples", [2**34 - 8, 2**33])
def test_more_than_there_is_memory(
    method: str, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tpc.driver.emitted.available_memory", lambda: 2**30)
    with pytest.raises(UsageError, match=r"GiB|Sobol"):
        run(tpc.parse(TEXT), method=method, samples=samples)


HEAD = "dim n\nvector v, w, u : n\nmatrix W, V : n x n\n"

PROGRAMS = {
    "two": f"{HEAD}output o = avg(tanh(v * w + u))\n",
    "three": f"{HEAD}output o = avg(tanh(v * w + u) * relu(v - w))\n",
    "columns": "dim n\nvector v[8], w : n\noutput o = avg(tanh(v * w))\n",
    "covariance": "dim n\nvector v[8], w : n\noutput o = tanh(v * w)\n",
    "products": f"{HEAD}x = tanh(W @ (v * w))\ny = tanh(V @ (x * v))\noutput o = avg(y * x)\n",
    "both sides": f"{HEAD}y = W.T @ tanh(W @ (v * w))\noutput o = avg(relu(y * v))\n",
    "training": Path("examples/mup_sgd_deep.tp").read_text(),
}


@pytest.mark.parametrize("method", ["mc", "qmc"])
@pytest.mark.parametrize("name", slow_where(lambda name: name != "two", PROGRAMS))
def test_the_amount_is_what_a_run_takes(name: str, method: Method) -> None:
    program = program_of(tpc.parse(PROGRAMS[name]), "limit", method=method)
    module = evaluator(program, method=method)
    effort = Effort(2**16, 0, method, 2, None)
    module.keep_what_is_freed = lambda: None  # what nobody touches takes no memory, but is counted
    evaluate(module, program, Effort(256, 0, method, 2, None), {}, None)
    tracemalloc.start()
    evaluate(module, program, effort, {}, None)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken / 1.3 < memory_of(module, effort) < 1.3 * taken
