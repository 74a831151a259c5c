"""Functions with kinks of one and of two Gaussians, against 30-digit quadrature split at them."""

from collections.abc import Callable

import mpmath
import numpy as np
import pytest
from mpmath import mpf
from scipy.special import expit

import tpc
from tests.marks import slow_where
from tpc.runtime.hermite import single_moment
from tpc.runtime.pair_series import listed_moment, pair_moment
from tpc.runtime.split_sums import Kinked

Real = Callable[[mpf], mpf]
Kinks = tuple[float, ...]

SINGLE: dict[str, tuple[Real, Kinks]] = {
    "u / (1 + abs(u))": (lambda x: x / (1 + abs(x)), (0,)),
    "square(u / (1 + abs(u)))": (lambda x: (x / (1 + abs(x))) ** 2, (0,)),
    "log(1 + abs(u))": (lambda x: mpmath.log1p(abs(x)), (0,)),
    "log(abs(u))": (lambda x: mpmath.log(abs(x)), (0,)),
    "abs(u)^0.3": (lambda x: abs(x) ** mpf(0.3), (0,)),
    "abs(u)^1.5 * sigmoid(u)": (lambda x: abs(x) ** 1.5 / (1 + mpmath.exp(-x)), (0,)),
    "abs(u)^(-0.25)": (lambda x: abs(x) ** mpf(-0.25), (0,)),
    "sqrt(relu(u))": (lambda x: mpmath.sqrt(max(x, 0)), (0,)),
    "tanh(relu(u))": (lambda x: mpmath.tanh(max(x, 0)), (0,)),
    "tanh(relu(u - 0.75))": (lambda x: mpmath.tanh(max(x - 0.75, 0)), (0.75,)),
    "sin(relu(u)) * tanh(relu(u))": (
        lambda x: mpmath.sin(max(x, 0)) * mpmath.tanh(max(x, 0)),
        (0,),
    ),
    "cos(abs(u)) * sigmoid(abs(u))": (
        lambda x: mpmath.cos(x) / (1 + mpmath.exp(-abs(x))),
        (0,),
    ),
    "sigmoid(u) * step(u - 0.3)": (lambda x: (x > 0.3) / (1 + mpmath.exp(-x)), (0.3,)),
    "tanh(clip(u, -1, 0.5))": (lambda x: mpmath.tanh(min(max(x, -1), 0.5)), (-1, 0.5)),
    "tanh(abs(abs(u) - 1))": (lambda x: mpmath.tanh(abs(abs(x) - 1)), (-1, 0, 1)),
    "softplus(leaky_relu(u, 0.1))": (
        lambda x: mpmath.log1p(mpmath.exp(x if x > 0 else mpf(0.1) * x)),
        (0,),
    ),
    "sigmoid(min(u, 0.5)) * u": (lambda x: x / (1 + mpmath.exp(-min(x, 0.5))), (0.5,)),
    "tanh(max(u, square(u)))": (lambda x: mpmath.tanh(max(x, x**2)), (0, 1)),
    "elu(u, 1) * tanh(u)": (
        lambda x: (x if x > 0 else mpmath.expm1(x)) * mpmath.tanh(x),
        (0,),
    ),
    "sqrt(abs(u - 0.25)) * tanh(u)": (
        lambda x: mpmath.sqrt(abs(x - 0.25)) * mpmath.tanh(x),
        (0.25,),
    ),
    "tanh(5 * relu(sin(u)))": (
        lambda x: mpmath.tanh(5 * max(mpmath.sin(x), 0)),
        tuple(np.pi * np.arange(-4, 5)),
    ),
}


def mean_of(f: Real, kinks: Kinks, q: float = 1.0) -> mpf:
    """Return E f(sqrt(q) z)."""
    with mpmath.workdps(30):
        root = mpmath.sqrt(q)
        ends = sorted({mpf(x) for x in (-14, -6, -3, -1, 1, 3, 6, 14)} | {k / root for k in kinks})
        return mpmath.quad(lambda z: mpmath.npdf(z) * f(root * z), ends)


@pytest.mark.parametrize("body", slow_where(lambda body: "^" in body, SINGLE))
def test_means(body: str) -> None:
    text = f"dim n\nvector u : n\noutput c = avg({body})"
    found = tpc.evaluator(tpc.parse(text)).evaluate(method="quadrature")
    exact = mean_of(*SINGLE[body])
    assert found.methods["c"] in ("quadrature", "exact")
    assert abs(found["c"] - exact) <= found.stderr["c"] + 1e-16
    assert found.stderr["c"] <= 1e-12


