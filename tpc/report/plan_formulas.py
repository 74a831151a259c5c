"""Plans of kernels -> formulas: contractions are sums over indices, expectations keep their forms.

A value of a plan is read at some indices; see `tpc.report.terms` for what is made of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from itertools import count
from math import prod
from typing import Any, cast

import numpy as np

from tpc.gaussian.trees import Numeral, Operation, Tree, Variable
from tpc.gaussian.written import variables, written
from tpc.kernels.plan import AXES, KernelPlan, Leaf, PlanOperation, PlanStep, Side, State
from tpc.report import formula as expr
from tpc.report.formula import Formula, Name
from tpc.report.renaming import names_of, renamed
from tpc.report.terms import (
    HALF,
    ONE,
    Indices,
    Term,
    Terms,
    Unreadable,
    atom,
    constant,
    plus,
    power,
    scaled,
    shown,
    summed,
    times,
)


@dataclass(slots=True)
class PlanReader:
    """Reads the values of one plan.

    Attributes:
        plan: With whole expectations.
        states: What the mean and the covariances of states are called, by name and side.
        inputs: What the inputs are called.
        local: Names that were brought up with what they stand for, in order.
        taken: Names that are not free.
    """

    plan: KernelPlan
    states: Mapping[tuple[str, Side], str]
    inputs: tuple[str, str]
    taken: set[str]
    local: dict[Formula, Formula] = field(default_factory=dict)
    _fresh: Iterator[int] = field(default_factory=count)

    def read(self, value: int, indices: Indices = ()) -> Terms:
        """Return a value at some indices.

        Raises:
            Unreadable: It has no formula.
        """
        match self.plan.values[value]:
            case Leaf() as leaf:
                return self._leaf(leaf, indices)
            case PlanStep(operation=operation, operands=operands):
                return self._step(operation, operands, indices)

    def _leaf(self, leaf: Leaf, indices: Indices) -> Terms:
        match leaf.value:
            case float() as value:
                return (Term(value),) if value else ()
            case np.ndarray() as array:
                return constant(array.reshape(array.shape[AXES:]), indices)
            case State(name=name, side=side):
                if side is not Side.BOTH and len(indices) == 2:  # a symmetric matrix
                    indices = tuple(sorted(indices, key=str))
                return _at(self.states[name, side], indices)
            case Side() as side:
                return _at(self.inputs[side is Side.SECOND], indices)
            case name:
                return _at(str(name), indices)

    def _step(self, operation: PlanOperation, operands: tuple[int, ...], indices: Indices) -> Terms:
        name, arguments = operation.name, operation.arguments
        if name in {"contract", "dot"}:
            return self._contract(int(str(arguments[0])), operands, indices)
        if name in {"permute", "expand", "take", "reduce", "diagonal", "trace"}:
            return self._moved(name, arguments, operands[0], indices)
        if name == "softmax":
            return self._softmax(operands[0], indices)
        if name == "closed_form":
            names: Any = arguments[1]
            tree = written(cast("Any", arguments[0]))
            return self._form(tree, dict(zip(names, operands, strict=True)), indices)
        if name == "series":
            return self._series(arguments, operands, indices)
        return self._entrywise(name, [self._aligned(x, indices) for x in operands])

    def _aligned(self, value: int, indices: Indices) -> Terms:
        """Read a value whose axes are the last ones; those of length 1 are read at 0."""
        shape = self.plan.values[value].shape
        own = indices[len(indices) - len(shape) :]
        at = tuple(0 if size == 1 else x for size, x in zip(shape, own, strict=True))
        return self.read(value, at)

    def _new(self) -> str:
        return f"s{next(self._fresh)}"

    def _contract(self, axes: int, operands: tuple[int, ...], indices: Indices) -> Terms:
        left, right = operands
        over = tuple(self._new() for _ in range(axes))
        cut = len(self.plan.values[left].shape) - axes
        sizes = self.plan.values[left].shape[cut:]
        x = self.read(left, (*indices[:cut], *over))
        y = self.read(right, (*over, *indices[cut:]))
        found = times(x, y)
        for index, size in zip(over, sizes, strict=True):
            found = summed(found, index, size)
        return found

    def _moved(self, name: str, arguments: tuple[Any, ...], value: int, indices: Indices) -> Terms:
        shape = self.plan.values[value].shape
        match name:
            case "permute":
                at = tuple(indices[arguments.index(axis)] for axis in range(len(shape)))
                return self.read(value, at)
            case "expand":
                kept = tuple(x for axis, x in enumerate(indices) if axis not in arguments)
                return self.read(value, kept)
            case "take":
                rest = iter(indices)
                return self.read(value, tuple(next(rest) if k is None else k for k in arguments))
            case "diagonal":
                before, after = (part.removeprefix("...") for part in arguments[0].split("->"))
                return self.read(value, tuple(indices[after.index(x)] for x in before))
            case "trace":
                index = self._new()
                return summed(self.read(value, (*indices, index, index)), index, shape[-1])
            case "reduce" if arguments[0] == "sum":
                rest, over = iter(indices), {axis: self._new() for axis in arguments[1:]}
                at = tuple(over[axis] if axis in over else next(rest) for axis in range(len(shape)))
                found = self.read(value, at)
                for axis, index in over.items():
                    found = summed(found, index, shape[axis])
                return found
        raise Unreadable

    def _softmax(self, value: int, indices: Indices) -> Terms:
        """Give the matrix that softmax makes a name: A, and A' where it is the second input's."""
        shape = self.plan.values[value].shape
        second = self.plan.values[value].side is Side.SECOND
        letters = ("i", "j", "k", "l")[: len(shape)]
        inside = shown(self.read(value, letters), letters)
        if second:
            inside = renamed(inside, lambda text: text.removesuffix("'"))
        right = expr.Call("softmax", (inside,))
        known = next((name for name, own in self.local.items() if own == right), None)
        if known is None:
            known = Name(self._unused("AB"))
            self.local[known] = right
        assert isinstance(known, Name)
        if second:
            known = Name(known.text + "'")
            whole = expr.Call("softmax", (shown(self.read(value, letters), letters),))
            self.local.setdefault(known, whole)
        return _at(known.text, indices)

    def said_of(self, lines: Iterable[Formula]) -> list[tuple[Formula, Formula]]:
        """Return what the local names in some formulas stand for, and those in these again."""
        names = {name for line in lines for name in names_of(line)}
        found: list[tuple[Formula, Formula]] = []
        for left, right in reversed(self.local.items()):
            if names & names_of(left):
                names |= names_of(right)
                found.append((left, right))
        return found[::-1]

    def _unused(self, choices: str) -> str:
        name = next((x for x in choices if x not in self.taken), "")
        name = name or next(
            f"{choices[0]}{k}" for k in count(2) if f"{choices[0]}{k}" not in self.taken
        )
        self.taken.add(name)
        return name

    def _form(self, tree: Tree, values: Mapping[str, int], indices: Indices) -> Terms:
        uses = variables(tree)
        known: dict[str, Terms] = {}
        for name, value in values.items():
            terms = self._aligned(value, indices)
            if uses.count(name) > 1 and not indices and not _is_short(terms):
                terms = self._named(name[0], terms, self.plan.values[value].side)
            known[name] = terms
        return _evaluated(tree, known)

    def _named(self, kind: str, terms: Terms, side: Side) -> Terms:
        """Return a local name for a scalar; those of second inputs have a prime."""
        right = shown(terms)
        if side is Side.SECOND:
            first = renamed(right, lambda text: text.removesuffix("'"))
            for name, own in self.local.items():
                if own == first and isinstance(name, Name):
                    self.local.setdefault(Name(name.text + "'"), right)
                    return atom(Name(name.text + "'"))
        for name, own in self.local.items():
            if own == right:
                return atom(name)
        name = Name(self._unused({"q": "pva", "c": "cr", "m": "be"}.get(kind, "abeg")))
        self.local[name] = right
        return atom(name)

    def _series(
        self, arguments: tuple[Any, ...], operands: tuple[int, ...], indices: Indices
    ) -> Terms:
        """Return E[f(u) g(w)], and say the law of u and w."""
        left, right, names = arguments
        if right is None and "mu" not in names and _parity(written(left)) == -1:
            return ()
        values = {name: self._aligned(x, indices) for name, x in zip(names, operands, strict=True)}
        side = self.plan.values[operands[names.index("qu")]].side
        prime = "'" if right is None and side is Side.SECOND else ""
        gaussians = (Name(f"u{prime}"), Name("w"))
        constants = {name: x for name, x in values.items() if name not in _LAW}
        known = {"u": atom(gaussians[0]), "w": atom(gaussians[1]), **constants}
        integrand = _evaluated(written(left), known)
        row = [shown(values[key]) for key in ("qu", "cuw", "qw") if key in values]
        if right is None:
            self.local.setdefault(expr.Call("Var", (gaussians[0],)), row[0])
        else:
            integrand = times(integrand, _evaluated(written(right), known))
            law = expr.Listing((expr.Listing((row[0], row[1])), expr.Listing((row[1], row[2]))))
            self.local.setdefault(expr.Call("Cov", (expr.Listing(gaussians),)), law)
        for key, name in (("mu", gaussians[0]), ("mw", gaussians[1])):
            if key in values:
                self.local.setdefault(expr.Expectation(name), shown(values[key]))
        return atom(expr.Expectation(shown(integrand)))

    def _entrywise(self, name: str, parts: list[Terms]) -> Terms:
        return _operated(name, parts)


_ODD = frozenset({"tanh", "erf", "sin", "sinh", "atan", "arctan", "softsign", "hardtanh", "sign"})


def _parity(tree: Tree) -> int:
    """Return 1 for an even function of u, -1 for an odd one, 0 for what is neither."""
    match tree:
        case Variable(name=name):
            return -1 if name == "u" else 1
        case Operation(name="add" | "neg", parts=parts):
            found = set(map(_parity, parts))
            return found.pop() if len(found) == 1 else 0
        case Operation(name="mul" | "div", parts=parts):
            return prod(map(_parity, parts))
        case Operation(name="pow", parts=(base, Numeral(value=int() as exponent))):
            return 1 if exponent % 2 == 0 else _parity(base)
        case Operation(name=name, parts=parts):
            own = set(map(_parity, parts))
            return 1 if own <= {1} else own.pop() if own == {-1} and name in _ODD else 0
        case _:
            return 1


_LAW = frozenset({"qu", "qw", "cuw", "mu", "mw"})


def _is_short(terms: Terms) -> bool:
    if len(terms) != 1:
        return not terms
    (term,) = terms
    return not term.powers or (term.number == 1 and list(term.powers.values()) == [ONE])


def _at(name: str, indices: Indices) -> Terms:
    base = Name(name)
    return atom(expr.Indexed(base, indices) if indices else base)


def _evaluated(tree: Tree, values: Mapping[str, Terms]) -> Terms:
    """Return the terms of a closed form."""
    match tree:
        case Numeral(value=value):
            return (Term(float(value)),) if value else ()
        case Variable(name=name):
            return values[name]
        case Operation(name="pi" | "e" as name, parts=()):
            return atom(Name(name))
        case Operation(name=name, parts=parts):
            return _operated(name, [_evaluated(part, values) for part in parts])


def _operated(name: str, parts: list[Terms]) -> Terms:
    """Return what an operation on numbers makes of terms."""
    match name, parts:
        case "add", _:
            return reduce(plus, parts)
        case "sub", [x, y]:
            return plus(x, scaled(y, -1))
        case "mul", _:
            return reduce(times, parts)
        case "neg", [x]:
            return scaled(x, -1)
        case "div", [x, y]:
            return times(x, power(y, -ONE))
        case "square", [x]:
            return power(x, ONE * 2)
        case "sqrt", [x]:
            return power(x, HALF)
        case "pow", [x, [Term(number=value, powers=powers)]] if not powers:
            return power(x, Fraction(value).limit_denominator(64))
        case _:
            return atom(expr.Call(name, tuple(shown(part) for part in parts)))
