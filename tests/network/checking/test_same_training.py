"""Two ways to write one training are one training: the finite networks that they give agree."""

import numpy as np
import pytest

import tpc
from tests.network.checking.networks import training_text

ADAM = """\
optimizer mine(g; m=0, v=0; beta1=0.9, beta2=0.999, eps=1e-8):
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g^2
    mhat = m / (1 - beta1^(t + 1))
    vhat = v / (1 - beta2^(t + 1))
    return mhat / sqrt(vhat + eps^2)
"""
DELTA = """\
optimizer mine(g; u=0, v=0; rho=0.95, eps=1e-8):
    v = rho * v + (1 - rho) * g^2
    d = g * sqrt(u + eps^2) / sqrt(v + eps^2)
    u = rho * u + (1 - rho) * d^2
    return d
"""
HEAVY = "optimizer mine(g; m=0; beta=0.9):\n    m = beta * m + g\n    return m\n"
MUP = "custom(matrix=[0, 1/2, 1, 1], vector=[0, 0, 0, 1], scalar=[0, 0, 0, 0], out=1)"


def trained(text: str) -> dict[str, np.ndarray]:
    """Train a network of width 16 once."""
    return dict(tpc.simulate(tpc.parse(text), width=16, trials=1, seed=3).values)


@pytest.mark.parametrize(
    ("one", "other", "head"),
    [
        ({"optimizer": "momentum(lr=0.1)"}, {"optimizer": "mine(lr=0.1)"}, HEAVY),
        ({"optimizer": "adam(lr=0.1)"}, {"optimizer": "mine(lr=0.1)"}, ADAM),
        ({"optimizer": "adam(beta1=0.5)"}, {"optimizer": "mine(beta1=0.5)"}, ADAM),
        ({"optimizer": "adadelta(eps=0.1)"}, {"optimizer": "mine(eps=0.1)"}, DELTA),
        (
            {"optimizer": "adadelta(eps=0.1, clip=0.1)"},
            {"optimizer": "mine(eps=0.1, clip=0.1)"},
            DELTA,
        ),
        ({"loss": "mse"}, {"loss": "(f - y)^2 / 2"}, ""),
        ({"loss": "logistic"}, {"loss": "log(1 + exp(-y * f))"}, ""),
        ({"batch": "2"}, {"batch": "[[0, 1], [2, 3]]"}, ""),
        ({"batch": "3"}, {"batch": "[[0, 1, 2], [3, 0, 1], [2, 3, 0]]"}, ""),
        ({"batch": "full"}, {"batch": "4"}, ""),
        ({"parametrization": "mup"}, {"parametrization": MUP}, ""),
        ({"parametrization": "mup"}, {"parametrization": "uniform(0)"}, ""),
        ({"loss": "mse", "reduce": "mean"}, {"loss": "(f - y)^2 / 8"}, ""),
    ],
)
def test_two_ways_to_write_one_training(
    one: dict[str, str], other: dict[str, str], head: str
) -> None:
    tracks = "track K = <x|h>", "track size = avg(v^2) + g"
    first = trained(training_text(*tracks, **one))
    second = trained(head + training_text(*tracks, **other))
    assert first.keys() == second.keys() == {"f", "K", "size", "loss", "loss_all"}
    moved = max(abs(first["f"][-1] - first["f"][0]))
    assert moved > 1e-4
    for name, value in first.items():
        end = -1 if name == "loss" else None  # that of a batch which does not come any more
        np.testing.assert_allclose(
            second[name][:end], value[:end], rtol=1e-9, atol=1e-12, err_msg=name
        )


def test_own_optimizers_are_of_their_weights_alone() -> None:
    """Optimizers for every single weight are those for all, and another one is not."""
    lines = ["track K = <x|h>"]
    own = [f"optimizer {name}: sgd(lr=0.1)" for name in ("U", "W, g", "v")]
    plain = trained(training_text(*lines))
    single = trained(training_text(*lines, *own, optimizer="sgd(lr=5)"))
    other = trained(training_text(*lines, "optimizer v: sgd(lr=0.2)"))
    np.testing.assert_allclose(single["f"], plain["f"], rtol=1e-12)
    assert abs(other["f"][-1] - plain["f"][-1]).max() > 1e-6
    np.testing.assert_allclose(other["f"][0], plain["f"][0], rtol=1e-12)


@pytest.mark.parametrize(("built_in", "head"), [("momentum", HEAVY), ("adam", ADAM)])
@pytest.mark.slow
def test_declared_optimizers_have_the_limit_of_the_built_in_ones(built_in: str, head: str) -> None:
    texts = [training_text(optimizer=f"{name}(lr=0.1)", steps="2") for name in (built_in, "mine")]
    # The gradient of the scalar g vanishes in the limit alone, where adam jumps.
    texts = [head + text.replace("(start=0.5)", "(start=0.5, train=false)") for text in texts]
    limits = [tpc.train(tpc.parse(text), 512) for text in texts]
    first, second = (limit["f"] for limit in limits)
    assert abs(first[-1] - first[0]).max() > 0.01
    np.testing.assert_allclose(second, first, rtol=1e-6, atol=1e-9)
