"""What closed forms are made of: functions that print as their formula and compute with care.

A formula such as q1 q2 - c^2, or sin(t) + (pi - t) cos(t), is right and loses digits: near
perfect correlation its terms cancel. So a closed form holds a named function, `gram(q1, q2, c)` or
`relu_moment(1, 1, ...)`. It prints as the formula, turns into it by `doit()`, and is computed by
the function of the same name in `tpc.runtime.arithmetic`.
"""

from typing import Any

from sympy import Expr
from sympy.printing.precedence import precedence

from tpc.gaussian.functions import NamedFunction


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
