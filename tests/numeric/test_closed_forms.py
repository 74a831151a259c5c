"""Closed forms of whole programs against published kernels and against sampling."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tpc
from tests.numeric.agreement import assert_agree, pooled
from tpc.limit.derive import derive_limit
from tpc.limit.equations import Limit
from tpc.program.passes import normalise

KERNELS = json.loads((Path(__file__).parents[1] / "reference" / "mlp_kernels.json").read_text())


def mlp(activation: str, depth: int, w_std: float, b_std: float) -> str:
    """Write the NNGP and the NTK of an MLP in the ntk parametrization as a program."""
    inputs = KERNELS["X"]
    width = len(inputs[0])
    lines = [
        "dim n",
        f"const X = {inputs}",
        f"const w = {w_std!r} ^ 2",
        f"const b = {b_std!r} ^ 2",
        f"vector U[{width}] : n ~ normal(0, w / {width})",
        "vector b0 : n ~ normal(0, b)",
        "h0 = U @ X.T + b0",
        "K0 = <h0|h0>",
        "T0 = K0",
    ]
    for layer in range(1, depth + 1):
        before = layer - 1
        lines += [
            f"matrix W{layer} : n x n ~ normal(0, w / n)",
            f"vector b{layer} : n ~ normal(0, b)",
            f"x{layer} = {activation}(h{before})",
            f"d{layer} = {activation}'(h{before})",
            f"h{layer} = W{layer} @ x{layer} + b{layer}",
            f"K{layer} = w * <x{layer}|x{layer}> + b",
            f"T{layer} = K{layer} + w * T{before} * <d{layer}|d{layer}>",
        ]
    return "\n".join([*lines, f"output nngp = K{depth}", f"output ntk = T{depth}", ""])


EXACT = [entry for entry in KERNELS["mlp"] if entry["act"] != "tanh"]
SMOOTH = [entry for entry in KERNELS["mlp"] if entry["act"] == "tanh"]


def title(entry: dict[str, object]) -> str:
    return f"{entry['act']}-{entry['depth']}"


@pytest.mark.parametrize("entry", EXACT, ids=title)
@pytest.mark.slow
def test_published_kernels_are_exact(entry: dict[str, object]) -> None:
    text = mlp(entry["act"], entry["depth"], entry["W_std"], entry["b_std"])
    result = tpc.evaluator(tpc.parse(text)).evaluate(method="exact")
    for name in ("nngp", "ntk"):
        np.testing.assert_allclose(result[name], entry[name], rtol=1e-12, atol=0)
        assert (result.stderr[name] == 0).all()


@pytest.mark.parametrize("entry", SMOOTH, ids=title)
@pytest.mark.slow
def test_published_kernels_without_closed_form(entry: dict[str, object]) -> None:
    text = mlp(entry["act"], entry["depth"], entry["W_std"], entry["b_std"])
    result = tpc.evaluator(tpc.parse(text)).evaluate(method="auto")
    for name in ("nngp", "ntk"):
        np.testing.assert_allclose(result[name], entry[name], rtol=1e-8, atol=0)
        assert (result.stderr[name] < 1e-6).all()


PROGRAMS = {
    "means and covariances": """
        dim n
        vector x[2] : n ~ normal([0.3, -0.2], [[1, 0.5], [0.5, 2]])
        vector y[2] : n ~ normal(0, 0.5)
        output a = <x|x * y>
        output b = avg(exp(0.3 * x[0] - square(x[1] - 1)) * sin(y[0] + x[1]))
        output c = avg(relu(x) * y[1] ^ 2 * cos(x[0]))
        output d = <relu(x + 0.5)|erf(y)>
        output x
        """,
    "axes that meet, repeat and go": """
        dim n
        const A = [[1, 0.5, -0.3], [0.2, -1, 0.4]]
        param s = 0.7
        vector u[2, 3] : n
        vector w[3] : n ~ normal(0, [[1, 0.2, 0], [0.2, 1, 0.1], [0, 0.1, 0.5]])
        matrix W : n x n ~ normal(0, s ^ 2 / n)
        h = W @ (u[0] * s + w)
        output a = <relu(u)|relu(u[1] - w)>
        output b = avg(step(h) * relu(h @ A.T)[0] * h[2])
        output c = <h * u.T[:, 0]|sum(u, axis=0)>
        output d = avg(erf(h) @ A.T - amax(A))
        vector v : n ~ normal(0, 2)
        readout f = v * relu(h)
        """,
    "products of both sides": """
        dim n
        dim m = 2 * n
        vector x : m
        matrix W : n x m
        h = W @ x
        k = W.T @ (relu(h) + 0.3)
        l = W @ (gelu(k) + x)
        output a = <k|x>
        output b = avg(square(l) * step(h))
        output c = <abs(k)|x>
        output l
        """,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_closed_forms_against_sampling(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit with its closed forms, against the one in which everything is estimated."""
    text = "\n".join(line.strip() for line in PROGRAMS[name].strip().split("\n"))
    program = normalise(tpc.parse(text))
    limits = [derive_limit(program, integrate=integrate) for integrate in (True, False)]
    closed, sampled = (pooled(load_module(limit, monkeypatch), 2**16) for limit in limits)
    assert_agree(closed, sampled)
    exact = [{name for name in found if not np.any(found[name][1])} for found in (closed, sampled)]
    assert len(exact[0]) >= 3
    assert not exact[1]


def load_module(limit: Limit, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("limit")
    # Dataclasses look their module up by name.
    monkeypatch.setitem(sys.modules, "limit", module)
    exec(compile(tpc.emit(limit), "limit", "exec"), module.__dict__)
    return module
