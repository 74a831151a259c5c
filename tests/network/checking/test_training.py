"""Checked `train` blocks: data, losses, batches, optimizers, parametrizations, tracks."""

import numpy as np
import pytest

import tpc
from tests.network.checking.networks import HEAD, codes_of, network_of, training_of, training_text
from tpc.network.network import Exponents
from tpc.program.checking.expressions.defaults import at_defaults
from tpc.program.nodes import (
    Constant,
    InitialScalar,
    InitialVector,
    Inner,
    Node,
    Parameter,
    Placeholder,
    operands,
)
from tpc.simulation.finite_operations import apply_operation


def value(node: Node, values: dict[Node, np.ndarray]) -> np.ndarray:
    """Compute a graph of placeholders."""
    found = dict(values)
    pending = [node]
    while pending:
        top = pending[-1]
        missing = [below for below in operands(top) if below not in found]
        if top in found or not missing:
            pending.pop()
        if top not in found and not missing:
            match top:
                case Constant(value=known) | Parameter(default=known):
                    found[top] = known
                case _:
                    found[top] = apply_operation(top, found.__getitem__)
        pending.extend(missing if top not in found else ())
    return found[node]


def test_everything_that_a_block_says() -> None:
    training = training_of(
        "test [[3, 3]]", "reduce mean", "batch 3", "center true", "track K = <x|x>"
    )
    np.testing.assert_array_equal(training.inputs, [[1, 0], [0, 1], [1, 1], [2, 0]])
    np.testing.assert_array_equal(training.targets, [1, -1, 1, 1])
    assert training.test is not None and training.test.shape == (1, 2)
    assert (training.reduce, training.steps, training.center) == ("mean", 3, True)
    assert training.batches == ((0, 1, 2), (3, 0, 1), (2, 3, 0))
    assert training.optimizer.name == "sgd" and training.parametrization.name == "mup"
    assert not training.inputs.flags.writeable


def test_what_a_block_leaves_out() -> None:
    training = training_of()
    assert training.test is None and training.reduce == "sum" and not training.center
    assert training.batches == ((0, 1, 2, 3),) * 3
    assert training.tracks == () and training.own_optimizers == ()


def test_lines_stand_in_any_order_and_under_conditions() -> None:
    lines = "track K = <x|x>", "if 2 > 1:", "    steps 5", "else:", "    steps 6", "test [[0, 0]]"
    training = training_of(*lines, steps="")
    assert training.steps == 5
    assert training.tracks[0].node.shape == (5, 5)


@pytest.mark.parametrize(
    ("batch", "wanted"),
    [
        ("1", ((0,), (1,), (2,))),
        ("4", ((0, 1, 2, 3),) * 3),
        ("[[0, 1], [2]]", ((0, 1), (2,), (0, 1))),
        ("[range(0, 2), range(2, 4)]", ((0, 1), (2, 3), (0, 1))),
        ("full", ((0, 1, 2, 3),) * 3),
    ],
)
def test_batches(batch: str, wanted: tuple[tuple[int, ...], ...]) -> None:
    assert training_of(f"batch {batch}").batches == wanted


def test_batches_that_are_bound_to_a_name() -> None:
    text = "const rows = [[0, 1], [3, 2]]\n" + training_text("batch rows")
    assert codes_of(text) == []


# ------------------------------------------------------------------------------------------- losses

F = np.array([0.3, -1.2, 2.0])
Y = np.array([1.0, -1.0, 1.0])


def loss(text: str, f: np.ndarray = F, y: np.ndarray = Y) -> float:
    """Compute a loss at an output of three entries."""
    head = HEAD.replace("weight v : n", "weight v[3] : n")
    targets = "[[1, -1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]]"
    block = training_text(loss=text, data=f"X, {targets}").removeprefix(HEAD)
    training = network_of(head + block).training
    assert training is not None
    found = value(training.loss, {training.output: f, training.target: y})
    assert found.shape == ()
    return float(found)