def absolute_product(a: float, b: float, rho: mpf) -> mpf:
    """Return E |u|^a |w|^b for variances 1."""
    scale = mpmath.gamma((a + 1) / mpf(2)) * mpmath.gamma((b + 1) / mpf(2)) / mpmath.pi
    series = mpmath.hyp2f1(-mpf(a) / 2, -mpf(b) / 2, 0.5, mpf(rho) ** 2)
    return 2 ** (mpf(a + b) / 2) * scale * series


RHO = [0.0, 0.5, -0.9, 0.98, 0.99, -0.999, 1 - 1e-5, 1e-9 - 1, 1 - 1e-13, 1.0, -1.0]


@pytest.mark.parametrize("rho", slow_where(lambda rho: rho not in (0.5, -0.999, 1.0), RHO))
@pytest.mark.parametrize("powers", [(0.5, 0.5), (0.25, 1.5), (-0.25, 0.75), (1.0, 3.0)])
def test_absolute_powers(powers: tuple[float, float], rho: float) -> None:
    f, g = (Kinked(lambda x, a=a: np.abs(x) ** a, lambda x: [x]) for a in powers)
    with mpmath.workdps(30):
        exact = absolute_product(*powers, mpf(rho))
    one = np.ones(1)
    found, error = pair_moment(f, g, one, one, np.array([[rho]]))
    assert abs(found[0, 0] - exact) <= error <= 1e-12 * abs(exact)
    listed, error = listed_moment(f, g, one, one, np.array([rho]))
    assert abs(listed[0] - exact) <= error <= 1e-12 * abs(exact)


PAIRS: dict[str, tuple[Callable[..., np.ndarray], Callable[..., list], Real, Kinks]] = {
    "softsign": (lambda x: x / (1 + np.abs(x)), lambda x: [x], lambda x: x / (1 + abs(x)), (0,)),
    "tanh of relu": (
        lambda x: np.tanh(np.maximum(x - 0.3, 0)),
        lambda x: [x - 0.3],
        lambda x: mpmath.tanh(max(x - mpf(0.3), 0)),
        (0.3,),
    ),
    "a hat": (
        lambda x: np.maximum(1 - np.abs(x), 0),
        lambda x: [x, 1 - np.abs(x)],
        lambda x: max(1 - abs(x), 0),
        (-1, 0, 1),
    ),
    "smooth": (np.tanh, lambda x: [], mpmath.tanh, ()),
    "a step": (
        lambda x: np.heaviside(x - 0.5, 0.5) * np.exp(-x),
        lambda x: [x - 0.5],
        lambda x: (x > 0.5) * mpmath.exp(-x),
        (0.5,),
    ),
    "logarithm": (lambda x: np.log(np.abs(x)), lambda x: [x], lambda x: mpmath.log(abs(x)), (0,)),
}

PRODUCTS = [
    (one, other, rho)
    for one, other in [
        ("softsign", "softsign"),
        ("softsign", "tanh of relu"),
        ("tanh of relu", "tanh of relu"),
        ("a hat", "smooth"),
        ("a hat", "a hat"),
        ("a step", "softsign"),
        ("a step", "a step"),
        ("logarithm", "smooth"),
        ("logarithm", "a hat"),
    ]
    for rho in (0.6, -0.95, 0.9995, 1e-7 - 1)
]


def product_of(one: str, other: str, rho: float) -> float:
    """Return E f(u) g(w) for variances 1, by Gauss-Legendre rules between all kinks."""
    nodes, weights = (x.astype(float) for x in np.polynomial.legendre.leggauss(24))
    f, _, _, a = PAIRS[one]
    g, _, _, b = PAIRS[other]
    narrow = np.sqrt((1 - rho) * (1 + rho))
    with np.errstate(all="ignore"):
        cuts = [(y - rho * x) / narrow for x in a for y in b]
    outer = panels([*cuts, *np.linspace(-9, 9, 13)], 9.0, (cuts,), nodes, weights)
    total = 0.0
    for t, share in zip(*outer, strict=True):
        crossing = [(y - narrow * t) / rho for y in b]
        z, inner = panels(
            [*a, *crossing, *np.linspace(-9, 9, 13)], 9.0, (a, crossing), nodes, weights
        )
        total += share * float(inner @ (f(z) * g(rho * z + narrow * t)))
    return total


