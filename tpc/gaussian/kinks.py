"""Where an expression in a Gaussian symbol has kinks or jumps, as the records of its functions say.

tanh(relu(u - s)) * max(u, u^2) / (u - 1)  ->  u - s,  u - u^2,  u - 1

What is raised to a negative power counts too: a quotient may be 0 / 0 there, or have a pole.
"""

from functools import cache
from itertools import combinations

from sympy import Expr, Symbol, sympify
from sympy.core.function import Application

from tpc.functions import FUNCTIONS, Function
from tpc.gaussian.poles import zeros_below


def records_in(expression: Expr) -> dict[Expr, Function | None]:
    """Return the records of the functions in an expression, by their names here or in SymPy."""
    functions = sorted(expression.atoms(Application), key=str)
    return {function: _records().get(type(function).__name__) for function in functions}


@cache
def _records() -> dict[str, Function]:
    known = {record.sympy: record for record in FUNCTIONS.values() if record.sympy}
    return known | FUNCTIONS


def kinks_of(expression: Expr, symbol: Symbol) -> tuple[Expr, ...]:
    """Return expressions that change their signs where one has kinks or jumps in a symbol."""
    found: dict[Expr, None] = dict.fromkeys(zeros_below(expression, {symbol}))
    for function, record in records_in(expression).items():
        if record is None or symbol not in function.free_symbols:
            continue
        for text in record.kinks:
            letters = [Symbol(letter) for letter in record.arguments]
            written = sympify(text, {letter.name: letter for letter in letters})
            # Of max and min with many arguments, every two of them.
            for arguments in combinations(function.args, record.arity):
                found[written.xreplace(dict(zip(letters, arguments, strict=True)))] = None
    return tuple(kink for kink in found if symbol in kink.free_symbols)
