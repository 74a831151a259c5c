"""The equations of flows: what is printed, evaluated by hand, is what kernels integrate."""

import json
from math import inf, pi, prod
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

import tpc
from tests.marks import slow_where
from tests.numeric.test_deep_kernels import ATTENTION, MORE, TEXT, tied
from tpc.command_line.cli import main
from tpc.depth.orders import RATE, term
from tpc.depth.parts import parts_of
from tpc.depth.recursion import passed_on
from tpc.depth.rounds import Moments, Pairs, TileInputs
from tpc.depth.verdict import flow_of, maps_of
from tpc.driver.deep_equations import written_flow
from tpc.network.network import Network
from tpc.report import formula as expr
from tpc.report.flow_equations import FlowEquations, flow_chapter
from tpc.report.formula import Formula

BODIES = {
    "relu": "    weight W : n x n (mult=1.5)\n    x[l + 1] = x[l] + L^(-1/2) * (W @ relu(x[l]))",
    "block": """    weight W : n x n (mult=1.3)
    weight A : n x n
    h = relu(W @ x[l])
    x[l + 1] = x[l] + L^(-1/2) * (A @ h)""",
    "tanh": "    weight W : n x n (mult=1.3)\n    x[l + 1] = x[l] + L^(-1/2) * tanh(W @ x[l])",
    **{name: MORE[name] for name in ("norm", "bias", "branches", "mean")},
}


def network_of(name: str) -> Network:
    if name == "attention":
        text = ATTENTION
    elif name == "tied":
        text = tied("x[l] + 1.4 * (W @ erf(x[l])) / L")
    else:
        text = TEXT.format(body=BODIES[name])
    found = tpc.parse(text, depth=inf)
    assert isinstance(found, Network)
    return found


def value(x: Formula, env: dict[Formula, Any]) -> Any:
    """Evaluate a formula by hand."""
    if x in env:
        return env[x]
    of = lambda part: value(part, env)  # noqa: E731
    match x:
        case expr.Number(value=number):
            return number
        case expr.Name(text="pi"):
            return pi
        case expr.Sum(terms=terms):
            return sum(-of(part) if minus else of(part) for minus, part in terms)
        case expr.Product(kind="contract", factors=(first, *rest)):
            found = of(first)
            for part in rest:
                found = found @ of(part)
            return found
        case expr.Product(factors=factors):
            return prod(map(of, factors))
        case expr.Quotient(numerator=above, denominator=below):
            return of(above) / of(below)
        case expr.Power(base=base, exponent=exponent):
            return of(base) ** of(exponent)
        case expr.Raised(operand=operand, mark="T"):
            return of(operand).T
        case expr.Call(function="softmax", arguments=(operand,)):
            return softmax(of(operand), axis=-1)
        case expr.Call(function=name, arguments=(operand,)):
            names = {"sqrt": np.sqrt, "acos": np.arccos, "asin": np.arcsin, "tanh": np.tanh}
            return names[name](of(operand))
        case expr.Expectation(operand=operand):
            nodes, weights = np.polynomial.hermite_e.hermegauss(120)
            weights = weights / weights.sum()
            u, w = expr.Name("u"), expr.Name("w")
            law = next(
                of(right)
                for left, right in env["local"].items()
                if isinstance(left, expr.Call) and (left.function == "Cov") == ("w" in str(operand))
            )
            if np.ndim(law) == 0:
                inside = value(operand, {**env, u: np.sqrt(law) * nodes})
                return inside @ weights
            root = np.linalg.cholesky(law)
            first = root[0, 0] * nodes[:, None] + 0 * nodes
            second = root[1, 0] * nodes[:, None] + root[1, 1] * nodes
            return weights @ value(operand, {**env, u: first, w: second}) @ weights
        case expr.Listing(items=items):
            return np.array([of(part) for part in items])
        case expr.Name() if x in env["local"]:
            return of(env["local"][x])
    raise AssertionError(x)