def panels(
    ends: list[float], reach: float, graded: tuple, nodes: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights for a standard normal, ever finer towards some points."""
    finer = [
        p + s * 0.3**k for points in graded for p in points for k in range(1, 30) for s in (1, -1)
    ]
    inside = np.array([x for x in [*ends, *finer] if -reach <= x <= reach])
    edges = np.unique(inside)
    half, middle = np.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
    z = (middle + half * nodes).ravel()
    return z, (half * weights).ravel() * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other", "rho"), PRODUCTS)
def test_products(one: str, other: str, rho: float) -> None:
    exact = product_of(one, other, rho)
    f, g = (Kinked(*PAIRS[name][:2]) for name in (one, other))
    ones = np.ones(1)
    found, error = pair_moment(f, g, ones, ones, np.array([[rho]]))
    assert abs(found[0, 0] - exact) <= error + 1e-13
    assert error <= 1e-11


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.slow
def test_of_many_variances(name: str) -> None:
    """Each member has its kinks where its variance puts them, and its mean."""
    f, kinks, real, places = PAIRS[name]
    q = np.array([1e-4, 0.3, 2.0, 40.0])
    if name == "a step":
        q = q[:3]
    found, error = single_moment(Kinked(f, kinks), q)
    for value, variance in zip(found, q, strict=True):
        assert abs(value - mean_of(real, places, variance)) <= error <= 1e-11


@pytest.mark.slow
def test_rotations_have_one_value() -> None:
    """Series, sums over planes and lists agree over a matrix with correlations near to 1."""
    random = np.random.default_rng(0)
    x = random.standard_normal((24, 2))
    x[12:] = x[:12] + 10.0 ** -random.uniform(1, 8, (12, 1)) * x[12:]
    c = x @ x.T
    q, means = np.diag(c).copy(), 0.3 * random.standard_normal(24)
    f, g = (Kinked(*PAIRS[name][:2]) for name in ("softsign", "tanh of relu"))
    for m in (None, means):
        found, error = pair_moment(f, g, q, q, c, m, m)
        i, j = np.indices(c.shape).reshape(2, -1)
        of_list = None if m is None else m[i], None if m is None else m[j]
        listed, other = listed_moment(f, g, q[i], q[j], c[i, j], *of_list)
        assert max(error, other) < 1e-12
        np.testing.assert_allclose(listed, found.ravel(), rtol=0, atol=error + other)


NETWORK = """\
dim n
input xi[2]
weight U[2] : n
weight W : n x n
weight v : n
h = U @ xi
y = W @ ({})
readout f = v * ({})
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ("log(1 + abs(h))", "y / (1 + abs(y))"),
        ("tanh(relu(h))", "tanh(relu(y))"),
        ("abs(h)^1.5", "log(1 + square(relu(y)))"),
        ("sin(relu(h))", "sqrt(1 + abs(y))"),
    ],
)
def test_kernels(inner: str, outer: str) -> None:
    """Kernels of pairs and those of all inputs at once agree, and are no samples."""
    program = tpc.parse(NETWORK.format(inner, outer))
    inputs = np.random.default_rng(1).standard_normal((6, 2))
    inputs[5] = inputs[4] * (1 + 1e-6)
    pairs = tpc.kernel(program, inputs)
    assert set(pairs.methods.values()) == {"series"}
    both = tpc.kernel(program, inputs, method="quadrature")
    for name in ("nngp", "ntk"):
        np.testing.assert_allclose(pairs[name], both[name], rtol=1e-9)
    sampled = tpc.kernel(program, inputs, method="qmc")
    for name in ("nngp", "ntk"):
        scatter = np.abs(sampled[name] - pairs[name]) / sampled.stderr[name]
        assert np.sqrt(np.mean(scatter**2)) < 3


@pytest.mark.parametrize("mean", [0.0, 0.17])
def test_a_jump_may_be_touched(mean: float) -> None:
    """1 + v^2 rounds to 1 near v = 0, where its logarithm is positive all the same."""
    f = Kinked(lambda x: np.heaviside(np.log(1 + x * x), 0.5), lambda x: [np.log(1 + x * x)])
    (found,), error = single_moment(f, np.array([0.7]), np.array([mean]))
    assert abs(found - 1) <= error < 1e-14


@pytest.mark.slow
def test_perfect_correlations_of_jumps() -> None:
    """Roots of these variances, squared, are others by rounding: 1 - 2e-16 would be 1e-9 off."""
    variances = [6.8, 1.7, 0.3, 0.7, 2.0, 3.0, 5.1, 0.11, 12.3, 0.019, 8.9, 1e3]
    law = np.diag(variances).tolist()
    text = f"dim n\nvector v[12] : n ~ normal({[0] * 12}, {law})\noutput o = silu'(sign(v))\n"
    found = tpc.evaluator(tpc.parse(text)).evaluate(method="quadrature")
    high, low = (expit(x) * (1 + x * expit(-x)) for x in (1.0, -1.0))
    exact = (high - low) ** 2 / 4 * np.eye(12)
    assert (np.abs(found["o"]["cov"] - exact) <= found.stderr["o"]["cov"]).all()
    assert np.max(found.stderr["o"]["cov"]) < 1e-12
