"""Symbols for variances while an expectation is computed, and guards where they may vanish.

During the computation variances count as positive, so that SymPy cancels sqrt(q) q / q by itself.
What is still divided by something that may vanish with a variance then becomes a `quotient`.
"""

from sympy import Dummy, Expr, Mul, Pow, fraction

from tpc.gaussian.algebra import quotient


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
