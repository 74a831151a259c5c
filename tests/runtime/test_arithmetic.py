"""The functions of closed forms on arrays, against mpmath and against each other's limits."""

import math
from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest

from tpc.runtime import arithmetic, elementwise, orthant_arithmetic

EPS = 2.0**-52
SMALL = np.concatenate([np.logspace(-300, -3, 60), np.linspace(0.01, 1.2, 60)])
WIDE = np.concatenate([SMALL, -SMALL, np.linspace(-9, 9, 200), [0.0]])


def assert_close(
    found: np.ndarray, function: Callable[[mp.mpf], mp.mpf], x: np.ndarray, tolerance: np.ndarray
) -> None:
    with mp.workdps(60):
        exact = [function(mp.mpf(float(point))) for point in x]
        pairs = zip(map(mp.mpf, found.tolist()), exact, strict=True)
        errors = [abs(f - e) / abs(e) if e else abs(f) for f, e in pairs]
    worst = int(np.argmax(np.array(errors, dtype=float) / tolerance))
    assert errors[worst] <= tolerance[worst], (x[worst], found[worst], exact[worst])


def test_erf_to_the_last_digits() -> None:
    assert_close(elementwise.erf(WIDE), mp.erf, WIDE, np.full(WIDE.shape, 6 * EPS))


def test_erfc_to_the_conditioning_of_its_tail() -> None:
    x = np.concatenate([WIDE, np.linspace(9, 26, 60)])
    assert_close(elementwise.erfc(x), mp.erfc, x, EPS * (8 + 2 * np.maximum(x, 0) ** 2))
    assert elementwise.erfc(np.array([40.0, 1e300, np.inf])).tolist() == [0, 0, 0]
    assert elementwise.Phi(np.array([-np.inf, np.inf])).tolist() == [0, 1]


@pytest.mark.parametrize("n", [0, 1, 2, 3])
@pytest.mark.slow
def test_derivatives_of_dawsons_function(n: int) -> None:
    def derivative(x: mp.mpf) -> mp.mpf:
        before, last = mp.mpf(0), mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)
        for k in range(n):
            before, last = last, (1 if k == 0 else 0) - 2 * x * last - 2 * k * before
        return last

    x = np.concatenate([np.linspace(0.01, 12, 97), -np.linspace(0.01, 12, 31), [1e-9, 25.0]])
    # Each step up the recurrence loses the ratio of D(n) to D(n + 1) / (2 x), at most 2 x^2.
    growth = np.minimum(np.abs(x), 6) ** 2 * 2
    zeros = np.abs(np.abs(x) - 0.924) < 0.1  # of D': its relative error means nothing there
    kept = ~zeros if n < 2 else np.abs(x) > 2
    tolerance = 16 * EPS * (1 + growth) ** n
    assert_close(arithmetic.dawson(n, x)[kept], derivative, x[kept], tolerance[kept])


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_tail_moments(n: int) -> None:
    def moment(x: mp.mpf) -> mp.mpf:
        before, last = mp.mpf(0), mp.erfc(-x / mp.sqrt(2)) / 2
        for k in range(1, n + 1):
            source = mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi) if k == 1 else 0
            before, last = last, x * last + (k - 1) * before + source
        return last

    x = np.linspace(-20, 12, 161)
    v = np.ones(x.shape)
    found = arithmetic.tail_moment(n, x, v)
    assert_close(found, moment, x, EPS * (60 + 2 * np.minimum(x, 0) ** 2))
    for scale in (2.0**-40, 2.0**40):  # exact scaling
        scaled = arithmetic.tail_moment(n, x * scale, v * scale**2)
        np.testing.assert_allclose(scaled, found * scale**n, rtol=4 * EPS)


def test_determinants_are_rounded_once() -> None:
    rng = np.random.default_rng(3)
    p, q = np.exp(rng.normal(size=(2, 1000)) * 8)
    near = 1 - rng.choice([0, 1e-16, 1e-14, 1e-10, 0.1], size=1000)
    c = np.sqrt(p * q) * near * rng.choice([-1, 1], size=1000)
    found = arithmetic.det2(p, q, c, c)
    for args in zip(found, p, q, c, strict=True):
        value, *numbers = (mp.mpf(float(x)) for x in args)
        with mp.workprec(200):
            exact = numbers[0] * numbers[1] - numbers[2] ** 2
            # The errors of the products, about EPS p q, are themselves rounded.
            assert abs(value - exact) <= EPS * abs(exact) + EPS**2 * numbers[0] * numbers[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("m", "n"), [(0, 0), (1, 0), (1, 1), (2, 0), (0, 2), (2, 1), (2, 2), (4, 3), (7, 0)]
)
def test_cone_integrals(m: int, n: int) -> None:
    s = np.concatenate([np.logspace(-12, 0, 25), np.linspace(0.9, math.pi, 20)])

    def integral(angle: mp.mpf) -> mp.mpf:
        def scaled(u: mp.mpf) -> mp.mpf:
            return (mp.sin(angle * u) / angle) ** m * (mp.sin(angle * (1 - u)) / angle) ** n

        return mp.quad(scaled, [0, 1]) * angle ** (m + n + 1)

    found = orthant_arithmetic.cone_integral(m, n, s)
    assert_close(found, integral, s, np.full(s.shape, 40 * EPS))


