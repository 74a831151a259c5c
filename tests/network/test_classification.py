"""Classifications against the tables and examples of the paper, and sizes counted by hand."""

import pytest

from tests.network.networks import Assembly, perceptron
from tests.network.optimizers.uses import use_of
from tpc.diagnostics import UsageError
from tpc.network.classification import classify, no_limit
from tpc.network.network import Exponents, Network, Parametrization
from tpc.network.optimizers.every_step import homogeneity
from tpc.network.parametrizations import canonical, scaling_of, shifted
from tpc.network.roles import Role, layers_of, roles_of
from tpc.network.scales import Regime

SGD = use_of("sgd")
SIGN = use_of("signsgd")
ADAM = use_of("adam", eps=1e-4)


def custom(matrix: list[float], vector: list[float], out: float) -> Parametrization:
    return Parametrization("custom", matrix=Exponents(*matrix), vector=Exponents(*vector), out=out)


# ---------------------------------------------------------------------------------------- roles


def test_roles_of_a_perceptron() -> None:
    network = perceptron(3, bias=True)
    assert roles_of(network) == {
        "U": Role.VECTOR, "b1": Role.VECTOR, "W2": Role.MATRIX, "b2": Role.VECTOR,
        "W3": Role.MATRIX, "b3": Role.VECTOR, "v": Role.OUTPUT,
    }  # fmt: skip
    assert layers_of(network) == ("U", "W2", "W3", "v")


@pytest.mark.parametrize("hidden", [1, 2, 4])
@pytest.mark.parametrize("phi", ["tanh", ""])
def test_linear_networks_have_one_output_weight_too(hidden: int, phi: str) -> None:
    network = perceptron(hidden, phi)
    assert [name for name, role in roles_of(network).items() if role is Role.OUTPUT] == ["v"]
    assert len(layers_of(network) or ()) == hidden + 1


def tied_embedding() -> Network:
    """Return a network whose first weight is its last too."""
    b = Assembly()
    u = b.vector("U")
    h = b.apply("tanh", b.mul(u, b.input()))
    return b.network(b.mul(u, b.matmul(b.matrix("W"), False, h)))


def residual() -> Network:
    b = Assembly()
    x = b.contract(b.vector("U", 2), b.input(2))
    x = b.add(x, b.matmul(b.matrix("W"), False, b.apply("tanh", x)))
    return b.network(b.mul(b.vector("v"), x))


def recurrent() -> Network:
    b = Assembly()
    w, x = b.matrix("W"), b.contract(b.vector("U", 2), b.input(2))
    x = b.apply("tanh", b.matmul(w, False, b.apply("tanh", x)))
    return b.network(b.mul(b.vector("v"), b.matmul(w, True, x)))


def averaging() -> Network:
    b = Assembly()
    x = b.contract(b.vector("U", 2), b.input(2))
    return b.network(b.apply("relu", b.matmul(b.matrix("W"), False, b.apply("tanh", x))))


def scaled() -> Network:
    """Return a perceptron with a scalar-like gain."""
    b = Assembly()
    x = b.apply("tanh", b.contract(b.vector("U", 2), b.input(2)))
    return b.network(b.mul(b.vector("v"), b.mul(b.add(b.number(1), b.scalar("g")), x)))


def test_a_weight_with_another_use_is_not_output_like() -> None:
    assert roles_of(tied_embedding())["U"] is Role.VECTOR


@pytest.mark.parametrize("made", [tied_embedding, residual, recurrent, averaging, scaled])
def test_other_networks_are_no_perceptrons(made) -> None:
    assert layers_of(made()) is None


def test_two_readouts_share_their_role() -> None:
    b = Assembly()
    x = b.apply("tanh", b.contract(b.vector("U", 2), b.input(2)))
    y = b.apply("relu", b.matmul(b.matrix("W"), False, x))
    network = b.network(b.add(b.mul(b.vector("v"), x), b.mul(b.vector("w"), y)))
    outputs = [name for name, role in roles_of(network).items() if role is Role.OUTPUT]
    assert outputs == ["v", "w"]
    assert layers_of(network) is None


