"""Closed form -> NumPy source text, and its value on arrays.

The text calls `np` and functions of `tpc.runtime`, nothing else.
"""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from sympy import Expr, Symbol

from tpc.functions import FUNCTIONS
from tpc.gaussian.trees import Numeral, Operation, Tree, Variable, read_tree
from tpc.runtime.function_table import CLOSED_FORM_FUNCTIONS

_INVERSES = {"acos": "np.arccos", "asin": "np.arcsin", "atan": "np.arctan"}
"""Functions that stand in closed forms alone and have another name in NumPy."""


def to_numpy(expression: Expr, names: Mapping[Symbol, str] | None = None) -> str:
    """Return a closed form as NumPy source text.

    Args:
        expression: What `expect` returned.
        names: The text of each symbol; those left out keep their names.

    Raises:
        ValueError: A function that NumPy and the runtime lack.
    """
    return _write(read_tree(expression), {s.name: name for s, name in (names or {}).items()})


def has_numpy_text(expression: Expr) -> bool:
    """Whether NumPy and the runtime have all functions of a form."""
    try:
        to_numpy(expression)
    except ValueError:
        return False
    return True


def evaluate(expression: Expr, values: Mapping[Symbol, npt.ArrayLike]) -> npt.NDArray[np.float64]:
    """Return a closed form's value where its symbols have these values, which broadcast."""
    names = {symbol: f"x{i}" for i, symbol in enumerate(values)}
    arrays = {names[symbol]: np.asarray(value, dtype=float) for symbol, value in values.items()}
    text = to_numpy(expression, names)
    result = eval(
        compile(text, "<closed form>", "eval"), {"np": np, **CLOSED_FORM_FUNCTIONS, **arrays}
    )
    return np.asarray(result, dtype=float)


def function_text(name: str) -> str:
    """Return the text of a function of a tree, `{}` for its arguments.

    Raises:
        ValueError: NumPy and the runtime lack it.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name].text
    if name in CLOSED_FORM_FUNCTIONS:
        return f"{name}({{}})"
    called = _INVERSES.get(name, f"np.{name}")
    if not hasattr(np, called.removeprefix("np.")):
        raise ValueError(f"no NumPy text for {name}")
    return f"{called}({{}})"


def _write(tree: Tree, names: Mapping[str, str]) -> str:
    """Write a tree with the brackets that Python needs."""
    match tree:
        case Numeral(value=value):
            return repr(value)
        case Variable(name=name):
            return names.get(name, name)
        case Operation(name="pi" | "e" as name):
            return f"np.{name}"
        case Operation(name="add", parts=parts):
            return "".join(_term(part, i > 0, names) for i, part in enumerate(parts))
        case Operation(name="neg"):
            return _term(tree, False, names)
        case Operation(name="mul", parts=parts):
            return " * ".join(_factor(part, names) for part in parts)
        case Operation(name="div", parts=(above, below)):
            top = _write(above, names) if _is(above, "mul") else _factor(above, names)
            return f"{top} / {_factor(below, names)}"
        case Operation(name="pow", parts=parts):
            base, exponent = (_bracketed(part, names) for part in parts)
            # Formatters want no blanks between names and numbers.
            simple = re.fullmatch(r"\w[\w.]*", base) and re.fullmatch(r"\w[\w.]*", exponent)
            return f"{base}**{exponent}" if simple else f"{base} ** {exponent}"
        case Operation(name=name, parts=parts):
            return function_text(name).format(", ".join(_write(part, names) for part in parts))


def _term(tree: Tree, later: bool, names: Mapping[str, str]) -> str:
    """Write a term of a sum behind its sign."""
    match tree:
        case Operation(name="neg", parts=(part,)):
            sign = " - " if later else "-"
        case part:
            sign = " + " if later else ""
    return sign + (_bracketed(part, names) if _is(part, "add") else _write(part, names))


def _factor(tree: Tree, names: Mapping[str, str]) -> str:
    return _write(tree, names) if _is(tree, "pow") else _bracketed(tree, names)


def _bracketed(tree: Tree, names: Mapping[str, str]) -> str:
    text = _write(tree, names)
    loose = isinstance(tree, Numeral) and isinstance(tree.value, float)
    return f"({text})" if loose or _is(tree, "add", "neg", "mul", "div", "pow") else text


def _is(tree: Tree, *names: str) -> bool:
    return isinstance(tree, Operation) and tree.name in names
