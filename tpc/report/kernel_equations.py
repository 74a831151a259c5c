"""The limit of two inputs of a network -> the equations of its kernels.

Kets of an input xi are said once: those of another input xi' are alike, with a prime. Products of
the two are jointly Gaussian, and the kernels are averages of what is made of them,

    Cov(|W x>^, |W x'>^) = <x|x'>,
    nngp = Sigma(xi, xi') = <e|e'>,     ntk = Theta(xi, xi') = sum over weights W of Theta_W.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial, reduce
from math import prod
from typing import TypeAlias

from tpc.limit.equations import DotEquation, Equation, HatEquation, Limit, LimitOutput
from tpc.limit.limit_nodes import Hat
from tpc.program.nodes import Constant, Matrix, Node
from tpc.report.constants import number
from tpc.report.equations_in_words import FEW, Relation, local_names, relations
from tpc.report.formula import (
    Call,
    Formula,
    Name,
    Number,
    Power,
    Product,
    Sum,
    add,
    multiply,
    scale,
)
from tpc.report.reading import EquationReader
from tpc.report.sections import Chapter, Section

Sides: TypeAlias = Mapping[Node, frozenset[str]]

KETS = "kets of the first input; those of the second are alike, with a prime"


def kernel_chapter(limit: Limit, xi: str, other: str, sides: Sides) -> Chapter:
    """Return the equations of a network's kernels.

    Args:
        limit: That of `named_pair_program`.
        xi: The param that is the first input.
        other: The param that is the second one.
        sides: On which of the two every node depends.
    """
    reader = EquationReader(limit)
    pairs = _pairs(limit, sides, other)
    kets: list[Relation] = []
    for equation in limit.equations:
        about = equation.hat if isinstance(equation, DotEquation) else equation.node
        if other not in sides[about]:
            kets += relations(equation, reader)
            kets += _across_inputs(equation, pairs, reader)
    sections = [
        Section("kets of the first input; those of the second are alike, with a prime", tuple(kets))
    ]
    inputs = (Name(xi), Name(other))
    nngp, *weights = limit.outputs
    symbol = Call("Sigma", inputs)
    total = Relation((Name("nngp"), symbol), "=", reader.own(_node(nngp)))
    sections.append(Section("NNGP", (total, *local_names(reader))))
    parts: dict[Node, tuple[Formula, ...]] = {}  # of weights that add the same all names
    for part in weights:
        parts[_node(part)] = (*parts.get(_node(part), ()), Name(f"Theta_{part.name}"))
    if parts:
        found = [Relation((Name("ntk"), Call("Theta", inputs)), "=", _sum(parts))]
        for node, names in parts.items():
            value = symbol if node is _node(nngp) else tidy(reader.own(node))
            found.append(Relation(names, "=", value))
        sections.append(Section("tangent kernel, by weights", (*found, *local_names(reader))))
    words = f"kernels of two inputs {xi} and {other}, in the parametrization ntp"
    return Chapter((words,), tuple(sections))


def _node(output: LimitOutput) -> Node:
    ((_, node),) = output.parts
    return node


def _sum(parts: Mapping[Node, tuple[Formula, ...]]) -> Formula:
    """Return the sum of all parts but those that vanish."""
    zero = [node for node in parts if isinstance(node, Constant) and not node.value.any()]
    names = [name for node in parts if node not in zero for name in parts[node]]
    return reduce(add, names) if names else Number(0)


Pairs: TypeAlias = Mapping[Hat, tuple[tuple[Hat, Hat], ...]]
"""For a hat of the first input the products of one matrix so far, at both inputs."""


def _pairs(limit: Limit, sides: Sides, other: str) -> Pairs:
    """Return the hats that belong together, which come in the same order at both inputs."""
    found: dict[tuple[Matrix, bool], tuple[list[Hat], list[Hat]]] = {}
    for equation in limit.equations:
        if isinstance(equation, HatEquation) and sides[equation.node]:
            hat = equation.node
            both = found.setdefault((hat.matrix, hat.transposed), ([], []))
            both[other in sides[hat]].append(hat)
    pairs: dict[Hat, tuple[tuple[Hat, Hat], ...]] = {}
    for first, second in found.values():
        together = tuple(zip(first, second, strict=True))
        pairs |= {hat: together[: number + 1] for number, hat in enumerate(first)}
    return pairs


def _across_inputs(equation: Equation, pairs: Pairs, reader: EquationReader) -> list[Relation]:
    """Return the covariances of a hat with those of the second input."""
    if not isinstance(equation, HatEquation) or equation.node not in pairs:
        return []
    hat, so_far = equation.node, pairs[equation.node]
    ket, gain = reader.given.hat(hat), reader.of(hat.gain)
    lines = []
    for _, other in so_far if len(so_far) <= FEW else so_far[-1:]:
        inner = scale(gain, reader.inner(hat.operand, other.operand))
        lines.append(Relation((Call("Cov", (ket, reader.given.hat(other))),), "=", inner))
    if len(so_far) > FEW:
        lines[0] = replace(lines[0], remark=(", and so for each earlier product",))
    return [*lines, *local_names(reader)]


def tidy(x: Formula) -> Formula:
    """Return a product with its numbers multiplied, and a name that comes twice as a square."""
    match x:
        case Sum(terms=terms):
            return Sum(tuple((sign, tidy(term)) for sign, term in terms))
        case Product(kind="times", factors=factors):
            value = prod(f.value for f in factors if isinstance(f, Number))
            counts = Counter(f for f in factors if isinstance(f, Name))
            rest = tuple(f for f in factors if not isinstance(f, Number | Name))
            names = tuple(Power(f, Number(k)) if k > 1 else f for f, k in counts.items())
            return reduce(partial(multiply, "times"), (*names, *rest), number(value))
        case _:
            return x
