"""Expectations of products of cores, powers of Gaussians times steps and signs.

One core with any mean, two and more centred ones, two with means where no power is left.
"""

from itertools import combinations
from math import comb, factorial

from sympy import Add, Expr, Mul, Rational, S, pi, sign, sqrt

from tpc.gaussian.factors import Core, Kind
from tpc.gaussian.law import Law
from tpc.gaussian.orthant_functions import (
    arcsine,
    insert,
    orthant,
    orthant3,
    relu_moment,
    sign_moment,
    sign_product,
)
from tpc.gaussian.refusal import NoClosedForm
from tpc.gaussian.single_functions import bell, half_moment, mean_sign, tail_moment


def expect_one(law: Law, core: Core) -> Expr:
    """Return the expectation of a core of any mean: E y^n sign(y) by Stein's lemma."""
    m, v, n = law.mean(core.form), law.var(core.form), core.power
    if core.kind is Kind.STEP:
        return tail_moment(n, m, v)
    if m == 0:
        return 2 * half_moment(n, v) if n % 2 else S.Zero
    if v == 0:
        return m**n * sign(m)
    before, last = S.Zero, mean_sign(m, v)
    for k in range(1, n + 1):
        source = 2 * sqrt(v) * bell(m, v) / sqrt(2 * pi) if k == 1 else S.Zero
        before, last = last, m * last + (k - 1) * v * before + source
    return last


def expect_centred_pair(law: Law, first: Core, second: Core) -> Expr:
    """Return the expectation of two centred cores."""
    if first.kind is Kind.SIGN:
        first, second = second, first
    m, n = first.power, second.power
    p, q, c = law.var(first.form), law.var(second.form), law.cov(first.form, second.form)
    det = law.det(first.form, second.form)
    if first.kind is second.kind is Kind.STEP:
        return relu_moment(m, n, p, q, c, det)
    if q == 0 or (p == 0 and first.kind is Kind.SIGN):
        return S.Zero
    if first.kind is Kind.STEP and (m + n) % 2:
        return _power_and_sign(m, n, q, c, det) / 2
    if p == 0:
        return expect_one(law, second) / 2 if m == 0 else S.Zero
    signed = insert(sign_moment(m, n), p, q, c, det, arcsine(p, q, c, det)) * 2 / pi
    return signed / 2 if first.kind is Kind.STEP else signed


def _power_and_sign(m: int, n: int, q: Expr, c: Expr, det: Expr) -> Expr:
    """Return E y1^m y2^n sign(y2) for odd m + n, by the regression of y1 on y2.

    All terms have the sign of c^m: with r = det/q the variance of y1 given y2, it is the sum over
    k = m, m - 2, ... of binom(m, k) (c/q)^k r^((m-k)/2) (m-k-1)!! E |y2|^(n+k).
    """
    total = []
    for k in range(m % 2, m + 1, 2):
        pairs = (m - k) // 2
        double_factorial = Rational(factorial(m - k), 2**pairs * factorial(pairs))
        weight = comb(m, k) * double_factorial * (c / q) ** k * (det / q) ** pairs
        total.append(weight * 2 * half_moment(n + k, q))
    return Add(*total)


def expect_pair(law: Law, first: Core, second: Core) -> Expr:
    """Return the expectation of two cores without powers, of any means."""
    means = law.mean(first.form), law.mean(second.form)
    variances = law.var(first.form), law.var(second.form)
    c, det = law.cov(first.form, second.form), law.det(first.form, second.form)
    if first.kind is second.kind is Kind.STEP:
        return orthant(*means, *variances, c, det)
    if any(v == 0 for v in variances):
        return expect_one(law, first) * expect_one(law, second)
    signs = sign_product(*means, *variances, c, det)
    if first.kind is second.kind:
        return signs
    signed = second if first.kind is Kind.STEP else first
    return (expect_one(law, signed) + signs) / 2


def expect_orthants(law: Law, cores: tuple[Core, ...]) -> Expr:
    """Return the expectation of three or more centred cores without powers.

    With step = (1 + sign)/2 only products of an even number of signs are left: none or two.

    Raises:
        NoClosedForm: Four signs are left.
    """
    steps = [core for core in cores if core.kind is Kind.STEP]
    signs = [core for core in cores if core.kind is Kind.SIGN]
    if len(steps) == len(cores) == 3:
        return _expect_three_steps(law, steps)
    total = []
    for size in range(len(steps) + 1):
        if (size + len(signs)) % 2:
            continue
        for chosen in combinations(steps, size):
            product = [*signs, *chosen]
            if len(product) > 2:
                raise NoClosedForm(product[-1].source, "a product of more than three steps")
            total.append(_expect_signs(law, product))
    return Mul(Rational(1, 2 ** len(steps)), Add(*total))


def _expect_signs(law: Law, cores: list[Core]) -> Expr:
    if not cores:
        return S.One
    return expect_centred_pair(law, *(core.signed() for core in cores))


def _expect_three_steps(law: Law, cores: list[Core]) -> Expr:
    f, g, h = (core.form for core in cores)
    variances = [law.var(form) for form in (f, g, h)]
    if 0 in variances:
        others = [core for core, v in zip(cores, variances, strict=True) if v != 0]
        pair = expect_centred_pair(law, *others) if len(others) == 2 else Rational(1, 2)
        return pair / (2 if len(others) == 2 else 4)
    covariances = law.cov(f, g), law.cov(f, h), law.cov(g, h)
    return orthant3(*variances, *covariances, law.det3(f, g, h))
