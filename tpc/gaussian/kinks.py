"""Where an expression in a Gaussian symbol has kinks or jumps, as the records of its functions say.

tanh(relu(u - s)) * max(u, u^2)  ->  u - s,  u - u^2
"""

from functools import cache
from itertools import combinations

from sympy import Expr, Symbol, sympify
from sympy import Function as AnyFunction

from tpc.functions import FUNCTIONS, Function


def record_of(function: AnyFunction) -> Function | None:
    """Return the record of a function in an expression, by its name here or in SymPy."""
    return _records().get(type(function).__name__)


@cache
def _records() -> dict[str, Function]:
    known = {record.sympy: record for record in FUNCTIONS.values() if record.sympy}
    return known | FUNCTIONS


def kinks_of(expression: Expr, symbol: Symbol) -> tuple[Expr, ...]:
    """Return expressions that change their signs where one has kinks or jumps in a symbol."""
    found: dict[Expr, None] = {}
    for function in sorted(expression.atoms(AnyFunction), key=str):
        record = record_of(function)
        if record is None or symbol not in function.free_symbols:
            continue
        for text in record.kinks:
            letters = [Symbol(letter) for letter in record.arguments]
            written = sympify(text, {letter.name: letter for letter in letters})
            # Of max and min with many arguments, every two of them.
            for arguments in combinations(function.args, record.arity):
                found[written.xreplace(dict(zip(letters, arguments, strict=True)))] = None
    return tuple(kink for kink in found if symbol in kink.free_symbols)
