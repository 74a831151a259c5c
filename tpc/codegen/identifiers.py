"""Names of a program and of expectations -> Python identifiers, readable and unique.

Functions of expectations are called after them: E[1 - tanh(z)^2] is a mean of 1 minus tanh squared.
"""

import builtins
import keyword
import re

from sympy import Add, Expr, Function, Integer, Mul, Pow, Symbol

from tpc.codegen.linker import find_owners

RESERVED: frozenset[str] = frozenset(
    {"np", "npt", "prod", "reduce", "replace", "dataclass", "Any", "Callable", "Sequence"}
    | {
        "Collection",
        "Iterator",
        "nodes",
        "params",
        *find_owners(),
        *keyword.kwlist,
        *dir(builtins),
    }
)
"""What no variable of a generated function may be called."""


class Identifiers:
    """Hands out identifiers of one scope."""

    def __init__(self) -> None:
        self._taken = set(RESERVED)

    def reserve(self, *names: str) -> None:
        """Keep names of an enclosing scope from being given to anything else."""
        self._taken.update(names)

    def make(self, name: str) -> str:
        """Return a new identifier after a name: `h[1,-2]` -> `h_1_m2`, `W.T dx` -> `WT_dx`."""
        plain = name.replace(".T", "T").replace("-", "m")
        plain = re.sub(r"\W+", "_", plain).strip("_") or "value"
        if plain[0].isdigit():
            plain = "_" + plain
        found, count = plain, 1
        while found in self._taken:
            count += 1
            found = f"{plain}_{count}"
        self._taken.add(found)
        return found


MOST_WORDS = 6
"""A longer name has the functions alone."""

_POWERS = {2: "squared", 3: "cubed", -1: "inverse"}


def name_of_mean(integrand: Expr) -> str:
    """Return the name of the expectation of an expression."""
    words = _words(integrand)
    if words is None or len(words) > MOST_WORDS:
        functions = sorted(integrand.atoms(Function), key=str)
        words = list(dict.fromkeys(type(function).__name__ for function in functions))
        return " ".join(["mean with", *words]) if words else "moment"
    return " ".join(["mean of", *words])


def _words(expression: Expr) -> list[str] | None:
    """Spell an expression, or return None where that would be no name."""
    match expression:
        case Symbol(name=name):
            return ["s" if name.startswith("s") else "z"]
        case Integer():
            return [str(expression)] if expression >= 0 else None
        case Function(args=(Symbol(), *_)):
            return [type(expression).__name__]
        case Pow(args=(base, power)) if power.is_Integer and int(power) in _POWERS:
            inside = _words(base)
            return None if inside is None else [*inside, _POWERS[int(power)]]
        case Mul():
            return _joined([_words(factor) for factor in expression.as_ordered_factors()], [])
        case Add():
            terms = expression.as_ordered_terms()
            signs = [term.could_extract_minus_sign() for term in terms]
            spelled = [_words(-t if minus else t) for t, minus in zip(terms, signs, strict=True)]
            between = ["minus" if minus else "plus" for minus in signs]
            return None if signs[0] else _joined(spelled, between)
        case _:
            return None


def _joined(spelled: list[list[str] | None], between: list[str]) -> list[str] | None:
    """Put words between the parts of an expression, unless one of them has no name."""
    found: list[str] = []
    for index, words in enumerate(spelled):
        if words is None:
            return None
        found += between[index : index + 1] if index else []
        found += words
    return found