def test_losses_are_summed_over_outputs() -> None:
    assert loss("mse") == pytest.approx(((F - Y) ** 2).sum() / 2)
    assert loss("logistic") == pytest.approx(np.log(1 + np.exp(-Y * F)).sum())
    softmax = np.exp(F) / np.exp(F).sum()
    assert loss("cross_entropy") == pytest.approx(-(Y * np.log(softmax)).sum())
    assert loss("(f - y)^4 + s") == pytest.approx(((F - Y) ** 4 + 1.5).sum())
    assert loss("sum(f * y) - 1") == pytest.approx((F * Y).sum() - 1)


def test_cross_entropy_does_not_overflow() -> None:
    assert loss("cross_entropy", 1000 * F) == pytest.approx(-(Y * (1000 * F - 2000)).sum())


def test_the_readout_goes_by_its_name_and_f() -> None:
    text = training_text(loss="(out - y)^2 + (f - y)^2").replace("readout f", "readout out")
    assert codes_of(text.replace("train f", "train out")) == []


# --------------------------------------------------------------------------------------- optimizers


def test_options_of_optimizers() -> None:
    training = training_of(
        "optimizer v, g: signsgd(lr=1)", optimizer="adam(lr=s/3, eps_outside=true, clip=2)"
    )
    options = dict(training.optimizer.options)
    assert options["eps_outside"] is True
    assert isinstance(options["lr"], Node) and float(at_defaults(options["lr"])) == 0.5
    assert isinstance(options["clip"], Node) and float(at_defaults(options["clip"])) == 2
    assert [name for name, _ in training.own_optimizers] == ["v", "g"]
    assert {use.name for _, use in training.own_optimizers} == {"signsgd"}


def test_other_names_of_options_are_the_same_options() -> None:
    assert [n for n, _ in training_of(optimizer="rmsprop(alpha=0.5)").optimizer.options] == ["a"]
    assert codes_of(training_text(optimizer="rmsprop(alpha=0.5, a=0.5)")) == ["TP266"]


DECLARED = """\
const c = 2
def twice(z) = c * z
optimizer Q(g; m=1, k=0; beta=0.5, gamma=0.25):
    before = k
    m = beta * m + twice(g)
    k = k + m^2
    return m / (1 - gamma^(t + 1)) + before
"""


def test_a_declared_optimizer_steps_as_it_is_written() -> None:
    training = network_of(DECLARED + training_text(optimizer="Q(lr=1, beta=0.75)")).training
    assert training is not None
    declared = training.optimizer.declared
    assert declared is not None
    assert [(option.name, default) for option, default in declared.options] == [
        ("beta", 0.5),
        ("gamma", 0.25),
    ]
    assert [(state.name, start) for state, start, _ in declared.states] == [("m", 1), ("k", 0)]
    names = {option.name: option for option, _ in declared.options}
    names |= {state.name: state for state, _, _ in declared.states}
    given = dict(zip(("beta", "gamma", "m", "k"), np.array([0.5, 0.25, 3.0, 7.0]), strict=True))
    values: dict[Node, np.ndarray] = {names[name]: x for name, x in given.items()}
    values |= {declared.gradient: np.array(1.5), declared.step: np.array(1.0)}
    m, k = (float(value(after, values)) for _, _, after in declared.states)
    assert (m, k) == (4.5, 7 + 4.5**2)
    assert float(value(declared.direction, values)) == pytest.approx(4.5 / (1 - 0.0625) + 7)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("Q(g):\n    return g * q", "TP201"),
        ("Q(g; m=0):\n    m = g\n    m = m\n    return m", "TP202"),
        ("Q(g; m=0, m=1):\n    m = g\n    return m", "TP202"),
        ("Q(g):\n    t = 3\n    return g", "TP202"),
        ("Q(g; m=s):\n    m = m + g\n    return m", "TP221"),
        ("Q(g): return relu''(g)", "TP237"),
        ("Q(g): return g[0]", "TP216"),
        ("Q(g): return batchmean(h)", "TP264"),
        ("Q(g): return g * f", "TP242"),
        ("Q(g, h): return g", "TP113"),
        ("Q(g; m): return g", "TP113"),
        ("Q(g; ; b=1):\n    return b * g", ""),
        ("Q(g; clip=1): return g", "TP116"),
        ("Q(g)\n    return g", "TP112"),
        ("Q(g):\n    if 1 > 0: h = g\n    return g", "TP133"),
    ],
)
def test_what_is_wrong_with_optimizers(body: str, code: str) -> None:
    assert codes_of(f"{HEAD}optimizer {body}\n") == ([code] if code else [])


