"""Training of deep networks against published limits, finite networks by hand, and refusals."""

import json
from math import inf
from pathlib import Path

import numpy as np
import pytest

import tpc
from tests.marks import slow_where
from tpc.depth.flow_training import flow_training
from tpc.depth.training import training_in_depth
from tpc.diagnostics import UsageError
from tpc.network.network import Network
from tpc.simulation.parameters import resolve_parameters

REFERENCE = Path(__file__).parents[1] / "reference" / "depth_training.json"
CASES = json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"]

TEXT = """
dim n
depth L
input xi[2]
weight U[2] : n
weight v : n
x[0] = U @ xi
for l in range(L):
    weight W : n x n{options}
    x[l + 1] = x[l] + {scale} * {block}
readout f = v * x[L]
train f:
    data {rows}
    loss mse
    optimizer {optimizer}
    parametrization {parametrization}
    steps {steps}
    track q = <x[L]|x[L]>
"""

TWO_ROWS = "[[1.0, 0.5], [-0.4, 0.9]], [1.0, -0.5]"

USUAL = {
    "options": "", "scale": "L^(-1/2)", "block": "tanh(W @ x[l])", "rows": TWO_ROWS,
    "optimizer": "sgd(lr=0.15)", "parametrization": "mup", "steps": 3,
}  # fmt: skip

LINEAR = {"block": "(W @ x[l])"}
COMPLETE = {"scale": "1 / L", "parametrization": "mup(depth=1)"}
MOMENTUM = {
    "optimizer": "momentum(lr=0.1, beta=0.5)", "options": " (mult=1.3, init=0.8)",
    "rows": TWO_ROWS + "\n    test [[0.3, -0.2]]\n    batch 1",
}  # fmt: skip
ONE_ROW = {"rows": "[[1.0, 0.5]], [1.0]"}

NETWORKS: dict[str, dict[str, object]] = {
    "train_sgd_linear_alpha1": {**LINEAR, **COMPLETE, "optimizer": "sgd(lr=0.08)"},
    "train_sgd_tanh_post": {},
    "train_sgd_tanh_pre": {"block": "(W @ tanh(x[l]))"},
    "train_sgd_tanh_post_alpha1": {
        **COMPLETE, **ONE_ROW, "optimizer": "sgd(lr=0.3)", "steps": 1,
    },
    "train_signsgd_tanh_pre": {
        "block": "(W @ tanh(x[l]))", "optimizer": "signsgd(lr=0.15)", "steps": 2,
        "rows": "[[1.0, 0.5]], [1.0]\n    test [[-0.4, 0.9]]",
        "parametrization": "mup(depth=1/2)",
    },
}  # fmt: skip


def network(depth: float = inf, **changes: object) -> Network:
    found = tpc.parse(TEXT.format(**{**USUAL, **changes}), depth=depth)
    assert isinstance(found, Network)
    return found


# ------------------------------------------------------------------------------- shared cases


@pytest.mark.parametrize("name", slow_where(lambda name: True, [
    "train_sgd_tanh_pre", "train_sgd_tanh_post_alpha1", "train_signsgd_tanh_pre",
]))  # fmt: skip
def test_cells_have_published_limits(name: str) -> None:
    case, least = CASES[name], 1e-2 if "sign" in name else 1e-3
    found = tpc.train(network(**NETWORKS[name]), samples=4096 if "sign" in name else 65536)
    assert found.method == "cells" and set(found.methods.values()) == {"cells"}
    expected = case["expected"]
    if "f1" in expected:
        assert abs(found["f"][1, 0] - expected["f1"]) < 3 * found.stderr["f"][1, 0] < 1e-2
        assert abs(found["q"][1, 0, 0] - expected["q1"]) < 3 * found.stderr["q"][1, 0, 0]
        return
    errors = case["error"] if isinstance(case["error"], dict) else {"f": case["error"]}
    for key, value in expected.items():
        off = np.abs(found[key] - np.array(value))
        stated = 3 * found.stderr[key] + np.array(errors[key]) + least
        assert (off < stated).all(), key


@pytest.mark.slow
def test_a_finite_depth_is_its_own_limit() -> None:
    """Of linear blocks f after one step is a formula at every depth."""
    case = CASES["train_sgd_linear_alpha1"]
    found = tpc.train(network(**NETWORKS["train_sgd_linear_alpha1"]), depth=8)
    assert found.depth == 8 and set(found.methods.values()) == {"exact"}
    whole = np.concatenate([found["f"].ravel(), found["q"].ravel()])
    assert np.allclose(whole, case["depth8"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", slow_where(lambda name: True, [
    "train_sgd_linear_alpha1", "train_sgd_tanh_post",
]))  # fmt: skip
def test_flows_have_published_limits(name: str) -> None:
    found = tpc.train(network(**NETWORKS[name]))
    assert found.method == "flow" and set(found.methods.values()) == {"flow"}
    for key, value in CASES[name]["expected"].items():
        off = np.abs(found[key] - np.array(value))
        assert (off <= found.stderr[key] + CASES[name]["error"]).all(), key
        assert (found.stderr[key] < 1e-3).all()


