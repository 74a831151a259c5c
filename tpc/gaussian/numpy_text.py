"""Closed form -> NumPy source text, and its value on arrays.

The text calls `np` and the functions of `tpc.runtime.arithmetic`, nothing else.
"""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from sympy import Add, Expr, Integer, Mul, Pow, Symbol, exp
from sympy.core.function import Application
from sympy.core.numbers import Exp1, Pi

from tpc.gaussian.algebra import computed_as
from tpc.gaussian.functions import NamedFunction
from tpc.runtime.function_table import CLOSED_FORM_FUNCTIONS

NUMPY_NAMES: dict[str, str] = {
    "Abs": "np.abs", "Max": "np.maximum", "Min": "np.minimum", "acos": "np.arccos",
    "asin": "np.arcsin", "atan": "np.arctan", "cos": "np.cos", "cosh": "np.cosh", "erf": "erf",
    "erfc": "erfc", "exp": "np.exp", "log": "np.log", "sign": "np.sign", "sin": "np.sin",
    "sinh": "np.sinh", "tanh": "np.tanh",
}  # fmt: skip
"""SymPy's functions in NumPy."""


def to_numpy(
    expression: Expr,
    names: Mapping[Symbol, str] | None = None,
    functions: Mapping[str, str] | None = None,
) -> str:
    """Return a closed form as NumPy source text.

    Args:
        expression: What `expect` returned.
        names: The text of each symbol; those left out keep their names.
        functions: Further functions by name, each with its text, `{}` for the argument.

    Raises:
        ValueError: A function that NumPy and the arithmetic of closed forms lack.
    """
    return _Writer(names or {}, functions or {}).write(expression)


def has_numpy_text(expression: Expr) -> bool:
    """Whether NumPy and the arithmetic of closed forms have all functions of a form."""
    try:
        to_numpy(expression)
    except ValueError:
        return False
    return True


def evaluate(expression: Expr, values: Mapping[Symbol, npt.ArrayLike]) -> npt.NDArray[np.float64]:
    """Return a closed form's value where its symbols have these values, which broadcast."""
    names = {symbol: f"x{i}" for i, symbol in enumerate(values)}
    arrays = {names[symbol]: np.asarray(value, dtype=float) for symbol, value in values.items()}
    scope = {"np": np, **CLOSED_FORM_FUNCTIONS, **arrays}
    result = eval(compile(to_numpy(expression, names), "<closed form>", "eval"), scope)
    return np.asarray(result, dtype=float)


class _Writer:
    """Writes expressions with the brackets that Python needs."""

    def __init__(self, names: Mapping[Symbol, str], functions: Mapping[str, str]) -> None:
        self.names = names
        self.functions = functions

    def write(self, expression: Expr) -> str:
        match expression:
            case Symbol():
                return self.names.get(expression, expression.name)
            case Pi():
                return "np.pi"
            case Exp1():
                return "np.e"
            case Add():
                return self._sum(expression)
            case Mul():
                return self._product(expression)
            case exp(args=(argument,)):
                return f"np.exp({self.write(argument)})"
            case Pow():
                return self._product(expression)
            case computed_as(args=(_, value)):
                return self.write(value)
            case Application():
                arguments = ", ".join(self.write(arg) for arg in expression.args)
                further = self.functions.get(type(expression).__name__)
                if further is not None:
                    return further.format(arguments)
                return f"{function_name(expression)}({arguments})"
        if expression.is_Integer:
            return str(expression)
        if expression.is_Rational:
            return f"{expression.p} / {expression.q}"
        if expression.is_Float:
            return repr(float(expression))
        raise ValueError(f"no NumPy text for {expression}")

    def _sum(self, expression: Expr) -> str:
        text = ""
        for term in expression.as_ordered_terms():
            negative = term.could_extract_minus_sign()
            written = self.write(-term if negative else term)
            if isinstance(term, Add):
                written = f"({written})"
            if text:
                text += f" - {written}" if negative else f" + {written}"
            else:
                text = f"-{written}" if negative else written
        return text

    def _product(self, expression: Expr) -> str:
        coefficient, rest = expression.as_coeff_Mul()
        above: list[str] = []
        below: list[str] = []
        if coefficient.is_Rational:
            if abs(coefficient.p) != 1:
                above.append(str(abs(coefficient.p)))
            if coefficient.q != 1:
                below.append(str(coefficient.q))
        else:
            above.append(self._bracketed(abs(coefficient)))
        for factor in Mul.make_args(rest):
            base, power = _base_and_power(factor)
            if power.is_negative:
                below.append(self._power(base, -power))
            elif factor != 1:
                above.append(self._power(base, power))
        text = " * ".join(above) or "1"
        if len(below) == 1:
            text += f" / {below[0]}"
        elif below:
            text += f" / ({' * '.join(below)})"
        return f"-{text}" if coefficient.is_negative else text

    def _power(self, base: Expr, power: Expr) -> str:
        if power == 1:
            return self._bracketed(base)
        doubled = 2 * power
        if doubled.is_Integer and not power.is_Integer:
            root = f"np.sqrt({self.write(base)})"
            return root if doubled == 1 else f"{root} ** {doubled}"
        texts = self._bracketed(base), self._bracketed(power)
        # Formatters want no blanks between names and numbers.
        sign = "**" if all(re.fullmatch(r"[\w.]+", text) for text in texts) else " ** "
        return sign.join(texts)

    def _bracketed(self, expression: Expr) -> str:
        if isinstance(expression, computed_as):
            return self._bracketed(expression.args[1])
        text = self.write(expression)
        plain = isinstance(expression, Symbol | Application | Pi | Exp1)
        plain = plain or (expression.is_Integer and expression >= 0)
        return text if plain else f"({text})"


def _base_and_power(factor: Expr) -> tuple[Expr, Expr]:
    return factor.args if isinstance(factor, Pow) else (factor, Integer(1))


def function_name(function: Expr) -> str:
    """Return what computes a function: `np.` and a name of NumPy, or one of the arithmetic.

    Raises:
        ValueError: Neither has it.
    """
    if isinstance(function, NamedFunction):
        return type(function).__name__
    name = type(function).__name__
    if name not in NUMPY_NAMES:
        raise ValueError(f"no NumPy text for {name}")
    return NUMPY_NAMES[name]
