"""More samples than Sobol's sequence or the memory have are refused before they are drawn."""

import pytest

import tpc
from tpc.diagnostics import UsageError
from tpc.driver.compiler import run

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
