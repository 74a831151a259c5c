"""Closed forms of expectations -> formulas in symbols, and what the symbols stand for.

    K = (sqrt(q q' - c^2) + c (pi - acos(c / sqrt(q q')))) / (2 pi)
    where c = Cov(|h>, |h>) = sw^2 K0 + sb^2, q = c[i, i], q' = c[j, j]

q is a variance, c a covariance, m a mean, s any other scalar; of arrays, q and q' are the entries
that belong to entry [i, j] of the result. What is short stands in the formula itself. Symbols keep
their meaning until `start_over`, so those of one equation never mean two things.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

from tpc.gaussian.trees import Numeral, Operation, Tree, Variable
from tpc.gaussian.written import variables, written
from tpc.limit.equations import Limit
from tpc.limit.limit_nodes import CUW, MU, MW, QU, QW, ClosedForm, HermiteSeries, U, W
from tpc.report import formula as expr
from tpc.report.constants import number
from tpc.report.formula import Formula, add, divide, multiply, negate
from tpc.report.meanings import Meanings, Placed

SHORT = 2
"""A value of so many names and numbers stands in the formula, however often."""

SHORT_ONCE = 6
"""And one of so many, where its symbol occurs once and is no array."""

_LETTERS = {"q": "qpv", "c": "crk", "m": "mbe", "s": "sa", "u": "uzax", "w": "wybv"}
"""Letters for variances, covariances, means, other scalars and the Gaussians of a series.

