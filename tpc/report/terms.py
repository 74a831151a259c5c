"""Formulas as sums of terms over indices, and back: products of matrices, powers, roots.

A term is a number times powers of atoms: names at indices, sums, functions. Sums over an index of a
Kronecker delta are gone at once. What is left is written without indices where it is a chain of
matrices, A C A'^T.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from math import isclose
from typing import Any, TypeAlias

import numpy as np

from tpc.kernels.plan import Array
from tpc.report import formula as expr
from tpc.report.constants import number
from tpc.report.formula import Formula, Name, Number, Product, Quotient, Raised
from tpc.report.renaming import rebuilt

Index: TypeAlias = str | int
Indices: TypeAlias = tuple[Index, ...]

ONE, HALF = Fraction(1), Fraction(1, 2)


class Unreadable(Exception):
    """An operation that has no formula here."""


@dataclass(frozen=True, slots=True)
class Term:
    """A number times powers of atoms, summed over indices.

    Attributes:
        number: The number.
        powers: The atoms with their powers.
        summed: The indices.
    """

    number: float
    powers: Mapping[Formula, Fraction] = field(default_factory=dict)
    summed: frozenset[str] = frozenset()


Terms: TypeAlias = tuple[Term, ...]


def atom(formula: Formula) -> Terms:
    """Return a formula as it is."""
    return (Term(1.0, {formula: ONE}),)


def times(left: Terms, right: Terms) -> Terms:
    """Return a product; a sum of several terms is one factor."""
    if not left or not right:
        return ()
    (x,), (y,) = _single(left), _single(right)
    powers = dict(x.powers)
    for factor, power in y.powers.items():
        powers[factor] = powers.get(factor, Fraction(0)) + power
    left_over = {factor: power for factor, power in powers.items() if power}
    return (Term(x.number * y.number, left_over, x.summed | y.summed),)


def plus(left: Terms, right: Terms) -> Terms:
    """Return a sum, equal terms as one."""
    total: dict[object, Term] = {}
    for term in (*left, *right):
        key = (frozenset(term.powers.items()), term.summed)
        before = total.get(key)
        value = term.number + (before.number if before else 0)
        total[key] = replace(term, number=value)
    return tuple(term for term in total.values() if term.number)


def power(base: Terms, exponent: Fraction) -> Terms:
    """Return a power."""
    if not base:
        return ()
    if exponent.denominator == 1 and exponent > 0 and base[0].summed:
        return reduce(times, [base] * int(exponent))
    (term,) = _single(base)
    if term.number < 0 and exponent.denominator > 1:
        raise Unreadable
    raised = {factor: own * exponent for factor, own in term.powers.items()}
    return (Term(term.number ** float(exponent), raised, term.summed),)


def scaled(terms: Terms, factor: float) -> Terms:
    """Return a multiple."""
    return tuple(replace(term, number=term.number * factor) for term in terms)


def _single(terms: Terms) -> Terms:
    if len(terms) == 1:
        return terms
    common = terms[0].number
    if all(isclose(term.number, common) for term in terms):
        return (Term(common, {shown(scaled(terms, 1 / common)): ONE}),)
    return (Term(1.0, {shown(terms): ONE}),)


def constant(array: Array, indices: Indices) -> Terms:
    """Return a number, a number times Kronecker deltas, or the entries of an array."""
    if not array.any():
        return ()
    first = float(array.flat[0])
    if (array == first).all():
        return (Term(first),)
    for pairs in _matchings(list(range(array.ndim))):
        ones = np.ones(array.shape)
        for i, j in pairs:
            shape = [n if axis in (i, j) else 1 for axis, n in enumerate(array.shape)]
            ones = ones * np.eye(array.shape[i], array.shape[j]).reshape(shape)
        if np.array_equal(array, first * ones):
            deltas: dict[Formula, Fraction] = {
                expr.Indicator(Name(str(indices[i])), Name(str(indices[j]))): ONE for i, j in pairs
            }
            return (Term(first, deltas),)
    return atom(expr.Indexed(expr.ArrayOf(array.shape), indices))


def _matchings(axes: list[int]) -> list[list[tuple[int, int]]]:
    if not axes:
        return [[]]
    if len(axes) % 2:
        return []
    first, *rest = axes
    return [
        [(first, other), *more]
        for other in rest
        for more in _matchings([axis for axis in rest if axis != other])
    ]


def summed(terms: Terms, index: str, size: int) -> Terms:
    """Return a sum over an index; a delta that has it is gone."""
    found: Terms = ()
    for term in terms:
        delta = next((x for x in term.powers if _joins(x, index)), None)
        if isinstance(delta, expr.Indicator):
            other = delta.right if delta.left == Name(index) else delta.left
            assert isinstance(other, Name)
            new = int(other.text) if other.text.isdigit() else other.text
            rest = {x: own for x, own in term.powers.items() if x != delta}
            moved = {_moved_index(x, index, new): own for x, own in rest.items()}
            found = plus(found, (Term(term.number, moved, term.summed),))
        elif any(index in _indices(x) for x in term.powers):
            found = plus(found, (replace(term, summed=term.summed | {index}),))
        else:
            found = plus(found, (replace(term, number=term.number * size),))
    return found


def _joins(x: Formula, index: str) -> bool:
    return isinstance(x, expr.Indicator) and Name(index) in (x.left, x.right)


def _moved_index(x: Formula, old: str, new: Index) -> Formula:
    def of(part: Any) -> Any:
        match part:
            case expr.Indexed(operand=operand, keys=keys):
                return expr.Indexed(of(operand), tuple(new if k == old else k for k in keys))
            case expr.Indicator(left=left, right=right):
                ends = (Name(str(new)) if end == Name(old) else end for end in (left, right))
                return expr.Indicator(*ends)
            case _:
                return rebuilt(part, of)

    found: Formula = of(x)
    return found


def _indices(x: Any) -> set[Index]:
    found: set[Index] = set()

    def of(part: Any) -> Any:
        match part:
            case expr.Indexed(keys=keys):
                found.update(keys)
            case expr.Indicator(left=left, right=right):
                found.update(end.text for end in (left, right) if isinstance(end, Name))
        return rebuilt(part, of)

    of(x)
    return found


def without_indices(terms: Terms, indices: Indices) -> Formula | None:
    """Return terms as products of matrices, or None where they are none."""
    found: list[tuple[bool, Formula]] = []
    for term in terms:
        powers = {x: own for x, own in term.powers.items() if not _is_true(x)}
        scalars = {x: own for x, own in powers.items() if not _indices(x)}
        chain = _chain([x for x in powers if x not in scalars], term, indices)
        if chain is None:
            return None
        size = abs(term.number)
        if isinstance(chain, expr.Call):
            formula = _product(Term(size, {**scalars, chain: ONE}))
        else:
            front = [number(size)] if size != 1 or not scalars else []
            front += _side(scalars, 1)
            formula = chain
            for factor in reversed(front):
                formula = expr.scale(factor, formula)
            if below := _side(scalars, -1):
                formula = Quotient(formula, _times(below))
        found.append((term.number < 0, formula))
    return _sum(found)


def _is_true(x: Formula) -> bool:
    return isinstance(x, expr.Indicator) and x.left == x.right


def _chain(factors: list[Formula], term: Term, indices: Indices) -> Formula | None:
    """Return the product of matrices from one free index to the other."""
    if any(term.powers[x] != 1 or not isinstance(x, expr.Indexed) for x in factors):
        return None
    left = [x for x in factors if isinstance(x, expr.Indexed)]
    if len(indices) == 0 and len(left) == 1 and set(left[0].keys) == term.summed:
        return expr.Call("sum", (left[0].operand,))
    if len(indices) == 0 and len(left) == 2 and left[0].keys == left[1].keys:
        one, other = sorted((x.operand for x in left), key=_place)
        return Product("dot", (one, other))
    if len(indices) != 2:
        return None
    at, end = indices
    if any(set(x.keys) == {at, end} for x in left):
        same = all(set(x.keys) == {at, end} for x in left)
        parts = [x.operand if x.keys == indices else Raised(x.operand, "T") for x in left]
        return (
            (parts[0] if len(parts) == 1 else Product("entrywise", tuple(parts))) if same else None
        )
    found: list[Formula] = []
    while left:
        left.sort(key=lambda x: _place(x.operand))
        here = next((x for x in left if at in x.keys and len(x.keys) == 2), None)
        if here is None:
            return None
        left.remove(here)
        forward = here.keys[0] == at
        found.append(here.operand if forward else Raised(here.operand, "T"))
        at = here.keys[1] if forward else here.keys[0]
    return Product("contract", tuple(found)) if at == end else None


def shown(terms: Terms, indices: Indices = ()) -> Formula:
    """Return terms as a formula, over matrices where it can be."""
    if any(term.summed or indices for term in terms):
        chained = without_indices(terms, indices)
        if chained is not None:
            return chained
    ordered = sorted(terms, key=lambda term: term.number < 0)
    return _sum([(term.number < 0, _one(term)) for term in ordered])


def _sum(terms: list[tuple[bool, Formula]]) -> Formula:
    if not terms:
        return Number(0)
    if len(terms) == 1 and not terms[0][0]:
        return terms[0][1]
    return expr.Sum(tuple(terms))


def _one(term: Term) -> Formula:
    product = _product(replace(term, number=abs(term.number)))
    for index in sorted(term.summed):
        product = expr.Call(f"sum_{index}", (product,))
    return product


def _product(term: Term) -> Formula:
    """Return a positive number times powers, what has negative ones below a stroke."""
    above, below = _side(term.powers, 1), _side(term.powers, -1)
    value = round(term.number) if isclose(term.number, round(term.number)) else term.number
    inverse = round(1 / value) if value else 0
    if 1 < inverse <= 64 and isclose(value * inverse, 1, rel_tol=1e-13):
        below.insert(0, Number(float(inverse)))
    elif value != 1 or not above:
        above.insert(0, number(value))
    numerator = _times(above) if above else Number(1)
    return Quotient(numerator, _times(below)) if below else numerator


def _side(powers: Mapping[Formula, Fraction], sign: int) -> list[Formula]:
    """Return the factors above or below the stroke, roots as one root."""
    found: list[Formula] = []
    roots: list[Formula] = []
    for base, exponent in sorted(powers.items(), key=lambda item: _place(item[0])):
        if _is_true(base):
            continue
        size = exponent * sign
        if size <= 0:
            continue
        whole = size - HALF if size % 1 == HALF else size
        if whole != size:
            roots.append(base)
        if whole:
            shown_ = Number(float(whole))
            found.append(base if whole == 1 else expr.Power(base, shown_))
    return [*found, expr.Call("sqrt", (_times(roots),))] if roots else found


def _place(x: Formula) -> tuple[int, bool]:
    """Return where a factor stands: names, those of second inputs behind, then what is longer."""
    order = (Name, expr.Indexed, expr.Expectation, expr.Call, expr.Sum)
    place = order.index(type(x)) if isinstance(x, order) else len(order)
    return place, isinstance(x, Name) and x.text.endswith("'")


def _times(factors: list[Formula]) -> Formula:
    return factors[0] if len(factors) == 1 else Product("times", tuple(factors))
