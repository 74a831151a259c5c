"""Functions that SymPy lacks, as they may stand in an integrand or in a closed form.

relu(x) = max(x, 0); leaky_relu(x, a) = x for x > 0, a x elsewhere; step(x) = 1 for x > 0, 1/2 at
0, 0 below; Phi(x) = erfc(-x / sqrt(2)) / 2; gelu(x) = x Phi(x).

Closed forms are made of functions that print as their formula and compute with care. A formula
such as q1 q2 - c^2, or sin(t) + (pi - t) cos(t), is right and loses digits: near perfect
correlation its terms cancel. So a closed form holds a named function, `gram(q1, q2, c)` or
`relu_moment(1, 1, ...)`. It prints as the formula, turns into it by `doit()`, and is computed by
the function of the same name in `tpc.runtime.arithmetic`.
"""

from typing import Any

from sympy import Abs, Expr, Float, Function, Integer, Rational, erfc, sign, sqrt
from sympy.printing.precedence import precedence


class NamedFunction(Function):  # type: ignore[misc]
    """A function with a formula in terms of SymPy's own."""

    latex_name = ""

    def formula(self) -> Expr:
        """Return the function in terms of SymPy's own."""
        raise NotImplementedError

    def _eval_evalf(self, prec: int) -> Expr | None:
        if self.free_symbols:
            return None
        # Binary fractions are exact: where digits cancel, evalf works with more of them.
        exact = self.func(
            *(arg.xreplace({f: Rational(f) for f in arg.atoms(Float)}) for arg in self.args)
        )
        plain = exact.formula() if isinstance(exact, NamedFunction) else exact
        return plain.evalf(max(1, round(prec / 3.3219) - 1))._eval_evalf(prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        power = "" if exp is None else f"^{{{exp}}}"
        arguments = ", ".join(printer._print(arg) for arg in self.args)
        return rf"{self.latex_name}{power}\left({arguments}\right)"


class FunctionOfOne(NamedFunction):
    """A function of one argument, known at rational numbers where it is rational itself."""

    nargs = 1

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """Return the value at a rational number where it is rational."""
        if not x.is_Rational:
            return None
        value = Function.__new__(cls, x, evaluate=False).formula()
        return value if value.is_Rational else None


class relu(FunctionOfOne):  # noqa: N801
    """max(x, 0)."""

    latex_name = r"\mathrm{relu}"

    def formula(self) -> Expr:
        """Return (x + |x|) / 2."""
        (x,) = self.args
        return (x + Abs(x)) / 2


class leaky_relu(NamedFunction):  # noqa: N801
    """x where it is positive, a x elsewhere."""

    nargs = 2
    latex_name = r"\mathrm{leaky\_relu}"

    def formula(self) -> Expr:
        """Return ((1 + a) x + (1 - a) |x|) / 2."""
        x, a = self.args
        return ((1 + a) * x + (1 - a) * Abs(x)) / 2


class step(FunctionOfOne):  # noqa: N801
    """1 where x is positive, 0 where it is negative, 1/2 at 0."""

    latex_name = r"\mathrm{step}"

    def formula(self) -> Expr:
        """Return (1 + sign(x)) / 2."""
        (x,) = self.args
        return (1 + sign(x)) / 2


class Phi(FunctionOfOne):
    """The distribution function of a standard normal variable."""

    latex_name = r"\Phi"

    def formula(self) -> Expr:
        """Return erfc(-x / sqrt(2)) / 2."""
        (x,) = self.args
        return erfc(-x / sqrt(Integer(2))) / 2


class gelu(FunctionOfOne):  # noqa: N801
    """x Phi(x)."""

    latex_name = r"\mathrm{gelu}"

    def formula(self) -> Expr:
        """Return x erfc(-x / sqrt(2)) / 2."""
        (x,) = self.args
        return x * erfc(-x / sqrt(Integer(2))) / 2


class ClosedFunction(NamedFunction):
    """A function that prints as its formula."""

    @property
    def precedence(self) -> int:
        """How tightly the printed formula binds, for `sympy.printing`."""
        return int(precedence(self.formula()))

    def doit(self, **hints: bool) -> Expr:
        """Return the formula, with those in its arguments."""
        plain = self.func(*(arg.doit(**hints) for arg in self.args))
        return plain.formula() if isinstance(plain, ClosedFunction) else plain

    def _sympystr(self, printer: Any) -> str:
        text: str = printer._print(self.formula())
        return text

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        plain = self.formula()
        text: str = printer._print(plain)
        if exp is not None or not (plain.is_Atom or plain.is_Function):
            text = rf"\left({text}\right)"
        return text if exp is None else f"{text}^{{{exp}}}"