@pytest.mark.parametrize(
    "name", slow_where(lambda name: name != "relu", [*BODIES, "attention", "tied"])
)
@pytest.mark.slow
def test_printed_rates_are_those_that_are_integrated(name: str) -> None:
    network = network_of(name)
    parts = parts_of(network)
    params = {parts.loop.length.name: np.array(64.0)}
    maps = maps_of(network, parts, params, "auto", True)
    rates = flow_of(network, parts, maps).rates
    rng = np.random.default_rng(2)
    shape = maps.round.pairs.shapes["covariance"]
    size = prod(shape[: len(shape) // 2])
    factor = rng.standard_normal((2 * size, 3 * size)) / 2
    whole = factor @ factor.T
    blocks = [whole[:size, :size], whole[size:, size:], whole[:size, size:]]
    blocks.append(rng.standard_normal((size, size)))
    q, q_, c, t = (block.reshape(1, *shape) for block in blocks)
    means = [rng.standard_normal((1, *shape[: len(shape) // 2])) if maps.mean else None] * 2
    state = Pairs(Moments(means[0], q), Moments(means[1], q_), c[None], t[None])
    given = np.ones((1, *network.input.shape))
    nothing = np.zeros(0, dtype=int)
    found = rates.of(state, TileInputs(given, 2 * given, (nothing, nothing))).pairs
    rate = 2 * RATE if parts.tied else RATE
    want = {key: found.get(term(key, rate), np.zeros((1, 1))) for key in ("covariance", "tangent")}
    passed = found.get(term("passed", rate))
    equations = FlowEquations(written_flow(network))
    printed = equations.rates()
    names = {"C": c, "q": q, "q'": q_, "T": t, "P": t, "m": means[0], "m'": means[1]}
    env: dict[Any, Any] = {
        expr.Name(key): None if own is None else own.reshape(own.shape[1:])
        for key, own in names.items()
    }
    env["local"] = equations.pairs.local | equations.alike.local
    assert value(printed["C"], env) == pytest.approx(want["covariance"][0, 0], rel=1e-8, abs=1e-12)
    if passed is None:
        assert printed["P"] == expr.Number(0)
        return
    if not parts.tied:
        tangent = want["tangent"] + passed_on(passed, t[None])
        assert value(printed["T"], env) == pytest.approx(tangent[0, 0], rel=1e-8)
    own = (size,) * 4
    adjoint = np.einsum("otqs,oq->ts", passed[0, 0].reshape(own), t.reshape(size, size))
    gradient = np.reshape(value(printed["P"], env), (size, size))
    assert gradient == pytest.approx(adjoint, rel=1e-8)


@pytest.mark.slow
def test_a_residual_relu() -> None:
    text = flow_chapter(written_flow(network_of("relu"))).to_text()
    for line in (
        "depth L → ∞: a flow, τ = l / L from 0 to 1",
        "weights of the L rounds: W, drawn anew in every round",
        "|x(τ)⟩ = |x[0]⟩ + N(0, C(τ) - C(0))",
        "dC/dτ = 1.125 (sqrt(q q' - C^2) + C (π - acos(C / sqrt(q q')))) / π",
        "q(τ) = q(0) exp(1.125 τ)",
        "dT/dτ = dC/dτ + 1.125 T (π - acos(C / sqrt(q q'))) / π",
        "-dP/dτ = 1.125 P (π - acos(C / sqrt(q q'))) / π",
        "nngp = Sigma(xi, xi') = C(1)",
        "ntk = Theta(xi, xi') = C(1) + T(1)",
    ):
        assert line in text.replace("\n    ", "\n").split("\n"), line


@pytest.mark.slow
def test_layer_norm_and_linear_rounds_have_closed_solutions() -> None:
    norm = flow_chapter(written_flow(network_of("norm"))).to_text()
    assert "q(τ) = q(0) + τ / 2" in norm
    body = "    weight W : n x n (mult=1.2)\n    x[l + 1] = x[l] + L^(-1/2) * (W @ x[l])"
    linear = tpc.parse(TEXT.format(body=body), depth=inf)
    assert isinstance(linear, Network)
    assert "C(τ) = C(0) exp(1.44 τ)" in flow_chapter(written_flow(linear)).to_text()


@pytest.mark.slow
def test_attention_is_written_with_matrices() -> None:
    text = flow_chapter(written_flow(network_of("attention"))).to_text()
    assert "dC/dτ = 1.21 A @ C @ A'.T" in text
    assert "where A = softmax(1.5 q), A' = softmax(1.5 q')" in text
    assert "-dP/dτ = 1.21 A.T @ P @ A'" in text
    assert "nngp = Sigma(tok, tok') = sum(C(1)) / 9" in text


@pytest.mark.slow
def test_every_format_and_one_round(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "net.tp"
    file.write_text(TEXT.format(body=BODIES["relu"]), encoding="utf-8")
    assert main(["inspect", str(file)]) == 0
    text = capsys.readouterr().out
    assert "    x[l + 1] = x[l] + 1.5 L^(-0.5) W[l] @ relu(x[l])\n" in text
    assert "W[0..L - 1]  matrix-like" in text and "x[2]" not in text
    assert main(["inspect", str(file), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["depth"] == "infinite"
    assert found["flow"]["kind"] == "flow"
    assert found["flow"]["span"] == [0, 1]
    assert found["flow"]["initial"]["C"] == "0.25 xi · xi'"
    assert main(["inspect", str(file), "--format", "latex"]) == 0
    assert r"\frac{dC}{d\tau} &= \frac{1.125" in capsys.readouterr().out
    assert main(["inspect", str(file), "--format", "html"]) == 0
    assert "<i>τ</i>" in capsys.readouterr().out
    plane = flow_chapter(written_flow(network_of("tied")))
    assert r"\frac{\partial^{2} C}{\partial \tau \partial \sigma}" in plane.to_latex()
    assert "∂²P/∂τ∂σ = 7.84 P / (π sqrt(1 + 2 q + 2 q' + 4 q q' - 4 C^2))" in plane.to_text()
