"""What needs PyTorch: captures as they were recorded, and models that are rescaled."""

import json
from pathlib import Path

import numpy as np
import pytest

import tpc

torch = pytest.importorskip("torch")

from tests.importing.broken import BROKEN  # noqa: E402
from tests.importing.models import MODELS, Mlp  # noqa: E402
from tpc.diagnostics import UsageError  # noqa: E402
from tpc.importing.capture_torch import capture  # noqa: E402

HERE = Path(__file__).parent


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_captures_are_as_recorded(name: str) -> None:
    make, sample = MODELS[name]
    found = capture(make, sample, widths=(16, 32, 48), title=name)
    recorded = json.loads((HERE / "captures" / f"{name}.json").read_text())
    for entry in ("traces", "inputs", "outputs", "title"):
        assert found[entry] == recorded[entry]
    ops = [[(op["does"], op["shapes"]) for op in each["operations"]] for each in (found, recorded)]
    assert ops[0] == ops[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_broken_models_are_captured(name: str) -> None:
    make, sample = BROKEN[name]
    assert capture(make, sample, widths=(16, 32, 48))["operations"]


def test_a_graph_that_depends_on_the_width_is_refused() -> None:
    def make(n: int) -> "torch.nn.Module":
        layers = [torch.nn.Linear(3, n)] + [torch.nn.ReLU()] * (n // 64)
        return torch.nn.Sequential(*layers, torch.nn.Linear(n, 1))

    with pytest.raises(tpc.ImportRefused, match=r"TP701.*graph depends on the width"):
        tpc.from_torch(make, lambda rows: torch.ones(rows, 3))


def test_control_flow_on_data_is_refused() -> None:
    class Branching(torch.nn.Module):
        def __init__(self, n: int) -> None:
            super().__init__()
            self.layer, self.head = torch.nn.Linear(3, n), torch.nn.Linear(n, 1)

        def forward(self, x: "torch.Tensor") -> "torch.Tensor":
            return self.head(self.layer(x) if x.sum() > 0 else -self.layer(x))

    with pytest.raises(UsageError, match=r"torch\.export fails"):
        tpc.from_torch(Branching, lambda rows: torch.ones(rows, 3))


def test_rates_and_sizes_transfer() -> None:
    """mup with Adam: matrices at lr / 4 and the head at half its size, at four times the width."""
    found = tpc.from_torch(Mlp, lambda rows: torch.ones(rows, 5))
    torch.manual_seed(0)
    model = Mlp(512)
    before = {name: float(p.detach().std()) for name, p in model.named_parameters()}
    rates = {
        name: group["lr"]
        for group in found.param_groups(model, 0.1, base_width=128)
        for name, p in model.named_parameters()
        if any(p is member for member in group["params"])
    }
    assert rates["fc1.weight"] == pytest.approx(0.1)
    assert rates["fc2.weight"] == rates["head.weight"] == pytest.approx(0.025)
    found.init_(model, base_width=128)
    after = {name: float(p.detach().std()) for name, p in model.named_parameters()}
    assert after["fc2.weight"] == pytest.approx(before["fc2.weight"])
    assert after["head.weight"] == pytest.approx(before["head.weight"] / 2)
    assert after["fc2.bias"] == pytest.approx(before["fc2.bias"] * 2)
    with pytest.raises(UsageError, match="not the imported model"):
        found.param_groups(torch.nn.Linear(3, 8), 0.1, base_width=8)


def test_outputs_of_any_width() -> None:
    found = tpc.from_torch(Mlp, lambda rows: torch.ones(rows, 5))
    model = Mlp(100).double()
    x = torch.randn(4, 5, dtype=torch.float64)
    state = {name: p.detach().numpy() for name, p in model.named_parameters()}
    expected = model(x).detach().numpy()
    np.testing.assert_allclose(found.forward(state, 100, x.numpy())[:, None], expected, rtol=1e-12)
