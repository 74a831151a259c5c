"""Graphs of optimizers against textbook formulas, over several steps."""

import numpy as np
import pytest

from tests.network.optimizers.textbook import TEXTBOOK, adafactor
from tests.network.optimizers.uses import run, use_of
from tpc.diagnostics import NOWHERE
from tpc.network.network import UserOptimizer
from tpc.network.optimizers.averages import GrownAverages
from tpc.network.optimizers.every_step import is_linear, linear_coefficients
from tpc.network.optimizers.table import RULES
from tpc.network.optimizers.update import (
    advance,
    decays,
    initial_states,
    is_bounded,
    known_options,
    numeric_options,
)
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Constant, Exchange, Placeholder
from tpc.simulation.finite_operations import apply_operation

MATRIX = ((FREE, "n"), ("j", "n"))
VECTOR = ((FREE, "n"),)
OTHER_VALUES = {
    "bound": 0.5,
    "beta": 0.7, "a": 0.8, "rho": 0.6, "eps": 0.3, "beta1": 0.5, "beta2": 0.6, "eps_outside": True,
}  # fmt: skip


def gradients(steps: int = 5) -> list[np.ndarray]:
    """Return gradients of a 4 x 3 matrix, with entries that are 0 for a while or for ever."""
    rng = np.random.default_rng(0)
    drawn = [rng.standard_normal((4, 3)) for _ in range(steps)]
    for step, g in enumerate(drawn):
        g[1, 2] = 0.0
        g[2, 0] *= step >= 2
    return drawn


def own_options(name: str) -> dict[str, float]:
    rule = RULES[name]
    return {option: OTHER_VALUES[option] for option in (*rule.options, *rule.flags)}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("defaults", [True, False])
def test_graphs_are_the_textbook_formulas(name: str, defaults: bool) -> None:
    options = {} if defaults else own_options(name)
    found = run(use_of(name, **options), gradients(), MATRIX)
    wanted = list(TEXTBOOK[name](gradients(), **options))
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("eps", [0.0, 1e-8])
def test_without_a_gradient_there_is_no_update(name: str, eps: float) -> None:
    options = {"eps": eps} if "eps" in RULES[name].options else {}
    zero = [np.zeros((2, 3))] * 3
    assert not np.any(run(use_of(name, **options), zero, MATRIX))


def test_without_eps_equal_gradients_give_signs() -> None:
    g = np.array([[1e-20, -3.0, 0.0]])
    for name in ("signsgd", "adam", "adamax", "adagrad"):
        first = run(use_of(name, eps=0.0), [g], MATRIX)[0]
        np.testing.assert_allclose(first, np.sign(g), rtol=1e-9)


def test_adafactor_of_a_vector_with_one_axis_is_adam() -> None:
    gs = [g[:, 0] for g in gradients()]
    found = run(use_of("adafactor", eps=0.1), gs, VECTOR)
    np.testing.assert_allclose(found, list(TEXTBOOK["adam"](gs, eps=0.1)), rtol=1e-12)


@pytest.mark.parametrize("coords", [MATRIX, VECTOR, ()])
def test_adafactor_takes_its_rows_along_the_first_axis(coords: tuple[tuple[str, str], ...]) -> None:
    found = run(use_of("adafactor", eps=0.1), gradients(), coords)
    np.testing.assert_allclose(found, list(adafactor(gradients(), eps=0.1)), rtol=1e-12)


@pytest.mark.parametrize(("coords", "averaged"), [(MATRIX, 12), (VECTOR, 4), ((), 1)])
def test_norms_sum_over_constant_axes_and_average_over_growing_ones(
    coords: tuple[tuple[str, str], ...], averaged: int
) -> None:
    gs = gradients()
    norms = [np.sqrt(np.sum(g**2) / averaged) for g in gs]
    normal = run(use_of("sgd", normalize=True), gs, coords)
    np.testing.assert_allclose(
        normal, [g / norm for g, norm in zip(gs, norms, strict=True)], rtol=1e-12
    )
    theta = float(np.median(norms))
    clipped = run(use_of("sgd", clip=theta), gs, coords)
    wanted = [g * min(1.0, theta / norm) for g, norm in zip(gs, norms, strict=True)]
    np.testing.assert_allclose(clipped, wanted, rtol=1e-12)
    both = run(use_of("sgd", clip=0.25, normalize=True), gs, coords)
    np.testing.assert_allclose(both, 0.25 * np.array(normal), rtol=1e-12)