# --------------------------------------------------------------------------------- parametrizations


def test_parametrizations() -> None:
    assert training_of(parametrization="uniform(1/4)").parametrization.s == 0.25
    written = "custom(matrix=[0, 0.5, 1, 1], vector=[0, 0, 0, 1], scalar=[0, 0, 0, 0], out=1/2)"
    custom = training_of(parametrization=written).parametrization
    assert custom.matrix == Exponents(0, 0.5, 1, 1) and custom.vector == Exponents(0, 0, 0, 1)
    assert custom.scalar == Exponents(0, 0, 0, 0) and custom.out == 0.5
    for name in ("ntp", "mup", "sp"):
        assert training_of(parametrization=name).parametrization.name == name


def test_meanfield_is_for_one_hidden_layer() -> None:
    shallow = training_text(parametrization="meanfield")
    shallow = shallow.replace("weight W : n x n (mult=s)\n", "").replace("W @ ", "")
    assert codes_of(shallow) == []


def test_custom_needs_exponents_for_what_there_is() -> None:
    four = "[0, 0, 0, 0]"
    missing = f"custom(matrix={four}, vector={four}, out=1)"
    assert codes_of(training_text(parametrization=missing)) == ["TP277"]
    own = training_text(parametrization=missing)
    assert codes_of(own.replace("(start=0.5)", f"(start=0.5, abcd={four})")) == []


# ------------------------------------------------------------------------------------------- tracks


def test_tracks_are_made_of_batch_vectors() -> None:
    """Names stand for all rows: data rows, then test rows."""
    training = training_of(
        "test [[3, 3]]",
        "track K = <x|h>",
        "track A = avg(x)",
        "track G = g * s + avg(v^2)",
        "track first = avg(x[0])",
        "track inputs = xi @ xi.T",
    )
    shapes = {track.name: track.node.shape for track in training.tracks}
    assert shapes == {"K": (5, 5), "A": (5,), "G": (), "first": (), "inputs": (5, 5)}
    kernel, _, weights, _, _ = training.tracks
    assert isinstance(kernel.node, Inner)
    (left, x), (right, h) = kernel.uses
    assert (left, right) == (kernel.node.left, kernel.node.right)
    assert left.shape == (5,) and x.shape == () and x.is_vector and h is not x
    assert [type(node) for _, node in weights.uses] == [InitialScalar, InitialVector]
    assert [stand_in.shape for stand_in, _ in weights.uses] == [(), ()]


def test_tracks_of_families_by_definitions_and_loops() -> None:
    text = (
        HEAD
        + "y[0] = x\ny[1] = W @ x\ndef norm(z) = <z|z> + avg(h)\ntrain f:\n"
        + "    data X, Y\n    loss mse\n    optimizer sgd\n    parametrization mup\n    steps 1\n"
        + "    for l in range(2):\n        track K[l] = norm(y[l])\n"
    )
    training = network_of(text).training
    assert training is not None
    tracks = training.tracks
    assert [track.name for track in tracks] == ["K[0]", "K[1]"]
    assert all(track.node.shape == (4, 4) for track in tracks)
    assert [len(track.uses) for track in tracks] == [2, 2]
    used = {stand_in for track in tracks for stand_in, _ in track.uses}
    assert all(isinstance(stand_in, Placeholder) for stand_in in used) and len(used) == 3


