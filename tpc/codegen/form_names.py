"""What functions of expectations are called: E[1 - tanh(z)^2] -> mean of 1 minus tanh squared."""

from sympy import Add, Expr, Function, Integer, Mul, Pow, Symbol

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