def test_column_averages_of_a_limit_are_rows_of_exchanged_kernels() -> None:
    """With kernels that are never held, the average over the free slot is taken at a copy of it."""
    b = Builder()
    x, y = (b.make(Placeholder, VECTOR, (), name) for name in "xy")
    kernel = b.add(b.mul(x, b.row(y, "j")), b.apply("square", b.row(x, "j")))
    exchanged = b.exchange(kernel, "j")
    given = {x: np.array([1.0, 2.0, -1.0]), y: np.array([0.5, 1.0, 3.0])}
    values = dict(given)

    def value(node):
        if isinstance(node, Exchange):
            return value(node.operand).T
        if node not in values:
            known = isinstance(node, Constant)
            values[node] = node.value if known else apply_operation(node, value)
        return values[node]

    np.testing.assert_allclose(value(exchanged), value(kernel).T)
    direct, limits = GrownAverages(b, held=True), GrownAverages(b)
    for average in ("rows", "columns", "overall", "norm"):
        wanted, found = (getattr(kind, average)(kernel) for kind in (direct, limits))
        np.testing.assert_allclose(value(found), value(wanted))
        assert found.coords == wanted.coords


# ------------------------------------------------------------------------------ declared optimizers


def declared(linear: bool, start: float = 0.0) -> UserOptimizer:
    """Return Q = m / (1 - k^(t+1)) with m = k m + (1 - k) g, or its sine."""
    b = Builder()
    g, t, k, m = (b.placeholder(b.number(0), name) for name in "gtkm")
    one = b.number(1)
    after = b.add(b.mul(k, m), b.mul(b.sub(one, k), g))
    direction = b.div(after, b.sub(one, b.pow(k, b.add(t, one))))
    if not linear:
        direction = b.apply("sin", direction)
    return UserOptimizer("Q", g, t, ((k, 0.5),), ((m, start, after),), direction, NOWHERE)


def test_declared_optimizers_keep_states_and_options() -> None:
    gs = gradients()
    m, wanted = np.zeros((4, 3)), []
    for step, g in enumerate(gs):
        m = 0.8 * m + 0.2 * g
        wanted.append(np.sin(m / (1 - 0.8 ** (step + 1))))
    found = run(use_of("Q", declared(linear=False), k=0.8), gs, MATRIX)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert known_options(use_of("Q", declared(True))) == (
        ("lr", "decay", "clip", "spectral_clip", "weight_decay", "k"),
        ("normalize", "spectral_normalize"),
    )


# ---------------------------------------------------------------------------------------- linearity


@pytest.mark.parametrize("name", RULES)
def test_linear_are_those_that_the_table_says(name: str) -> None:
    assert is_linear(use_of(name)) == (name in ("sgd", "momentum", "nesterov"))
    assert not is_linear(use_of(name, clip=1.0))
    assert not is_linear(use_of(name, normalize=True))


def test_linearity_of_declared_optimizers_is_found_from_their_graphs() -> None:
    assert is_linear(use_of("Q", declared(linear=True)))
    assert not is_linear(use_of("Q", declared(linear=False)))
    assert not is_linear(use_of("Q", declared(linear=True, start=1.0)))  # affine


def test_coefficients_of_linear_optimizers() -> None:
    gs = gradients(4)
    for use in (use_of("momentum", beta=0.7), use_of("nesterov"), use_of("Q", declared(True))):
        b = Builder()
        rows = linear_coefficients(b, use, len(gs))
        values = {}
        for node in b.nodes:
            values[node] = (
                node.value if isinstance(node, Constant) else apply_operation(node, values.get)
            )
        wanted = run(use, gs, MATRIX)
        for t, row in enumerate(rows):
            found = sum(float(values[q]) * g for q, g in zip(row, gs, strict=False))
            np.testing.assert_allclose(found, wanted[t], rtol=1e-12)


# ------------------------------------------------------------------------------------------ options


def test_options_common_to_all() -> None:
    b = Builder()
    use = use_of("sgd", lr=0.3)
    assert float(numeric_options(b, use)["lr"].value) == 0.3
    assert not decays(use)
    assert not is_bounded(use)
    decayed = use_of("adamw", decay=0.1, clip=2.0)
    assert float(numeric_options(b, decayed)["decay"].value) == 0.1
    assert decays(decayed)
    assert decays(use_of("sgd", weight_decay=0.1))
    assert is_bounded(decayed)


def test_options_have_the_names_of_other_libraries_too() -> None:
    b = Builder()
    assert float(numeric_options(b, use_of("rmsprop", alpha=0.5))["a"].value) == 0.5
    assert float(numeric_options(b, use_of("adadelta", a=0.5))["rho"].value) == 0.5


def test_parameters_may_be_options() -> None:
    """A run-time eps may be set to 0 later, so that the zero below the line is guarded."""
    from dataclasses import replace

    there, b = Builder(), Builder()
    eps = there.parameter("eps", 0.0)
    use = replace(use_of("adam"), options=(("eps", there.mul(eps, there.number(2))),))
    g = b.placeholder(b.number(0), "g")
    direction, _ = advance(b, use, g, initial_states(b, use), 0)
    values = {g: np.array(0.0)}
    for node in b.nodes:
        if node not in values:
            value = getattr(node, "value", getattr(node, "default", None))
            values[node] = apply_operation(node, values.get) if value is None else value
    assert values[direction] == 0.0