@pytest.mark.slow
def test_owens_t_and_orthants_agree_with_each_other() -> None:
    """P(y1 > 0, y2 > 0) + P(y1 > 0, y2 < 0) = P(y1 > 0), in the four quadrants."""
    rng = np.random.default_rng(5)
    m1, m2 = rng.normal(size=(2, 4000)) * rng.choice([1e-6, 0.1, 1, 4], size=4000)
    rho = np.tanh(rng.normal(size=4000) * 3)
    det = arithmetic.gram(1.0, 1.0, rho)
    one = np.ones(4000)
    quadrants = [
        orthant_arithmetic.orthant(s * m1, t * m2, one, one, s * t * rho, det)
        for s in (1, -1)
        for t in (1, -1)
    ]
    np.testing.assert_allclose(quadrants[0] + quadrants[1], elementwise.Phi(m1), atol=8 * EPS)
    np.testing.assert_allclose(sum(quadrants), 1, atol=8 * EPS)


@pytest.mark.slow
def test_owens_t() -> None:
    rng = np.random.default_rng(6)
    h, a = rng.normal(size=60) * 3, rng.normal(size=60) * 10 ** rng.uniform(-3, 3, 60)
    found = orthant_arithmetic.owens_t(h, a)
    with mp.workdps(30):
        for value, x, slope in zip(found, h, a, strict=True):
            # by the angle: the integrand is smooth but for its decay
            top, level = mp.atan(abs(mp.mpf(slope))), mp.mpf(x) ** 2 / 2
            ends = mp.linspace(0, top, 30)
            exact = mp.quad(lambda t, w=level: mp.exp(-w * mp.sec(t) ** 2), ends) / (2 * mp.pi)
            tolerance = EPS * (60 + float(level))
            assert abs(value / (mp.sign(slope) * exact) - 1) <= tolerance, (x, slope)


def test_small_triangles_keep_their_digits() -> None:
    """P(y1, y2, y3 > 0) where the orthant is nearly empty, against the plane's small triangle."""
    for size in (1e-2, 1e-4):
        t = size
        normals = np.array([[1, 0, t], [-0.5, 0.75**0.5, t], [-0.5, -(0.75**0.5), t]])
        gram = normals @ normals.T
        det = np.linalg.det(normals) ** 2
        v, c = np.diag(gram), (gram[0, 1], gram[0, 2], gram[1, 2])
        found = orthant_arithmetic.orthant3(*v, *c, det)
        # The cone n_k . x > 0 cuts the plane x3 = 1 in a triangle of inradius t.
        corners = [np.cross(normals[i], normals[j]) for i, j in ((0, 1), (1, 2), (2, 0))]
        a, b, d = (corner / np.linalg.norm(corner) for corner in corners)
        tangent = abs(np.dot(a, np.cross(b, d))) / (1 + a @ b + b @ d + d @ a)
        area = 2 * np.arctan(tangent)
        assert found == pytest.approx(area / (4 * np.pi), rel=1e-10)
        assert area == pytest.approx(3 * 3**0.5 * t * t, rel=10 * t * t)


@pytest.mark.parametrize("sines", [0, 2, 4])
def test_wave_moments_small_and_large(sines: int) -> None:
    rng = np.random.default_rng(8)
    for scale in (1e-6, 0.3, 30.0):
        root = rng.normal(size=(4, 4)) * math.sqrt(scale) / 2
        covariance = root @ root.T
        rows = [covariance[i, j] for i in range(4) for j in range(i, 4)]
        found = arithmetic.wave_moment(sines, 4, *rows)
        with mp.workdps(60):
            exact = mp.mpf(0)
            for pattern in range(16):
                signs = [1 - 2 * (pattern >> i & 1) for i in range(4)]
                variance = sum(
                    signs[i] * signs[j] * mp.mpf(covariance[max(i, j), min(i, j)])
                    for i in range(4)
                    for j in range(4)
                )
                exact += math.prod(signs[:sines]) * mp.exp(-variance / 2) / 16
            exact *= (-1) ** (sines // 2)
        assert abs(found - exact) <= 1e-12 * abs(exact)