The first that is free is taken.
"""

_INDICES = "ijklxyzabdefghnoprtuvw"


@dataclass(frozen=True, slots=True)
class FormDefinition:
    """One line of symbols, each with what it stands for, the first perhaps by two names."""

    entries: tuple[tuple[tuple[Formula, ...], Formula], ...]


@dataclass(frozen=True, slots=True)
class Symbols:
    """The symbols that a closed form has brought up, to be defined when their line is written.

    Attributes:
        names: The symbols, with what they stand for.
        rank: How many axes the form has.
        laws: What says of Gaussians how they are distributed, before the symbols in it.
    """

    names: tuple[tuple[Placed, expr.Name], ...]
    rank: int
    laws: tuple[tuple[Formula, Formula], ...] = ()


class ClosedForms:
    """Reads the closed forms of one limit."""

    def __init__(self, limit: Limit, meanings: Meanings, taken: set[str]) -> None:
        """Take the names that symbols must avoid, besides the words of the program."""
        words = taken | set(re.findall(r"[A-Za-z_]\w*", re.sub("#.*", "", limit.program.source)))
        stems = {word.rstrip("0123456789_") for word in words}
        self._letters = {kind: _unused(kind, choices, stems) for kind, choices in _LETTERS.items()}
        stems |= set(self._letters.values())
        free = [x for x in _INDICES if x not in stems]
        self._indices = (*free, *(f"i{at}" for at in range(1, 33) if f"i{at}" not in stems))
        self._meanings = meanings
        self._known: dict[tuple[Placed, int], expr.Name] = {}
        self._laws: dict[tuple[Formula | None, ...], tuple[expr.Name, ...]] = {}
        self._forms = 0

    def start_over(self) -> None:
        """Forget the symbols."""
        self._known.clear()
        self._laws.clear()
        self._forms = 0

    def formula(self, node: ClosedForm) -> tuple[Formula, Symbols | None]:
        """Return the form, and its new symbols if it has any."""
        tree, rank = written(node.expression), len(node.shape)
        formulas, new = self._symbols(node, Counter(variables(tree)))
        self._forms += bool(new)
        return _write(tree, formulas), self._brought(new, rank) if new else None

    def series(self, node: HermiteSeries) -> tuple[Formula, Symbols | None]:
        """Return E[f(u) g(w)], and the symbols that say the law of u and w where it is new."""
        functions = [f for f in (node.left, node.right) if f is not None]
        uses = Counter(name for f in functions for name in variables(written(f)))
        formulas, new = self._symbols(node, uses)
        law = tuple(formulas.get(symbol.name) for symbol in (QU, QW, CUW, MU, MW))
        is_new = law not in self._laws
        if is_new:
            number = str(self._forms + 1) if self._forms else ""
            names = [self._letters[u.name] + number for u in (U, W)[: len(functions)]]
            self._laws[law] = tuple(map(expr.Name, names))
            self._forms += 1
        gaussians = self._laws[law]
        formulas |= {u.name: name for u, name in zip((U, W), gaussians, strict=False)}
        integrand = reduce(
            lambda x, y: multiply("times", x, y), [_write(written(f), formulas) for f in functions]
        )
        if not is_new:
            return expr.Expectation(integrand), None
        laws: list[tuple[Formula, Formula]] = []
        variances = [formulas[q.name] for q in (QU, QW)[: len(functions)]]
        if len(functions) == 1:
            laws.append((expr.Call("Var", (gaussians[0],)), variances[0]))
        else:
            c = formulas[CUW.name]
            rows = expr.Listing((variances[0], c)), expr.Listing((c, variances[1]))
            laws.append((expr.Call("Cov", (expr.Listing(tuple(gaussians)),)), expr.Listing(rows)))
        for name, mean in zip(gaussians, (MU, MW), strict=False):
            if mean.name in formulas:
                laws.append((expr.Expectation(name), formulas[mean.name]))
        return expr.Expectation(integrand), replace(
            self._brought(new, len(node.shape)), laws=tuple(laws)
        )

    def _brought(self, new: Mapping[Placed, expr.Name], rank: int) -> Symbols:
        """Return new symbols, whole arrays first."""
        names = sorted(new.items(), key=lambda entry: not entry[0].is_whole(rank))
        return Symbols(tuple(names), rank)

    def _symbols(
        self, node: ClosedForm | HermiteSeries, uses: Counter[str]
    ) -> tuple[dict[str, Formula], dict[Placed, expr.Name]]:
        """Return the formula of every symbol, and the names that are new, given how often it is."""
        rank = len(node.shape)
        formulas: dict[str, Formula] = {}
        new: dict[Placed, expr.Name] = {}
        for symbol, value in zip(node.symbols, node.values, strict=True):
            placed = self._meanings.placed(value, rank)
            longest = SHORT_ONCE if uses[symbol.name] == 1 and not rank else SHORT
            short = self._meanings.short(placed, rank, longest)
            if short is None and (placed, rank) not in self._known:
                name = self._new_name(symbol.name[0], new)
                self._known[placed, rank] = new[placed] = name
            formulas[symbol.name] = self._known[placed, rank] if short is None else short
        return formulas, new

    def definition(self, symbols: Symbols) -> FormDefinition:
        """Return what symbols stand for; whole arrays first, of which others are entries."""
        rank = symbols.rank
        known = {placed: name for (placed, own), name in self._known.items() if own == rank}
        entries: list[tuple[tuple[Formula, ...], Formula]] = []
        entries += [((left,), right) for left, right in symbols.laws]
        for placed, name in symbols.names:
            between, right = self._meanings.define(placed, self._indices, known, rank)
            entries.append(((name, *between), right))
        return FormDefinition(tuple(entries))

    def _new_name(self, kind: str, earlier: Mapping[Placed, expr.Name]) -> expr.Name:
        """Return a letter, with the number of the form in the equation, and with primes."""
        stem = self._letters[kind] + (str(self._forms + 1) if self._forms else "")
        primes = sum(name.text.rstrip("'") == stem for name in earlier.values())
        return expr.Name(stem + "'" * primes)


def _unused(kind: str, choices: str, stems: set[str]) -> str:
    for letter in choices:
        if letter not in stems:
            return letter
    while kind in stems:
        kind += kind[0]
    return kind


def _write(tree: Tree, of: Mapping[str, Formula]) -> Formula:
    """Return the formula of a closed form."""
    match tree:
        case Numeral(value=value):
            return number(value) if isinstance(value, float) else expr.Number(float(value))
        case Variable(name=name):
            return of[name]
        case Operation(name=name, parts=parts):
            return _operate(name, tuple(_write(part, of) for part in parts))


def _operate(name: str, parts: tuple[Formula, ...]) -> Formula:
    match name, parts:
        case "pi" | "e", ():
            return expr.Name(name)
        case "add", (first, *rest):
            for part in rest:
                first = add(first, part)
            return first
        case "mul", (first, *rest):
            for part in rest:
                first = multiply("times", first, part)
            return first
        case "neg", (x,):
            return negate(x)
        case "div", (x, y):
            return divide(x, y)
        case "pow", (x, y):
            return expr.Power(x, y)
        case _:
            return expr.Call(name, parts)
