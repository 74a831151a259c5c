"""Determinants and quotients that keep their digits.

det2(a, b, c, d) = a b - c d; gram(p, q, c) = p q - c^2, never negative, for variances p, q and
covariance c; quotient(a, b) = a / b, and 0 where b = 0; computed_as(a, b) prints as a and is
computed as b.
"""

from sympy import Expr, S, default_sort_key, fraction

from tpc.gaussian.closed_function import ClosedFunction


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


def divide(a: Expr, b: Expr) -> Expr:
    """Return a / b, and 0 for b = 0, while variances count as positive."""
    return S.Zero if b == 0 else a / b