@pytest.mark.slow
def test_a_centred_relu_is_that_of_finite_networks() -> None:
    """At 32 rounds and width 4096; the errors are those of 24 networks or so."""
    net = network(block="(relu(W @ x[l]) - avg(relu(W @ x[l])))")
    known = resolve_parameters(net, {})
    flow = flow_training(net, training_in_depth(net, 3, known), known)
    assert flow is not None
    found = flow.of_cells(32)
    assert abs(found["f"][2, 0] - 0.9301) < 2 * 0.0013
    assert abs(found["f"][3, 0] - 0.9962) < 2 * 0.0002
    assert abs(found["q"][3, 0, 0] - 2.498) < 2.5 * 0.003


@pytest.mark.slow
def test_cells_and_flows_agree() -> None:
    flow = tpc.train(network(steps=2, **MOMENTUM))
    cells = tpc.train(network(steps=2, **MOMENTUM), cells=(8, 16, 32), samples=16384)
    assert (flow.method, cells.method) == ("flow", "cells")
    for key in ("f", "q", "loss", "loss_all"):
        assert (np.abs(flow[key] - cells[key]) <= 3.5 * cells.stderr[key] + 1e-4).all(), key


@pytest.mark.slow
@pytest.mark.parametrize("changes", [
    {"block": "(W @ tanh(x[l]))"},
    {"block": "tanh(W @ x[l] + b)", "options": "\n    weight b : n (start=0)"},
    {"block": "(A @ tanh(W @ x[l]))", "options": "\n    weight A : n x n"},
    {"optimizer": "adam(lr=0.1)", "parametrization": "mup(depth=1/2)"},
    {"optimizer": "sgd(lr=0.1, decay=0.1)"},
])  # fmt: skip
def test_closed_equations_are_of_their_blocks_alone(changes: dict[str, object]) -> None:
    net = network(**changes)
    known = resolve_parameters(net, {})
    assert flow_training(net, training_in_depth(net, 3, known), known) is None


@pytest.mark.slow
def test_a_linear_cell_is_a_round() -> None:
    """Of linear blocks K cells are the network of depth K, exactly."""
    net = network(**NETWORKS["train_sgd_linear_alpha1"])
    known = resolve_parameters(net, {})
    flow = flow_training(net, training_in_depth(net, 3, known), known)
    assert flow is not None
    found, case = flow.of_cells(8), CASES["train_sgd_linear_alpha1"]
    whole = np.concatenate([found["f"].ravel(), found["q"].ravel()])
    assert np.allclose(whole, case["depth8"], rtol=0, atol=1e-12)


# ---------------------------------------------------------------------------- parametrizations


def rates(depth: float, **changes: object) -> dict[str, float]:
    """Return the learning rate and eps of the last weight of the loop."""
    from tpc.network.optimizers.update import learning_rate, numeric_options
    from tpc.program.builder import Builder
    from tpc.program.checking.expressions.defaults import at_defaults

    found, b = network(depth, **changes), Builder()
    training, weight = found.training, found.weights[-1]
    assert training is not None
    use = training.optimizer_of(weight.name)
    options = numeric_options(b, use)
    given = {"lr": learning_rate(b, use, weight, 0), **{"eps": options.get("eps", b.number(0))}}
    return {name: float(at_defaults(value)) for name, value in given.items()}


@pytest.mark.parametrize(("exponent", "optimizer", "rate", "eps"), [
    ("1/2", "sgd(lr=0.1)", 0.1, 0.0),
    ("1", "sgd(lr=0.1)", 1.6, 0.0),
    ("1/2", "adam(lr=0.1, eps=0.01)", 0.025, 0.0025),
    ("1", "adam(lr=0.1, eps=0.01)", 0.1, 0.000625),
    ("1/2", "lion(lr=0.1)", 0.025, 0.0),
    ("1", "momentum(lr=0.1)", 1.6, 0.0),
])  # fmt: skip
def test_rates_scale_with_the_depth(exponent: str, optimizer: str, rate: float, eps: float) -> None:
    found = rates(16, parametrization=f"mup(depth={exponent})", optimizer=optimizer)
    assert found["lr"] == pytest.approx(rate) and found["eps"] == pytest.approx(eps)


