"""Equations of a limit -> what is printed for them: relations between formulas, with remarks.

InitialKet:      |v> ~ N(mean, covariance)
HatEquation:     |W x>^ ~ N(0, gain <x|x>), Cov(|W x>^, |W y>^) = gain <x|y>
DotEquation:     |W x>. = gain |y><nabla_{W.T y}|x> = gain |y> E[...]
KetEquation:     |x> = ...
ScalarEquation:  c = ...
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias, assert_never

from tpc.diagnostics import Span
from tpc.limit.equations import (
    DotEquation,
    DotTerm,
    Equation,
    HatEquation,
    InitialKet,
    KetEquation,
    Limit,
    LimitOutput,
    ScalarEquation,
)
from tpc.limit.limit_nodes import Hat, SteinBra
from tpc.program.ensembles import GAUSSIAN, Bernoulli, spell
from tpc.program.nodes import InitialVector
from tpc.program.program import OutputKind, Program
from tpc.program.region import Collected, Region, is_fresh
from tpc.report.formula import (
    BraKet,
    Call,
    Expectation,
    Formula,
    Ket,
    Listing,
    Name,
    Number,
    Product,
    Raised,
    Space,
    add,
    multiply,
    scale,
)
from tpc.report.reading import EquationReader, in_earlier_round

_EARLIER = Name("s<t")
"""The rounds before this one."""

FEW = 3
"""Covariances with so many earlier hats are written one by one; more are one statement."""

Remark: TypeAlias = tuple[str | Formula, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """One printed line: `left = right`, or `left ~ right`; words may follow.

    Attributes:
        left: What is defined, by all its names; empty where the line goes on from the one before.
        sign: The relation.
        right: What it is.
        remark: Words and formulas behind it.
        local: Whether it says what a local name stands for.
        also: More of the kind `left = right` on the same line.
    """

    left: tuple[Formula, ...]
    sign: Literal["=", "~"]
    right: Formula
    remark: Remark = ()
    local: bool = False
    also: tuple[tuple[tuple[Formula, ...], Formula], ...] = ()


def read(limit: Limit) -> EquationReader:
    """Return a reader whose local names are numbered in the order of the equations.

    So a limit's text, its LaTeX and the comments of its code call everything by the same name.
    """
    reader = EquationReader(limit)
    for equation in limit.equations:
        relations(equation, reader)
    for output in limit.outputs:
        output_relations(output, reader)
    reader.start_over()
    return reader


def relations(equation: Equation, reader: EquationReader) -> tuple[Relation, ...]:
    """Return the lines that say an equation; local names are defined behind it."""
    reader.reach(equation)
    match equation:
        case InitialKet():
            lines = [_initial(equation, reader)]
        case HatEquation():
            lines = _hat(equation, reader)
        case DotEquation():
            lines = _dot(equation, reader)
        case KetEquation():
            lines = [Relation((Ket(equation.name),), "=", reader.own(equation.node))]
        case ScalarEquation():
            names = (Name(equation.name), *reader.also_moment(equation.node))
            lines = [Relation(names, "=", reader.own(equation.node))]
        case _:
            assert_never(equation)
    return (*lines, *local_names(reader))


def local_names(reader: EquationReader) -> list[Relation]:
    """Return the definitions of the local names that came up."""
    lines = []
    for definition in reader.definitions():
        (left, right), *also = definition.entries
        lines.append(Relation(left, "=", right, local=True, also=tuple(also)))
    return lines


def output_relations(output: LimitOutput, reader: EquationReader) -> tuple[Relation, ...]:
    """Return the lines that say an output."""
    parts = {part: reader.of(node) for part, node in output.parts}
    match output.kind:
        case OutputKind.SCALAR:
            ((_, node),) = output.parts
            if isinstance(node, Collected):
                assert isinstance(node.region, Region)
                body = node.region.body
                rounds: Remark = (", ", Name(f"t = {body.first}, ..., {body.last}"))
                shown = Relation((Name(f"{output.name}[t]"),), "=", parts["value"], rounds)
                return (shown, *local_names(reader))
            name, value = Name(output.name), parts["value"]
            # A scalar's own equation says its value already.
            said = value == name or reader.given.states(output.name)
            lines = [Relation((), "=", name) if said else Relation((name,), "=", value)]
        case OutputKind.VECTOR:
            ket = Ket(output.name)
            lines = [
                Relation((Call("mean", (ket,)),), "=", parts["mean"]),
                Relation((Call("Cov", (ket,)),), "=", parts["cov"]),
            ]
        case OutputKind.READOUT:
            normal = Call("N", (Number(0), parts["cov"]))
            lines = [Relation((Name(output.name),), "~", normal)]
        case _:
            assert_never(output.kind)
    return (*lines, *local_names(reader))


def _initial(equation: InitialKet, reader: EquationReader) -> Relation:
    node: InitialVector = equation.node
    mean = Number(0) if node.mean is None else reader.of(node.mean)
    covariance = reader.of(node.covariance)
    if node.shape and not node.covariance.shape:
        covariance = scale(covariance, Name("I"))
    remark: Remark = (" in ", Space(node.shape)) if node.shape else ()
    law = Call("N", (mean, covariance))
    if node.ensemble != GAUSSIAN:  # of which mean and variance count
        name, _, options = spell(node.ensemble).partition("(")
        level = (mean,) if isinstance(node.ensemble, Bernoulli) else (mean, covariance)
        law = Call(f"{name}({options}" if options else name, level)
    return Relation((Ket(equation.name),), "~", law, remark)


def _hat(equation: HatEquation, reader: EquationReader) -> list[Relation]:
    hat, gain = equation.node, reader.of(equation.node.gain)
    ket, by_factors = reader.given.hat(hat), Ket(reader.product(hat), "hat")
    names = (ket,) if ket == by_factors else (ket, by_factors)
    if reader.given.is_whole(hat):
        names = (Ket(ket.name), *names)
    own = scale(gain, reader.second(hat))
    lines = [Relation(names, "~", Call("N", (Number(0), own)))]
    if reader.is_in_rounds(hat) and not is_fresh(hat.matrix):
        return [*lines, *_across_rounds(hat, ket, gain, reader)]
    if len(equation.earlier) <= FEW:
        for other in equation.earlier:
            inner = scale(gain, reader.inner(hat.operand, other.operand))
            lines.append(Relation((Call("Cov", (ket, reader.given.hat(other))),), "=", inner))
        return lines
    any_ket = reader.given.unused("y")
    side = f"{hat.matrix.name}{'.T' if hat.transposed else ''} {any_ket}"
    operand = reader.name_ket(hat.operand)
    inner = scale(gain, BraKet(operand, any_ket))
    remark = f" for each of the {len(equation.earlier)} earlier "
    cov = Call("Cov", (ket, Ket(side, "hat")))
    lines.append(Relation((cov,), "=", inner, (remark, Ket(side))))
    return lines


def _across_rounds(hat: Hat, ket: Ket, gain: Formula, reader: EquationReader) -> list[Relation]:
    """Return the covariances with the hats of earlier rounds."""
    lines = []
    operand = reader.name_ket(hat.operand)
    for other in reader.of_same_side(hat):
        earlier = Ket(in_earlier_round(reader.given.hat(other).name), "hat")
        inner = BraKet(operand, in_earlier_round(reader.name_ket(other.operand)))
        cov = Call("Cov", (ket, earlier))
        lines.append(Relation((cov,), "=", scale(gain, inner), (" for ", _EARLIER)))
    return lines


def _dot(equation: DotEquation, reader: EquationReader) -> list[Relation]:
    dot = Ket(equation.name, "dot")
    by_factors = Ket(reader.product(equation.hat), "dot")
    names = (dot,) if dot == by_factors else (dot, by_factors)
    if not equation.terms:
        return _dot_of_rounds(equation, names, reader)
    operand = reader.ket_name(equation.hat.operand)
    match equation.form:
        case "derivative":
            lines = [Relation((), "=", reader.dot(equation.node))]
            if operand is None:
                return [Relation(names, "=", lines[0].right)]
        case "stein":
            operand = reader.name_ket(equation.hat.operand)
            lines = [_stein(equation.terms[0], operand, reader)]
        case _:
            assert_never(equation.form)
    return [Relation(names, "=", _bras(equation, operand, reader)), *lines]


def _dot_of_rounds(
    equation: DotEquation, names: tuple[Formula, ...], reader: EquationReader
) -> list[Relation]:
    """Return the dot of a round, and <nabla_q|x> = Cov(q)^+ E[q |x>] for all hats q so far."""
    hat = equation.hat
    dot = scale(reader.of(hat.gain), reader.round_dot(hat))
    side, any_ket = reader.given.unused("q"), reader.given.unused("y")
    operand = reader.name_ket(hat.operand)
    moment = Expectation(Product("outer", (Ket(side), Ket(operand))))
    solved = Product("contract", (Raised(Call("Cov", (Ket(side),)), "+"), moment))
    products = Ket(f"{hat.matrix.name}{'' if hat.transposed else '.T'} {any_ket}", "hat")
    remark = (", ", Ket(side), " = all ", products, " so far")
    bras = BraKet(side, operand, nabla=True)
    return [Relation(names, "=", dot), Relation((bras,), "=", solved, remark)]


def _bras(equation: DotEquation, operand: str, reader: EquationReader) -> Formula:
    """Return gain * sum of |y><nabla_{W.T y}|x>, each y once."""
    kets = {term.hat: term.ket for term in equation.terms}
    total: Formula | None = None
    for hat, ket in kets.items():
        bra = BraKet(reader.product(hat), operand, nabla=True)
        term = multiply("braket", reader.of(ket), bra)
        total = term if total is None else add(total, term)
    assert total is not None
    return scale(reader.of(equation.hat.gain), total)


def _stein(term: DotTerm, operand: str, reader: EquationReader) -> Relation:
    """Return <nabla_q|x> = Cov(q)^+ E[q |x>], q the hats side by side."""
    bra = term.bra
    assert isinstance(bra, SteinBra)
    side = reader.given.unused("q")
    moment = Expectation(Product("outer", (Ket(side), Ket(operand))))
    solved = Product("contract", (Raised(Call("Cov", (Ket(side),)), "+"), moment))
    bras = BraKet(side, operand, nabla=True)
    return Relation((bras,), "=", solved, (", ", Ket(side), " = ", _side_by_side(bra.hats, reader)))


def _side_by_side(hats: tuple[Hat, ...], reader: EquationReader) -> Formula:
    if len(hats) == 1:
        return reader.given.hat(hats[0])
    if len(hats) <= FEW:
        return Listing(tuple(map(reader.given.hat, hats)))
    ends: tuple[Formula, ...] = (reader.given.hat(hats[0]), Name("..."), reader.given.hat(hats[-1]))
    return Listing(ends)


@dataclass(frozen=True, slots=True)
class Statement:
    """Equations of one statement of the program, in every round of a loop or once.

    Attributes:
        span: The statement.
        equations: Its equations, in order.
        rounds: The numbers of the first round and the last, of a loop.
        begins: Whether these are the first equations of a loop.
    """

    span: Span
    equations: tuple[Equation, ...]
    rounds: tuple[int, int] | None
    begins: bool

    @property
    def heading(self) -> Name | None:
        """What stands above the equations of a loop."""
        if self.rounds is None or not self.begins:
            return None
        return Name(f"t = {self.rounds[0]}, ..., {self.rounds[1]}")


def statements_of(limit: Limit) -> Iterator[Statement]:
    """Yield the equations of a limit by statements, those of a loop apart."""
    source, rounds = SourceLines(limit.program), limit.rounds

    def place_of(numbered: tuple[int, Equation]) -> tuple[Span, bool]:
        place, equation = numbered
        inside = rounds is not None and rounds.first <= place < rounds.last
        return source.statement(equation.span), inside

    for (span, inside), found in groupby(enumerate(limit.equations), place_of):
        places, equations = zip(*found, strict=True)
        begins = rounds is not None and places[0] == rounds.first
        yield Statement(span, equations, rounds.numbers if rounds and inside else None, begins)


class SourceLines:
    """Finds the statement around a stretch of source text."""

    def __init__(self, program: Program) -> None:
        self._source = program.source
        self._lines = program.source.split("\n")
        spans = [binding.span for binding in program.bindings]
        spans += [output.span for output in program.outputs]
        self._statements = sorted(set(spans))
        self._starts = [span.start for span in self._statements]

    def statement(self, span: Span) -> Span:
        """Return the statement around a span, or the span where it is in none."""
        position = bisect_right(self._starts, span.start) - 1
        if position >= 0 and self._statements[position].end >= span.end:
            return self._statements[position]
        return span

    def text(self, span: Span) -> str:
        """Return the source text of a statement on one line, else the whole line of the span."""
        if span in self._statements[bisect_right(self._starts, span.start) - 1 :][:1]:
            return " ".join(span.text(self._source).split())
        return self._lines[span.line - 1].strip()