# ----------------------------------------------------------------------------------- exponents


def test_exponents_of_layers_are_those_of_the_papers_tables() -> None:
    """Definitions 2.4.1, 2.5.1 and 2.2.2, with a_out taken into the last layer."""
    wanted = {
        "ntp": [(0, 0, 0.5, 0.5), (0.5, 0, 1, 1), (0.5, 0, 0.5, 0.5)],
        "mup": [(0, 0, 0, 1), (0, 0.5, 1, 1), (1, 0, 0, 1)],
        "sp": [(0, 0, 0, 0), (0, 0.5, 0, 0), (0, 0.5, 0, 0)],
    }
    for name, layers in wanted.items():
        found = scaling_of(perceptron(2), Parametrization(name))
        for weight, exponents in zip(("U", "W2", "v"), layers, strict=True):
            e = found.exponents[weight]
            out = found.out if weight == "v" else 0
            assert (e.a + out, e.b, e.c, e.d) == exponents


@pytest.mark.parametrize(("s", "name"), [(0, "mup"), (0.5, "ntp")])
def test_uniform_parametrizations_end_at_mup_and_ntp(s: float, name: str) -> None:
    """Up to the shift [Remark 2.8.25]: canonical exponents agree, a_out in those of the output."""
    network = perceptron(3)
    uniform = scaling_of(network, Parametrization("uniform", s))
    other = scaling_of(network, Parametrization(name))
    for weight in network.weights:
        ours = canonical(uniform.exponents[weight.name], weight.kind)
        assert ours == canonical(other.exponents[weight.name], weight.kind)
    assert uniform.out == other.out


@pytest.mark.parametrize("shift", [-0.5, 0.25, 1.0])
@pytest.mark.parametrize("optimizer", [SGD, SIGN, ADAM])
@pytest.mark.parametrize("name", ["ntp", "mup", "sp"])
def test_shifts_change_no_classification(shift: float, optimizer, name: str) -> None:
    """Proposition 2.2.3, shifting every weight by an amount of its own."""
    network = perceptron(2)
    plain = classify(network, Parametrization(name), optimizer)
    b = Assembly()
    given = scaling_of(network, Parametrization(name))
    moved = {
        weight: shifted(e, shift * (at + 1))
        for at, (weight, e) in enumerate(given.exponents.items())
    }
    abcd = {weight: (e.a, e.b, e.c, e.d) for weight, e in moved.items()}
    x = b.apply("tanh", b.contract(b.vector("U", 3, abcd=abcd["U"]), b.input(3)))
    x = b.matmul(b.matrix("W2", abcd=abcd["W2"]), False, x)
    x = b.mul(b.vector("v", abcd=abcd["v"]), b.apply("tanh", x))
    found = classify(b.network(x), Parametrization(name), optimizer)
    assert found.regime is plain.regime
    assert [w.canonical for w in found.weights] == [w.canonical for w in plain.weights]
    assert [w.r for w in found.weights] == [w.r for w in plain.weights]


def test_mean_field_is_mup_of_one_hidden_layer() -> None:
    one = perceptron(1)
    found = scaling_of(one, Parametrization("meanfield"))
    assert found == scaling_of(one, Parametrization("mup"))
    with pytest.raises(UsageError, match="one hidden layer"):
        scaling_of(perceptron(2), Parametrization("meanfield"))


def test_custom_exponents_must_cover_every_kind() -> None:
    vector = Exponents(0, 0, 0, 1)
    with pytest.raises(UsageError, match="matrix-like weights like `W2`"):
        scaling_of(perceptron(2), Parametrization("custom", vector=vector, out=1))
    assert scaling_of(perceptron(1), Parametrization("custom", vector=vector, out=1)).out == 1


# ------------------------------------------------------------------------------ classifications


