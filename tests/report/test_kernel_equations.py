"""The equations of kernels that `tpc inspect` prints for a pair of inputs."""

import json
from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.command_line.cli import main
from tpc.driver import compiler
from tpc.kernels.plan import Side
from tpc.kernels.schedule import plan_pairs
from tpc.kernels.tiling import evaluate
from tpc.limit.derive import derive_limit
from tpc.network.kernel_programs import named_pair_program, with_named_operands
from tpc.network.network import Network
from tpc.program.passes import normalise
from tpc.simulation.parameters import resolve_parameters

EXAMPLES = Path(__file__).parents[2] / "examples"


def chapter_of(name: str) -> str:
    network = tpc.load(EXAMPLES / name)
    assert isinstance(network, Network)
    return compiler.derive_kernels(network).to_text()


def test_a_perceptron() -> None:
    text = chapter_of("networks/mlp.tp")
    for line in (
        "kernels of two inputs xi and xi', in the parametrization ntp",
        "|W x1⟩ = |W x1⟩^ ~ N(0, ⟨x1|x1⟩)",
        "Cov(|W x1⟩^, |W x1'⟩^) = ⟨x1|x1'⟩",
        "|g1⟩ = |v⟩ step(|t2⟩)",
        "Cov(|W.T g1⟩^, |W.T g1'⟩^) = ⟨g1|g1'⟩",
        "nngp = Sigma(xi, xi') = (sqrt(q q' - c^2)",
        "ntk = Theta(xi, xi') = Theta_U + Theta_W + Theta_b1 + Theta_b2 + Theta_v",
        "Theta_W = sw^2 ⟨g1|g1'⟩ ⟨x1|x1'⟩",
        "Theta_b2 = sb^2 ⟨g1|g1'⟩",
    ):
        assert f"\n    {line}\n" in f"\n{text}" or line in text.split("\n"), line


@pytest.mark.slow
def test_backward_passes_that_depend_on_weights_have_dots() -> None:
    text = chapter_of("networks/tied_autoencoder.tp")
    assert "|W.T code⟩˙ = |x⟩⟨∇ W x|code⟩" in text
    assert "|W.T g2⟩˙ = |g1⟩⟨∇ W g1|g2⟩" in text


@pytest.mark.slow
def test_weights_that_add_the_same_are_said_together() -> None:
    assert "Theta_O[0] = Theta_O[1] = " in chapter_of("models/llama.tp")
    text = chapter_of("models/swin.tp")
    assert "Theta_Q[0] = Theta_Q[1] = Theta_K[0] = Theta_K[1] = 0\n" in text
    assert "Theta_Q" not in text.split("Theta(xi, xi') = ")[1].split("\n    Theta_E")[0]


def test_what_has_no_kernels_says_why() -> None:
    assert "`batchmean` averages over all" in chapter_of("networks/batchnorm_mlp.tp")
    text = "dim n\ninput xi[2]\nweight U[2] : n\nreadout f = tanh(U @ xi)\n"
    network = tpc.parse(text)
    assert isinstance(network, Network)
    (why,) = compiler.derive_kernels(network).about
    assert why.startswith("no kernels: the readout `f` has no centred Gaussian limit: ")


def test_without_a_tangent_kernel_there_is_the_nngp() -> None:
    text = "dim n\ninput xi[2]\nweight U[2] : n\nweight v : n\nweight g (start=1)\n"
    network = tpc.parse(f"{text}readout f = g * v * tanh(U @ xi)\n")
    assert isinstance(network, Network)
    assert [s.title for s in compiler.derive_kernels(network).sections][1:] == ["NNGP"]


@pytest.mark.parametrize(
    "name", ["networks/mlp.tp", "networks/rnn.tp", "models/mixture_of_experts.tp"]
)
@pytest.mark.slow
def test_the_parts_add_up_to_the_kernel(name: str) -> None:
    """What is printed is evaluated, and compared with what `tpc.kernel` computes."""
    network = tpc.load(EXAMPLES / name)
    assert isinstance(network, Network)
    xi = network.input.name, network.input.name + "'"
    program = with_named_operands(normalise(named_pair_program(network)), xi)
    plan = plan_pairs(derive_limit(program, "auto"), {xi[0]: Side.FIRST, xi[1]: Side.SECOND}, True)
    rng = np.random.default_rng(3)
    x, y = (rng.standard_normal((k, *network.input.shape)) for k in (3, 2))
    found, _ = evaluate(plan, x, y, resolve_parameters(network, None), 1, None)
    wanted = tpc.kernel(network, x, y)
    parts = [value for weight, value in found.items() if weight != "nngp"]
    np.testing.assert_allclose(found["nngp"], wanted["nngp"], rtol=1e-9)
    np.testing.assert_allclose(
        sum(np.broadcast_to(p, (3, 2)) for p in parts), wanted["ntk"], rtol=1e-9
    )


@pytest.mark.parametrize("layout", ["text", "latex", "html", "json"])
def test_every_format_has_them(layout: str, tmp_path: Path) -> None:
    path = tmp_path / "said"
    words = ["inspect", str(EXAMPLES / "networks/mlp.tp"), "--format", layout, "-o", str(path)]
    assert main(words) == 0
    said = path.read_text(encoding="utf-8")
    if layout == "json":
        titles = [section["title"] for section in json.loads(said)["kernels"]["sections"]]
        assert titles[1:] == ["NNGP", "tangent kernel, by weights"]
    else:
        assert {"text": "Theta(xi, xi')", "latex": r"\Theta(\xi, \xi')", "html": "Theta_U"}[
            layout
        ] in said
