"""Expectations of products of sines and cosines, alone or with one centred core.

Means are split off by the addition theorems. Two centred waves of variances p, q and covariance c
have E sin sin = exp(-(p + q)/2) sinh c and the same with cosh for cosines. For three and more, with
signs s = +-1 in front of the arguments, whose covariances are c,

    E prod exp(i s l) = exp(-Var(sum of s l)/2) = exp(-sum of c_jj/2) prod of exp(-s_j s_k c_jk),

the last product over pairs j < k; sines and cosines are averages over signs. Small covariances
cancel in that average. Then exp(-s s' c) = cosh c - s s' sinh c is multiplied out: what is left are
the choices of pairs, each with its sinh, in which every sine has an odd and every cosine an even
number of them. With a centred core, mean m of l, covariance k with y, and v of y,

    E[y^n sign(y) e^(il)] = i^(1-n) e^(im - Var(l|y)/2) 2 pi^(-1/2) (v/2)^(n/2) D_n(k / sqrt(2 v)),

where D_n is the n-th derivative of Dawson's function, and
E[y^n e^(il)] = i^n e^(im - Var(l)/2) h_n, h_n = k h_(n-1) - (n - 1) v h_(n-2).
"""

from itertools import product

from sympy import Add, Expr, Mul, S, cos, exp, pi, sin, sqrt

from tpc.gaussian.algebra import divide
from tpc.gaussian.factors import Core, Kind, Wave, WaveKind
from tpc.gaussian.functions import ClosedFunction
from tpc.gaussian.law import Law
from tpc.gaussian.single_functions import damped, dawson


class wave_moment(ClosedFunction):  # noqa: N801
    """E sin(l1) ... sin(ls) cos(l(s+1)) ... cos(lk).

    The arguments are s, k and the covariances of l1, ..., lk row by row, each from its diagonal.
    """

    def formula(self) -> Expr:
        """Return the average over signs."""
        sines, count = int(self.args[0]), int(self.args[1])
        covariances = iter(self.args[2:])
        rows = [[next(covariances) for _ in range(count - i)] for i in range(count)]
        total = []
        for tail in product((1, -1), repeat=count - 1):  # all signs turned give the same
            signs = (1, *tail)
            variance = Add(
                *(
                    (1 if j == 0 else 2) * signs[i] * signs[i + j] * c
                    for i, row in enumerate(rows)
                    for j, c in enumerate(row)
                )
            )
            sign = (-1) ** (sines // 2) * Mul(*signs[:sines])
            total.append(sign * exp(-variance / 2))
        return Add(*total) / 2 ** (count - 1)


SIN, COS = WaveKind.SIN, WaveKind.COS
MOST_WAVES = 4
"""Products of more waves are first written as sums: pairs grow too many."""


def expect_waves(law: Law, waves: tuple[Wave, ...]) -> Expr:
    """Return the expectation of a product of sines and cosines."""
    if len(waves) > MOST_WAVES:
        return Add(*(a * expect_waves(law, fewer) for a, fewer in _fewer(waves)))
    means = [law.mean(wave.form) for wave in waves]
    total = []
    # cos(m + l) = cos m cos l - sin m sin l, sin(m + l) = sin m cos l + cos m sin l
    for kinds in product((SIN, COS), repeat=len(waves)):
        coefficient = S.One
        for wave, kind, mean in zip(waves, kinds, means, strict=True):
            if kind is wave.kind:
                coefficient *= cos(mean)
            else:
                coefficient *= sin(mean) if wave.kind is SIN else -sin(mean)
        if coefficient != 0 and kinds.count(SIN) % 2 == 0:
            total.append(coefficient * _centred(law, waves, kinds))
    return Add(*total)


def _centred(law: Law, waves: tuple[Wave, ...], kinds: tuple[WaveKind, ...]) -> Expr:
    """Return the expectation of sines and cosines, given by their kinds, of the centred forms."""
    order = sorted(range(len(waves)), key=lambda i: kinds[i] is COS)
    forms = [waves[i].form for i in order]
    sines = kinds.count(SIN)
    match len(forms):
        case 0:
            return S.One
        case 1:
            return exp(-law.var(forms[0]) / 2)
        case 2:
            half = (law.var(forms[0]) + law.var(forms[1])) / 2
            return damped(half, sines // 2, law.cov(*forms))
    covariances = [law.cov(f, g) for i, f in enumerate(forms) for g in forms[i:]]
    return wave_moment(sines, len(forms), *covariances)


def _fewer(waves: tuple[Wave, ...]) -> list[tuple[Expr, tuple[Wave, ...]]]:
    """Return a product of waves as a sum over products of one wave less."""
    first, second, *rest = waves
    if first.kind is SIN and second.kind is COS:
        first, second = second, first
    both = first.form.plus(second.form)
    apart = first.form.plus(second.form.scaled(S.NegativeOne))
    kind = SIN if first.kind is not second.kind else COS
    # cos a cos b = (cos(a-b) + cos(a+b))/2, sin a sin b = (cos(a-b) - cos(a+b))/2,
    # cos a sin b = (sin(a+b) - sin(a-b))/2
    signs = {(COS, COS): (1, 1), (SIN, SIN): (1, -1), (COS, SIN): (-1, 1)}
    minus, plus = signs[first.kind, second.kind]
    return [
        (S.One * minus / 2, (Wave(kind, apart), *rest)),
        (S.One * plus / 2, (Wave(kind, both), *rest)),
    ]


def expect_core_and_waves(law: Law, core: Core, waves: tuple[Wave, ...]) -> Expr:
    """Return the expectation of a product of one centred core with sines and cosines."""
    if len(waves) > 1:
        return Add(*(a * expect_core_and_waves(law, core, fewer) for a, fewer in _fewer(waves)))
    (wave,) = waves
    y, n = core.form, core.power
    v, k = law.var(y), law.cov(y, wave.form)
    mean = law.mean(wave.form)
    rest = divide(law.det(y, wave.form), v)
    size = 2 / sqrt(pi) * sqrt(v / 2) ** n * dawson(n, divide(k, sqrt(2 * v)))
    signed = _turned(wave.kind, mean, 1 - n) * exp(-rest / 2) * size
    if core.kind is Kind.SIGN:
        return signed
    before, moment = S.Zero, S.One
    for power in range(1, n + 1):
        before, moment = moment, k * moment - (power - 1) * v * before
    plain = _turned(wave.kind, mean, n) * exp(-law.var(wave.form) / 2) * moment
    return (plain + signed) / 2


def _turned(kind: WaveKind, mean: Expr, quarters: int) -> Expr:
    """Return the part of i^quarters exp(i mean) that a wave takes: real for cos."""
    cosine, sine = cos(mean), sin(mean)
    real = [cosine, -sine, -cosine, sine]
    return real[(quarters - (kind is SIN)) % 4]