@pytest.mark.parametrize("hidden", [1, 2, 4])
@pytest.mark.parametrize("optimizer", [SGD, SIGN, ADAM, use_of("momentum", normalize=True)])
def test_mup_learns_features_and_ntp_does_not(hidden: int, optimizer) -> None:
    network = perceptron(hidden, bias=True)
    mup = classify(network, Parametrization("mup"), optimizer)
    ntp = classify(network, Parametrization("ntp"), optimizer)
    assert (mup.regime, mup.r, mup.gradient) == (Regime.FEATURE_LEARNING, 0, 1)
    assert (ntp.regime, ntp.r, ntp.gradient) == (Regime.OPERATOR, 0.5, 0.5)
    assert ntp.output_is_random and not mup.output_is_random
    for found in (mup, ntp):
        assert found.depth == hidden
        assert no_limit(found) is None
        assert all(weight.moves and weight.starts for weight in found.weights)
        assert all(
            weight.r == found.r for weight in found.weights if weight.role is not Role.OUTPUT
        )
        assert found.by_name["v"].r == 0


@pytest.mark.parametrize("s", [0.1, 0.25, 0.4])
def test_between_mup_and_ntp_the_regime_is_the_operators(s: float) -> None:
    found = classify(perceptron(3), Parametrization("uniform", s), ADAM)
    assert found.regime is Regime.OPERATOR
    assert found.r == pytest.approx(s)
    assert not found.output_is_random
    assert all(weight.moves for weight in found.weights)
    assert found.by_name["v"].r == pytest.approx(0)  # where 2.8.25 prints 1


def test_standard_parametrization_with_sgd_has_no_limit() -> None:
    """[Tensor Programs IV]: its logits blow up; updates of W move features by n^(1/2)."""
    found = classify(perceptron(2), Parametrization("sp"), SGD)
    assert found.regime is Regime.UNSTABLE
    assert found.by_name["W2"].r == -0.5
    assert found.by_name["v"].r == -1
    refusal = no_limit(found)
    assert refusal is not None and refusal.code == "TP310"
    assert "`sp` with `sgd`" in refusal.message
    assert "`W2`" in refusal.label


def test_standard_parametrization_with_adam_of_small_lr() -> None:
    """Remark 2.2.7: with c = 1 of every layer and perfect scale invariance r is 0.

    That is the largest rate for the features; by Theorem 2.8.12 (a + b + r >= 1 of the output
    layer), which the remark passes over, it is too large for the output.
    """
    b = Assembly()
    x = b.apply("tanh", b.contract(b.vector("U", 3, abcd=(0, 0, 1, 0)), b.input(3)))
    x = b.matmul(b.matrix("W2", abcd=(0, 0.5, 1, 0)), False, x)
    x = b.mul(b.vector("v", abcd=(0, 0.5, 1, 0)), b.apply("tanh", x))
    network = b.network(x)
    found = classify(network, Parametrization("sp"), SIGN)
    assert found.r == found.by_name["W2"].r == 0
    assert [violation.condition for violation in found.violations] == ["A + r* >= 1"]
    assert found.by_name["U"].r == 1
    # With an eps that does not shrink with n the same exponents are unfaithful.
    conditions = [v.condition for v in classify(network, Parametrization("sp"), ADAM).violations]
    assert "d = 1/2 of `W2`" in conditions
    assert classify(network, Parametrization("sp"), use_of("adam", eps=0.0)).regime is found.regime


@pytest.mark.parametrize(
    ("matrix", "vector", "out", "regime", "condition"),
    [
        # by name of the condition that is broken, starting from mup
        ([0, 0.25, 1, 1], [0, 0, 0, 1], 1, Regime.UNSTABLE, "a + b = 1/2 of `W2`"),
        ([0, 0.5, 0.5, 1], [0, 0, 0, 1], 1, Regime.UNSTABLE, "r >= 0 of `W2`"),
        ([0, 0.5, 1, 0], [0, 0, 0, 1], 1, Regime.UNFAITHFUL, "d = 1 of `W2`"),
        ([0, 0.5, 1, 1], [0, 0, 0, 0], 0, Regime.UNSTABLE, "A >= 1/2"),
        ([0, 0.5, 1, 0.75], [0, 0, 0.25, 0.75], 0.75, Regime.UNSTABLE, "A + r* >= 1"),
        ([0, 0.5, 3, 1], [0, 0, 2, 1], 1, Regime.TRIVIAL, "A + r* = 1"),
        ([0, 0.5, 3, 0.75], [0, 0, 2, 0.75], 0.75, Regime.TRIVIAL, "A + r* = 1"),
    ],
)
def test_the_broken_condition_is_named(matrix, vector, out, regime, condition) -> None:
    found = classify(perceptron(2), custom(matrix, vector, out), ADAM)
    assert found.regime is regime
    named = [violation.condition for violation in found.violations]
    assert any(name.startswith(condition) for name in named), named


