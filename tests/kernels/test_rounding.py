"""Errors that rounding leaves in deep kernels, against recursions in 60 digits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import tpc
from tpc.driver.kernel_matrices import _plans
from tpc.kernels.rounding import chosen_pairs, equal_inputs, near_pairs
from tpc.network.network import Network

Form = Callable[[mpf, mpf, mpf], mpf]


@dataclass(frozen=True, slots=True)
class Case:
    """A function with E f f and E f' f' of two centred Gaussians.

    Attributes:
        text: The function of h.
        kernel: E f f in both variances and the covariance.
        slope: E f' f'.
        multipliers: Of the weights: in the ordered phase, the chaotic one, or between.
    """

    text: str
    kernel: Form
    slope: Form
    multipliers: tuple[float, ...]


def erf_erf(p: mpf, q: mpf, c: mpf) -> mpf:
    return 2 / mpmath.pi * mpmath.asin(2 * c / mpmath.sqrt((1 + 2 * p) * (1 + 2 * q)))


def erf_slope(p: mpf, q: mpf, c: mpf) -> mpf:
    return 4 / mpmath.pi / mpmath.sqrt((1 + 2 * p) * (1 + 2 * q) - 4 * c * c)


def angle(p: mpf, q: mpf, c: mpf) -> mpf:
    return mpmath.acos(max(min(c / mpmath.sqrt(p * q), mpf(1)), mpf(-1)))


def relu_relu(p: mpf, q: mpf, c: mpf) -> mpf:
    t = angle(p, q, c)
    return (mpmath.sqrt(p * q) * mpmath.sin(t) + (mpmath.pi - t) * c) / (2 * mpmath.pi)


def step_step(p: mpf, q: mpf, c: mpf) -> mpf:
    return (mpmath.pi - angle(p, q, c)) / (2 * mpmath.pi)


def sin_sin(p: mpf, q: mpf, c: mpf) -> mpf:
    return mpmath.exp(-(p + q) / 2) * mpmath.sinh(c)


def cos_cos(p: mpf, q: mpf, c: mpf) -> mpf:
    return mpmath.exp(-(p + q) / 2) * mpmath.cosh(c)


def bell_bell(p: mpf, q: mpf, c: mpf) -> mpf:
    """Return E exp(-x^2 - y^2)."""
    return 1 / mpmath.sqrt((1 + 2 * p) * (1 + 2 * q) - 4 * c * c)


def bell_slope(p: mpf, q: mpf, c: mpf) -> mpf:
    """Return 4 E x y exp(-x^2 - y^2), 4 times the covariance of the tilted law."""
    return 4 * c * bell_bell(p, q, c) ** 3


def gelu_gelu(p: mpf, q: mpf, c: mpf) -> mpf:
    """Return c P(x + e > 0, y + e' > 0) and what Stein's lemma adds to it."""
    det = (1 + p) * (1 + q) - c * c
    both = mpf(1) / 4 + mpmath.asin(c / mpmath.sqrt((1 + p) * (1 + q))) / (2 * mpmath.pi)
    rest = p * (q - c * c / (1 + p)) + c * c / (1 + q)
    return c * both + rest / (2 * mpmath.pi * mpmath.sqrt(det))


def gelu_slope(p: mpf, q: mpf, c: mpf) -> mpf:
    """Return the derivative of the kernel in the covariance (Price)."""
    return mpmath.diff(lambda x: gelu_gelu(p, q, x), c)


def leaky(form: Form, mixed: Form) -> Form:
    """Return the moment of x/5 + 4 relu(x)/5, or of its slope."""
    return lambda p, q, c: 16 * form(p, q, c) / 25 + 5 * mixed(p, q, c) / 25


CASES = {
    "erf": Case("erf({h})", erf_erf, erf_slope, (0.8, 1.3, 3.0, 30.0)),
    "relu": Case("relu({h})", relu_relu, step_step, (1.0, 2**0.5, 1.7)),
    "sin": Case("sin({h})", sin_sin, cos_cos, (0.9, 1.5, 3.0)),
    "cos": Case("cos({h})", cos_cos, sin_sin, (1.2, 2.0, 4.0)),
    "gaussian": Case("exp(-square({h}))", bell_bell, bell_slope, (2.0, 8.0, 30.0)),
    "gelu": Case("gelu({h})", gelu_gelu, gelu_slope, (1.5, 2.0)),
    "abs": Case(
        "abs({h})",
        lambda p, q, c: 4 * relu_relu(p, q, c) - c,
        lambda p, q, c: 4 * step_step(p, q, c) - 1,
        (1.0, 0.8),
    ),
    "leaky_relu": Case(
        "leaky_relu({h}, 0.2)",
        leaky(relu_relu, lambda p, q, c: c),
        leaky(step_step, lambda p, q, c: mpf(1)),
        (1.3,),
    ),
}

EVERY = [(name, multiplier) for name, case in CASES.items() for multiplier in case.multipliers]


def network(text: str, depth: int, multiplier: float, tied: bool) -> Network:
    lines = ["dim n", "input xi[2]", f"weight U[2] : n (mult={multiplier!r})", "h0 = U @ xi"]
    lines += [f"weight W{i} : n x n (mult={multiplier!r})" for i in range(1 if tied else depth)]
    for i in range(depth):
        lines.append(f"h{i + 1} = W{0 if tied else i} @ {text.format(h=f'h{i}')}")
    lines += ["weight v : n", f"readout f = v * {text.format(h=f'h{depth}')}"]
    return tpc.parse("\n".join(lines) + "\n")


def truth(case: Case, depth: int, multiplier: float, x: list[float], y: list[float]) -> list[mpf]:
    """Return both kernels of two inputs by the recursion over layers."""
    gain = mpf(multiplier) ** 2
    p, q, c = (
        gain * sum(mpf(i) * mpf(j) for i, j in zip(*pair, strict=True))
        for pair in ((x, x), (y, y), (x, y))
    )
    tangent = c
    for layer in range(depth + 1):
        factor = mpf(1) if layer == depth else gain
        tangent = factor * (case.kernel(p, q, c) + tangent * case.slope(p, q, c))
        p, q, c = (factor * case.kernel(*law) for law in ((p, p, p), (q, q, q), (p, q, c)))
    return [c, tangent]


def rows(distance: float) -> np.ndarray:
    near = [1.0 + distance, 0.3 - distance]
    return np.array([[1.0, 0.3], near, [-0.4, 0.8], [1.0, 0.3], [0.7, -1.1]])


def compared(
    case: Case, depth: int, multiplier: float, tied: bool, distance: float
) -> Iterator[tuple[float, float, float]]:
    """Yield the stated error, the true one and the value for each entry."""
    inputs = rows(distance)
    kinds = ("nngp",) if tied else ("nngp", "ntk")
    found = tpc.kernel(network(case.text, depth, multiplier, tied), inputs, kind=kinds)
    assert set(found.methods.values()) == {"exact"}
    with mpmath.workdps(60):
        for i, j in np.ndindex(len(inputs), len(inputs)):
            wanted = truth(case, depth, multiplier, inputs[i].tolist(), inputs[j].tolist())
            for kind, value in zip(kinds, wanted, strict=False):
                error = float(abs(mpf(float(found[kind][i, j])) - value))
                yield float(found.stderr[kind][i, j]), error, float(value)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "multiplier"), EVERY)
@pytest.mark.parametrize("tied", [False, True])
def test_true_errors_are_below_the_stated_ones(name: str, multiplier: float, tied: bool) -> None:
    ratios = []
    for distance in (1e-12, 1e-8, 1e-4):
        for stated, error, value in compared(CASES[name], 20, multiplier, tied, distance):
            assert error <= stated + 2e-13 * abs(value)
            if distance > 1e-10 and stated > 1e-9 * abs(value) and error:
                ratios.append(stated / error)
    assert len(ratios) < 4 or np.median(ratios) < 1000  # a few are right by luck


@pytest.mark.slow
@pytest.mark.parametrize("distance", [1e-12, 7e-10, 3e-8])
def test_small_determinants_are_not_taken_for_zero(distance: float) -> None:
    """Angles below the rounding of covariances: nearly equal and nearly opposite inputs."""
    case, inputs = CASES["relu"], np.array([[0.3, -1.1], [0.3, -1.1 + distance], [-0.3, 1.1]])
    inputs[2] *= 1 + distance
    inputs[2, 0] += distance
    found = tpc.kernel(network(case.text, 6, 1.75, False), inputs)
    with mpmath.workdps(60):
        for i, j in ((0, 1), (0, 2), (1, 2)):
            wanted = truth(case, 6, 1.75, inputs[i].tolist(), inputs[j].tolist())
            for kind, value in zip(("nngp", "ntk"), wanted, strict=True):
                error = abs(mpf(float(found[kind][i, j])) - value)
                assert error <= found.stderr[kind][i, j] + 2e-13 * abs(value)


@pytest.mark.slow
def test_rows_nearly_alike_in_the_chaotic_phase_are_not_called_exact() -> None:
    """Erf with multiplier 30: digits are lost from the first layer to the last."""
    found = tpc.kernel(network("erf({h})", 20, 30.0, False), rows(1e-8), kind="nngp")
    with mpmath.workdps(60):
        wanted, _ = truth(CASES["erf"], 20, 30.0, *rows(1e-8)[:2].tolist())
    assert abs(found["nngp"][0, 1] - float(wanted)) > 0.5
    assert abs(found["nngp"][0, 1] - float(wanted)) <= found.stderr["nngp"][0, 1]
    exact = np.array([[0, 2, 2, 0, 4, 1], [0, 0, 2, 3, 4, 1]])
    assert not found.stderr["nngp"][tuple(exact)].any()


@pytest.mark.slow
def test_equal_inputs_have_the_kernels_of_one() -> None:
    """Also as rows and columns of two data sets, where every layer amplifies what rounding does."""
    inputs = rows(0.0)
    net = network("erf({h})", 20, 30.0, False)
    one, two = tpc.kernel(net, inputs), tpc.kernel(net, inputs[:2], inputs)
    for kind in ("nngp", "ntk"):
        alike = one[kind][0, 0]
        assert (one[kind][[0, 1, 3, 0], [1, 3, 0, 3]] == alike).all()
        assert (two[kind][:, [0, 1, 3]] == alike).all()
        assert not two.stderr[kind][:, [0, 1, 3]].any()


@pytest.mark.slow
def test_of_many_inputs_near_ones_are_found_and_others_stand_for_the_rest() -> None:
    inputs = np.random.default_rng(1).normal(size=(300, 5))
    inputs[200] = -3 * inputs[100] * (1 + 1e-9)
    inputs[250] = inputs[17] + 1e-9
    i, j = near_pairs(inputs, None, 100)
    assert {(100, 200), (17, 250)} <= set(zip(i.tolist(), j.tolist(), strict=True))
    i, j = near_pairs(inputs[:150], inputs[150:], 100)
    assert {(100, 50), (17, 100)} <= set(zip(i.tolist(), j.tolist(), strict=True))
    found = tpc.kernel(network("erf({h})", 20, 30.0, False), inputs[:, :2], kind="nngp")
    assert found.stderr["nngp"][17, 250] == found.stderr["nngp"][250, 17] > 0.1


@pytest.mark.slow
def test_many_near_inputs_have_the_errors_of_those_that_are_looked_at() -> None:
    """Of 380 pairs in a cluster most are not computed again."""
    rng = np.random.default_rng(0)
    cluster = np.array([1.0, 0.3]) + 1e-9 * rng.normal(size=(20, 2))
    inputs = np.concatenate([cluster, rng.normal(size=(200, 2))])
    found = tpc.kernel(network("erf({h})", 20, 30.0, False), inputs, kind="nngp")
    with mpmath.workdps(60):
        for i, j in [*((0, at) for at in range(1, 8)), (3, 17), (150, 60), (7, 100)]:
            wanted, _ = truth(CASES["erf"], 20, 30.0, inputs[i].tolist(), inputs[j].tolist())
            error = abs(found["nngp"][i, j] - float(wanted))
            assert error <= found.stderr["nngp"][i, j] + 2e-13 * abs(float(wanted))


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.0, 0.1])
def test_kernels_that_vanish_say_nothing_of_others(factor: float) -> None:
    """Odd functions have no kernel of orthogonal inputs, or one of a last bit."""
    signs = np.array([[(-1.0) ** (i & j).bit_count() for j in range(16)] for i in range(16)])
    inputs = np.concatenate([factor * signs, np.random.default_rng(0).normal(size=(20, 16))])
    net = "dim n\ninput xi[16]\nweight U[16] : n\nweight v : n\nreadout f = v * erf(U @ xi)\n"
    found = tpc.kernel(tpc.parse(net), inputs)
    for kind in ("nngp", "ntk"):
        size = np.abs(found[kind]).max()
        assert (np.abs(found[kind][:16, :16][~np.eye(16, dtype=bool)]) <= 1e-15 * size).all()
        assert (found.stderr[kind] <= 1e-12 * size).all()


def test_pairs_of_few_inputs_are_all_chosen() -> None:
    plans = _plans(network("relu({h})", 1, 1.0, False), ("nngp",), False, "auto", True)
    assert plans is not None
    plan = plans[0]
    i, j, near = chosen_pairs(plan, np.ones((4, 2)), None)
    assert (sorted(zip(i, j, strict=True)), near) == (
        [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
        6,
    )
    i, j, near = chosen_pairs(plan, np.ones((2, 2)), np.ones((3, 2)))
    assert (len(i), near) == (6, 6)


def test_equal_inputs_are_found() -> None:
    first, second = np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([[2.0, 1.0], [-0.0, 1.0]])
    i, j = equal_inputs(first, second)
    assert list(zip(i.tolist(), j.tolist(), strict=True)) == [(0, 1), (1, 0)]
    i, j = equal_inputs(np.array([[1.0], [2.0], [1.0]]), None)
    assert (i.tolist(), j.tolist()) == ([0, 0, 1, 2, 2], [0, 2, 1, 0, 2])