@pytest.mark.parametrize(
    ("lines", "codes"),
    [
        (["track x = <x|x>"], ["TP202"]),
        (["track f = <x|x>"], ["TP202"]),
        (["track K = <x|x>", "track K = <h|h>"], ["TP202"]),
        (["track K = W"], ["TP209"]),
        (["track K = batchmean(avg(x))"], ["TP260"]),
        (["track K = <q|x>"], ["TP201"]),
        (["steps 3"], ["TP270"]),
        (["optimizer W: sgd(lr=n)"], ["TP226"]),
        (["batch [0, 1]"], ["TP272", "TP272"]),
        (["batch [[0, 0]]"], ["TP273"]),
        (["batch 0"], ["TP222"]),
        (["batch 1.5"], ["TP222"]),
        (["batch s"], ["TP221"]),
        (["for t in s: track K[t] = <x|x>"], ["TP221"]),
        (["y = 3"], ["TP131"]),
        (["steps"], ["TP114"]),
        (["data X"], ["TP114"]),
    ],
)
def test_what_is_wrong_with_lines(lines: list[str], codes: list[str]) -> None:
    assert codes_of(training_text(*lines)) == codes


@pytest.mark.parametrize(
    ("settings", "codes"),
    [
        ({"steps": "0"}, ["TP222"]),
        ({"steps": "2.5"}, ["TP222"]),
        ({"steps": "s"}, ["TP221"]),
        ({"steps": "10^9"}, ["TP229"]),
        ({"data": "X, s"}, ["TP221"]),
        ({"data": "x, Y"}, ["TP221"]),
        ({"data": 'load("none.npy"), Y'}, ["TP401"]),
        ({"loss": "mean"}, ["TP122"]),
        ({"loss": "(f - y"}, ["TP106"]),
        ({"loss": "f - q"}, ["TP201"]),
        ({"loss": "l2"}, ["TP275"]),
        ({"loss": "x * f"}, ["TP275"]),
        ({"loss": "W"}, ["TP209"]),
        ({"optimizer": "3"}, ["TP272"]),
        ({"parametrization": "2"}, ["TP277"]),
        ({"parametrization": "mup(1)"}, ["TP277"]),
        ({"parametrization": "uniform(s)"}, ["TP221"]),
        ({"parametrization": "uniform(1, 2)"}, ["TP277"]),
        ({"parametrization": "custom(vektor=[1])"}, ["TP277"]),
        ({"data": "", "loss": ""}, ["TP269"]),
    ],
)
def test_what_is_wrong_with_settings(settings: dict[str, str], codes: list[str]) -> None:
    assert codes_of(training_text(**settings)) == codes


def test_a_broken_line_hides_no_other() -> None:
    text = training_text("track K = q", "center 3", loss="f * q", steps="0", optimizer="Q")
    assert sorted(codes_of(text)) == ["TP201", "TP222", "TP265", "TP272"]


def test_a_broken_readout_hides_no_setting() -> None:
    text = training_text("track K = q", optimizer="Q").replace("relu(h)", "relu(q)")
    assert codes_of(text) == ["TP201", "TP265"]
    text = training_text("test [[1]]", steps="0").replace("input xi[2]\n", "")
    assert codes_of(text) == ["TP201", "TP222"]


def test_what_other_libraries_call_options() -> None:
    with pytest.raises(tpc.ProgramError, match="did you mean `lr`"):
        training_of(optimizer="adam(learning_rate=0.1)")


def test_names_of_a_block_do_not_leave_it() -> None:
    assert codes_of(training_text("track K = <x|x>") + "y = K * x\n") == ["TP201"]
    assert codes_of(training_text("track K = <x|x>") + "steps = 3 * x\n") == []