def test_output_weights_must_not_outgrow_their_draw() -> None:
    """b <= c of the output layer; a shift of it changes nothing."""
    vector = [0, 0, 0.5, 0.5]
    b = Assembly()
    x = b.apply("tanh", b.contract(b.vector("U", 3, abcd=(0, 0, 0.5, 1)), b.input(3)))
    x = b.mul(b.vector("v", abcd=(0, 0.5, 0.0, 0.5)), x)
    found = classify(b.network(x), custom([0, 0, 0, 0], vector, 0.5), ADAM)
    assert "b <= c of `v`" in [violation.condition for violation in found.violations]


def test_frozen_weights_have_no_say() -> None:
    b = Assembly()
    x = b.apply("tanh", b.contract(b.vector("U", 3, train=False), b.input(3)))
    x = b.mul(b.vector("v"), x)
    found = classify(b.network(x), Parametrization("ntp"), ADAM)
    assert found.regime is Regime.OPERATOR
    assert not found.by_name["U"].moves
    assert found.by_name["U"].starts


def test_weights_of_slow_learning_rates_do_not_move_in_the_limit() -> None:
    b = Assembly()
    x = b.apply("tanh", b.contract(b.vector("U", 3, abcd=(0, 0, 0.3, 1)), b.input(3)))
    x = b.apply("tanh", b.matmul(b.matrix("W2"), False, x))
    found = classify(b.network(b.mul(b.vector("v"), x)), Parametrization("mup"), ADAM)
    assert found.regime is Regime.FEATURE_LEARNING
    assert [weight.moves for weight in found.weights] == [False, True, True]


@pytest.mark.parametrize("made", [tied_embedding, residual, recurrent, averaging, scaled])
@pytest.mark.parametrize("optimizer", [SGD, ADAM])
def test_mup_suits_any_network(made, optimizer) -> None:
    found = classify(made(), Parametrization("mup"), optimizer)
    assert found.regime is Regime.FEATURE_LEARNING
    assert found.depth is None
    assert all(weight.moves for weight in found.weights)


@pytest.mark.parametrize("made", [residual, recurrent, scaled])
def test_ntp_is_the_operator_regime_of_any_network(made) -> None:
    found = classify(made(), Parametrization("ntp"), ADAM)
    assert found.regime is Regime.OPERATOR
    assert found.output_is_random


def test_clipping_and_normalisation_lower_c_by_half_the_growing_axes() -> None:
    """Definitions 2.10.4 and 2.10.5: c of layers 1, 2, 3 is (0, 0, 0) and (-1/2, 0, -1/2)."""
    for name, wanted in (("ntp", (0, 0, 0)), ("mup", (-0.5, 0, -0.5))):
        for use in (use_of("adam", normalize=True), use_of("adam", clip=1.0)):
            found = classify(perceptron(2), Parametrization(name), use)
            assert tuple(w.written.c - w.lowered for w in found.weights) == wanted


def test_homogeneity_is_read_off_the_graph() -> None:
    for name, degree in (("sgd", 1), ("momentum", 1), ("nesterov", 1), ("lion", 0)):
        assert homogeneity(use_of(name)) == degree
    for name in ("signsgd", "adam", "adamw", "nadam", "adamax", "rmsprop", "adagrad", "adafactor"):
        assert homogeneity(use_of(name, eps=0.0)) == 0
        assert homogeneity(use_of(name, eps=0.1)) is None
    assert homogeneity(use_of("sgd", normalize=True)) == 0
    assert homogeneity(use_of("sgd", clip=1.0)) is None
