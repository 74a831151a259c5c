"""Determinants and quotients that keep their digits, and guards where variances may vanish.

det2(a, b, c, d) = a b - c d; gram(p, q, c) = p q - c^2, never negative, for variances p, q and
covariance c; quotient(a, b) = a / b, and 0 where b = 0; mean_given(m, k, p, q, c, det) is
m - c k / q, and computed_as(a, b) prints as a and is computed as b.

While an expectation is computed, variances count as positive, so that SymPy cancels sqrt(q) q / q
by itself. What is still divided by something that may vanish with a variance then becomes a
`quotient`.
"""

from sympy import Dummy, Expr, Mul, Pow, S, default_sort_key, fraction, sign

from tpc.gaussian.functions import ClosedFunction
from tpc.gaussian.refusal import InfiniteExpectation


class det2(ClosedFunction):  # noqa: N801
    """The determinant a b - c d."""

    nargs = 4
    is_commutative = True

    @classmethod
    def eval(cls, a: Expr, b: Expr, c: Expr, d: Expr) -> Expr | None:
        """Return the determinant where a product is zero, or all is exact."""
        left, right = a * b, c * d
        if left == 0 or right == 0 or left == right or (left.is_Rational and right.is_Rational):
            return left - right
        ordered = _in_order(a, b) + _in_order(c, d)
        return None if ordered == (a, b, c, d) else cls(*ordered)

    def formula(self) -> Expr:
        """Return a b - c d."""
        a, b, c, d = self.args
        return a * b - c * d


def _in_order(a: Expr, b: Expr) -> tuple[Expr, Expr]:
    return (a, b) if default_sort_key(a) <= default_sort_key(b) else (b, a)


class gram(ClosedFunction):  # noqa: N801
    """The determinant p q - c^2 of a covariance matrix."""

    nargs = 3
    is_nonnegative = True

    @classmethod
    def eval(cls, p: Expr, q: Expr, c: Expr) -> Expr | None:
        """Return the determinant where a product is zero, or all is exact."""
        left, right = p * q, c**2
        if right == 0:
            return left
        if left in (0, right):
            return S.Zero
        if left.is_Rational and right.is_Rational:
            return max(left - right, S.Zero)
        return None

    def formula(self) -> Expr:
        """Return p q - c^2."""
        p, q, c = self.args
        return p * q - c**2


class quotient(ClosedFunction):  # noqa: N801
    """The quotient a / b, and 0 where b = 0.

    It stands where a covariance is divided by a standard deviation: both vanish together.
    """

    nargs = 2

    @classmethod
    def eval(cls, a: Expr, b: Expr) -> Expr | None:
        """Return the quotient where it is certain that b is not zero."""
        if a == 0 or b == 0:
            return S.Zero
        numerator, denominator = fraction(a / b)
        if denominator.is_Number or denominator.is_positive:
            return a / b
        return None if (numerator, denominator) == (a, b) else cls(numerator, denominator)

    def formula(self) -> Expr:
        """Return a / b."""
        a, b = self.args
        return a / b


class mean_given(ClosedFunction):  # noqa: N801
    """The mean of x given y = 0, from their means, variances, covariance and its determinant.

    It has its digits also where x is a multiple of y.
    """

    nargs = 6

    @classmethod
    def eval(cls, m: Expr, k: Expr, p: Expr, q: Expr, c: Expr, det: Expr) -> Expr | None:
        """Return the mean where its terms cannot cancel, or nothing is singular."""
        singular = isinstance(det.as_coeff_Mul()[1], gram)
        return None if singular and m != 0 else m - divide(c * k, q)

    def formula(self) -> Expr:
        """Return m - c k / q."""
        m, k, _, q, c, _ = self.args
        return m - divide(c * k, q)


class computed_as(ClosedFunction):  # noqa: N801
    """A formula that reads well, and an equal expression that computes well."""

    nargs = 2

    @classmethod
    def eval(cls, formula: Expr, value: Expr) -> Expr | None:
        """Return what is a plain number, or plainly the same."""
        return formula if formula == value or formula.is_number else None

    def formula(self) -> Expr:
        """Return what reads well."""
        return self.args[0]


class finite(ClosedFunction):  # noqa: N801
    """The last of the determinants D_1, D_2, ...; each stands behind the curvature that it adds.

    They are those of `tpc.gaussian.tilt`, and the expectation must be finite.
    """

    is_positive = True

    @classmethod
    def eval(cls, *pairs: Expr) -> Expr | None:
        """Return the determinant of numbers.

        Raises:
            InfiniteExpectation: The expectation is infinite.
        """
        if not all(x.is_number for x in pairs):
            return None
        negative, before = 0, S.One
        for curvature, last in zip(pairs[::2], pairs[1::2], strict=True):
            # What a square of negative curvature turns, one of positive curvature may turn back.
            if last * before < 0 or (last == 0 and curvature < 0):
                negative -= sign(curvature)
            before = last
        if negative > 0:
            raise InfiniteExpectation.of(cls(*pairs, evaluate=False), min(pairs[1::2]))
        return last

    def formula(self) -> Expr:
        """Return the determinant."""
        return self.args[-1]


def divide(a: Expr, b: Expr) -> Expr:
    """Return a / b, and 0 for b = 0, while variances count as positive."""
    return S.Zero if b == 0 else a / b


class Placeholders:
    """Stand-ins for the entries of a covariance."""

    def __init__(self) -> None:
        self._positive: dict[Expr, Dummy] = {}
        self._real: dict[Expr, Dummy] = {}

    def variance(self, entry: Expr) -> Expr:
        """Return a positive stand-in for a variance."""
        if entry.is_number:
            return entry
        return self._positive.setdefault(entry, Dummy("q", positive=True))

    def covariance(self, entry: Expr) -> Expr:
        """Return a real stand-in for a covariance, that of a variance where they are equal."""
        if entry.is_number:
            return entry
        if entry in self._positive:
            return self._positive[entry]
        return self._real.setdefault(entry, Dummy("c", real=True))

    def resolve(self, result: Expr) -> Expr:
        """Put the entries in, and guard divisions."""
        weak = {x: Dummy(x.name, nonnegative=True) for x in self._positive.values()}
        guarded = _guard(result.xreplace(weak), {})
        entries = {weak[x]: entry for entry, x in self._positive.items()}
        entries |= {x: entry for entry, x in self._real.items()}
        return guarded.xreplace(entries)


def _guard(expression: Expr, known: dict[Expr, Expr]) -> Expr:
    """Turn every division by what may be zero into a quotient."""
    if not expression.args:
        return expression
    if expression not in known:
        if isinstance(expression, Mul | Pow):
            known[expression] = _guarded_product(expression, known)
        else:
            known[expression] = _inside(expression, known)
    return known[expression]


def _inside(expression: Expr, known: dict[Expr, Expr]) -> Expr:
    if not expression.args:
        return expression
    return expression.func(*(_guard(arg, known) for arg in expression.args))


def _guarded_product(product: Expr, known: dict[Expr, Expr]) -> Expr:
    above, below = [], []
    for factor in Mul.make_args(product):
        guarded = _inside(factor, known)
        _, denominator = fraction(guarded)
        if denominator.is_number or denominator.is_positive:
            above.append(guarded)
        else:
            below.append(denominator)
    return quotient(Mul(*above), Mul(*below)) if below else Mul(*above)