def test_decay_of_a_step_does_not_scale() -> None:
    """AdamW's decay is a multiple of lr, which scales; the step's share of the weight does not."""
    from tpc.network.optimizers.update import decay
    from tpc.program.builder import Builder
    from tpc.program.checking.expressions.defaults import at_defaults

    shares = []
    for depth in (4, 16):
        found = network(
            depth, optimizer="adamw(lr=0.1, weight_decay=0.2)", parametrization="mup(depth=1/2)"
        )
        assert found.training is not None
        weight = found.weights[-1]
        share = decay(Builder(), found.training.optimizer_of(weight.name), weight, 0)
        assert share is not None
        shares.append(float(at_defaults(share)))
    assert shares == pytest.approx([0.02, 0.02])


def test_weights_outside_of_the_loop_keep_their_rates() -> None:
    found = network(16, parametrization="mup(depth=1)", optimizer="adam(lr=0.1)")
    assert found.training is not None
    assert {name.partition("[")[0] for name, _ in found.training.own_optimizers} == {"W"}


# ------------------------------------------------------------------- finite networks, by hand


def trained_by_hand(width: int, depth: int, rng: np.random.Generator) -> np.ndarray:
    """Train a network x += L^(-1/2) tanh(W x) by mup and sgd; return f before and after steps."""
    inputs, targets = np.array([[1.0, 0.5], [-0.4, 0.9]]), np.array([1.0, -0.5])
    rate, scale = 0.15, depth**-0.5
    first, last = rng.standard_normal((width, 2)), rng.standard_normal(width)
    matrices = rng.standard_normal((depth, width, width)) / np.sqrt(width)
    found = []
    for _ in range(3):
        x, h = [inputs @ first.T], []
        for matrix in matrices:
            h.append(x[-1] @ matrix.T)
            x.append(x[-1] + scale * np.tanh(h[-1]))
        found.append(x[-1] @ last / width)
        chi = (found[-1] - targets)[:, None]
        d = np.broadcast_to(last, x[-1].shape)
        new = matrices.copy()
        for at in reversed(range(depth)):
            dh = scale * d * (1 - np.tanh(h[at]) ** 2)
            new[at] -= rate * (chi * dh).T @ x[at] / width
            d = d + dh @ matrices[at]
        first, last = first - rate * (chi * d).T @ inputs, last - rate * chi[:, 0] @ x[-1]
        matrices = new
    return np.array(found)


@pytest.mark.slow
def test_training_at_a_finite_depth_is_that_of_wide_networks() -> None:
    """f_0 is taken off by pairs of v and -v in the mean over many networks."""
    limit = tpc.train(network(steps=2), depth=4, samples=16384)
    rng = np.random.default_rng(0)
    runs = {n: np.array([trained_by_hand(n, 4, rng) for _ in range(96)]) for n in (128, 256)}
    means = {n: found.mean(axis=0) for n, found in runs.items()}
    errors = {n: found.std(axis=0) / np.sqrt(96) for n, found in runs.items()}
    extrapolated = 2 * means[256] - means[128]
    error = np.sqrt(4 * errors[256] ** 2 + errors[128] ** 2 + limit.stderr["f"] ** 2)
    assert (np.abs(extrapolated - limit["f"])[1:] < 3.5 * error[1:]).all()


# ------------------------------------------------------------------------------------ refusals


def code(**changes: object) -> str:
    with pytest.raises(tpc.ProgramError) as refused:
        tpc.train(network(**changes))
    return refused.value.diagnostics[0].code


@pytest.mark.slow
def test_what_has_no_limit_is_refused() -> None:
    assert code(block="relu(W @ x[l])") == "TP504"
    assert code(scale="L^(-1/4)") == "TP504"
    assert code(scale="L^(-3/4)", parametrization="mup(depth=3/4)") == "TP530"
    assert code(optimizer="adam(lr=0.1)") == "TP531"
    assert code(**{**COMPLETE, "parametrization": "mup"}) == "TP531"
    assert code(parametrization="mup(depth=1)") == "TP532"
    assert code(**COMPLETE) == "TP530"


def test_cells_are_at_least_three() -> None:
    with pytest.raises(UsageError, match="needs three"):
        tpc.train(network(), cells=(4, 8))
    with pytest.raises(UsageError, match="infinite depth"):
        tpc.train(network(4), cells=(4, 8, 16))


@pytest.mark.slow
def test_biases_are_warned_of() -> None:
    found = tpc.train(
        network(block="tanh(W @ x[l] + b)", options="\n    weight b : n (start=0)", steps=1),
        cells=(2, 3, 4), samples=512,
    )  # fmt: skip
    assert any("`b`" in text and "not checked" in text for text in found.warnings)
    assert json.loads(found.to_json())["depth"] == "infinite"
