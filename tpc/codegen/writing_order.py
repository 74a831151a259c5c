"""The readings of a limit: what one generated function computes, and in which order.

An expectation that has a Hermite series is read as the average of its ket on random nodes, and as
the series on grids. Each reading needs nodes of its own, and is a function of its own; where no
output needs a series, both are one.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sympy import Expr

from tpc.codegen.copies import kets_of, kets_of_mean
from tpc.codegen.expectation_calls import numbered
from tpc.codegen.moving_pairs import PairStep, pair_steps
from tpc.codegen.pair_arrays import find_pair_arrays
from tpc.codegen.sides import Side, grouped_sides, side_of
from tpc.codegen.steps import is_zeros
from tpc.codegen.words import Remark, find_names, find_remarks, in_rounds
from tpc.limit.equations import DotEquation, Equation, Limit, LimitOutput, RoundsEquation
from tpc.limit.limit_nodes import ClosedForm, Hat, Integral, RoundDot, SteinBra, SteinDot
from tpc.program.nodes import FREE, Inner, Mean, Node, operands
from tpc.program.region import (
    Body,
    CombinationOverRounds,
    InnerOverRounds,
    Region,
    RoundInput,
    SumOverRounds,
    is_first_round,
    is_round_number,
    varying,
)
from tpc.program.traversal import toposort


@dataclass(frozen=True, slots=True)
class WritingStep:
    """What is computed for one equation or output, and was not before.

    Attributes:
        line: Where it stands in the program.
        nodes: Each after what it needs.
    """

    line: int
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a function computes.

    Attributes:
        name: The function's name.
        summary: The first line of its docstring.
        limit: The limit.
        columns: The matrix sides whose hats are drawn together, with their columns.
        stored: The functions of two samples that are stored.
        steps: What is computed, in order.
        uses: How many expressions each node stands in.
        names: What nodes are called.
        remarks: What is said of nodes that get a variable in any case.
        read: Returns what a node is computed as: an integral as its average or its series, a closed
            form as the first that is equal.
        round: What is computed in each round of its region, where it has one.
        pairs: How functions of two samples go from this round to the next.
    """

    name: str
    summary: str
    limit: Limit
    columns: Mapping[Side, int]
    stored: frozenset[Node]
    steps: tuple[WritingStep, ...]
    uses: Mapping[Node, int]
    names: Mapping[Node, str]
    remarks: Mapping[Node, Remark]
    read: Callable[[Node], Node]
    round: "Reading | None" = None
    pairs: tuple[PairStep, ...] = ()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All that is computed, in order, that of a round behind the rest."""
        own = tuple(node for step in self.steps for node in step.nodes)
        return own if self.round is None else (*own, *self.round.nodes)


def find_readings(limit: Limit, grids: bool = True) -> tuple[Reading, ...]:
    """Return the reading of a limit on random nodes and that on grids, or the one that is both.

    Args:
        limit: The limit.
        grids: Whether it is computed on grids too.
    """
    columns, stored = grouped_sides(limit), find_pair_arrays(limit)

    def reading(name: str, summary: str, read: Callable[[Node], Node]) -> Reading:
        def needs(node: Node) -> tuple[Node, ...]:
            return (read(node),) if read(node) is not node else needs_of(node, columns, stored)

        needed = toposort(_roots(limit), needs)
        uses = _count_uses(_roots(limit), needed, needs, read)
        steps = _steps(limit, uses, needs)
        lines = {node: step.line for step in steps for node in step.nodes}
        names = find_names(limit, lines, read)
        remarks = find_remarks(limit, lines, read)
        inner = _round_of(limit, limit.rounds, columns, read) if limit.rounds else None
        return Reading(
            name, summary, limit, columns, stored, steps, uses, names, remarks, read, inner
        )  # fmt: skip

    if limit.rounds is not None and limit.rounds.node.body.has_kets:
        return (reading("limit", _BOTH, _average),)
    sampled = reading("limit_sampled", _SAMPLED, _once(_average))
    if not grids or not any(isinstance(node, Integral) for node in sampled.uses):
        return (replace(sampled, name="limit", summary=_BOTH),)
    return sampled, reading("limit_integrated", _INTEGRATED, _once(_series))


def _round_of(
    limit: Limit,
    rounds: RoundsEquation,
    columns: Mapping[Side, int],
    read: Callable[[Node], Node],
) -> Reading:
    """Return what is computed in each round of a region."""
    body = rounds.node.body
    pairs = pair_steps(body)
    step_of = {node: step for step in pairs for node in step.results}
    stored = frozenset(carry.leaf for step in pairs for carry in step.carries)
    needs = _needs_in(body, columns)
    results = body.results
    everything = toposort(results, needs)
    moving = varying(toposort(results, operands))
    known = {node for node in everything if node not in moving}
    uses = _count_uses(list(results), tuple(n for n in everything if n in moving), needs, read)
    own = limit.equations[rounds.first : rounds.last]
    of_pairs = {e.node: e.span.line for e in own if len(e.node.coords) == 2}
    asked = [
        (0, equation.span.line, [equation.node])
        for equation in own
        if equation.node in moving and equation.node not in of_pairs
    ]
    asked.append((0, 0, [node for node in results if node not in step_of]))
    # What changes in its place does so when all has been read.
    asked += [(0, 0, list(step.kets)) for step in pairs]
    asked += [(0, of_pairs.get(step.results[-1], 0), list(step.results)) for step in pairs]
    steps = _in_order(asked, needs, known)
    lines = {node: step.line for step in steps for node in step.nodes} | of_pairs
    names = {n: in_rounds(x) for n, x in find_names(limit, lines, read).items()}
    remarks = find_remarks(limit, lines, read)
    return Reading(
        "", "", limit, columns, stored, steps, uses, names, remarks, read, pairs=pairs
    )  # fmt: skip


_BOTH = "Compute every output once, on the nodes of one replicate."
_SAMPLED = "Compute every output once, expectations as averages over nodes."
_INTEGRATED = "Compute every output once, expectations as Hermite series where there are any."


def _average(node: Node) -> Node:
    return node.average if isinstance(node, Integral) else node


def _series(node: Node) -> Node:
    return node.value if isinstance(node, Integral) else node


def _once(read: Callable[[Node], Node]) -> Callable[[Node], Node]:
    """Read equal closed forms as the first of them, whatever their symbols are called."""
    first: dict[tuple[Expr, tuple[Node, ...]], Node] = {}

    def read_once(node: Node) -> Node:
        found = read(node)
        if isinstance(found, ClosedForm):
            return first.setdefault((numbered(found), found.values), found)
        return found

    return read_once


def needs_of(
    node: Node, grouped: Container[Side], stored: Container[Node] = ()
) -> tuple[Node, ...]:
    """Return the nodes that must be written before a node."""
    if node in stored:
        return kets_of(node, stored)
    match node:
        case Mean(operand=body, over=over) if over != (FREE,):
            return kets_of_mean(body, stored)
        case SteinBra(hats=hats, hat=hat) | SteinDot(hats=hats, hat=hat):
            return (*hats, hat)
        case RoundDot(hat=hat):
            return (hat,)
        case SumOverRounds(factors=factors, operand=operand):
            return (factors, operand)
        case InnerOverRounds(operand=operand):
            return (operand,)
        case CombinationOverRounds(weights=weights):
            return (weights,)
        case Region():
            return _outside(node, grouped)
        case Hat(operand=ket, gain=gain, second=second):
            return (ket if samples_operand(node, grouped) else second, gain)
        case _:
            return operands(node)


def _needs_in(body: Body, grouped: Container[Side]) -> Callable[[Node], tuple[Node, ...]]:
    """Return what gives the nodes that must be written before a node in a round."""
    pairs = pair_steps(body)
    step_of = {node: step for step in pairs for node in step.results}
    stored = frozenset(carry.leaf for step in pairs for carry in step.carries)

    def needs(node: Node) -> tuple[Node, ...]:
        if isinstance(node, RoundInput) and (is_round_number(node, body) or is_first_round(node)):
            return ()
        return step_of[node].kets if node in step_of else needs_of(node, grouped, stored)

    return needs


def _outside(region: Region, grouped: Container[Side]) -> tuple[Node, ...]:
    """Return what a region needs: initial values, and what its rounds read but do not make."""
    body = region.body
    needs = _needs_in(body, grouped)
    inside = toposort(body.results, needs)
    moving = varying(toposort(body.results, operands))
    read = [needed for node in inside if node in moving for needed in needs(node)]
    initial = (carry.initial for carry in body.carries if not is_zeros(carry.initial))
    found = [*initial, *read, *body.results]
    return tuple(dict.fromkeys(node for node in found if node not in moving))


def samples_operand(node: Hat, grouped: Container[Side]) -> bool:
    """Whether a hat is drawn from samples of its operand, not from <x|x> in closed form."""
    return side_of(node) in grouped or isinstance(node.second, Inner)


def drawn_nodes(limit: Limit) -> list[Node]:
    """Return all nodes that the outputs need in one reading or the other."""
    columns = grouped_sides(limit)
    return toposort(_roots(limit), lambda node: needs_of(node, columns))


def _roots(limit: Limit) -> list[Node]:
    roots = [node for output in limit.outputs for _, node in output.parts]
    return roots or [equation.node for equation in limit.equations]


def _count_uses(
    roots: list[Node],
    needed: Iterable[Node],
    needs: Callable[[Node], tuple[Node, ...]],
    read: Callable[[Node], Node],
) -> Counter[Node]:
    """Count the expressions that each node stands in; an integral is what it is read as."""
    uses = Counter(roots)
    for node in needed:
        uses.update(needs(node))
    for node in needed:
        if read(node) is not node:
            uses[read(node)] += uses[node] - 1
    return uses


def _steps(
    limit: Limit, used: Container[Node], needs: Callable[[Node], tuple[Node, ...]]
) -> tuple[WritingStep, ...]:
    """Return what to compute: under each equation its bras and itself, and outputs when due."""
    equations = [equation for equation in limit.equations if equation.node in used]
    index = {equation.node: i for i, equation in enumerate(equations)}
    if limit.rounds is not None:  # what a loop gives is computed where the loop stands
        ahead = limit.equations[: limit.rounds.first]
        index[limit.rounds.node] = sum(equation.node in used for equation in ahead) - 1
    asked = [(i, e.span.line, _nodes_of(e, used)) for i, e in enumerate(equations)]
    for output in limit.outputs:
        roots = [node for _, node in output.parts]
        asked.append((_due(output, index, equations, needs), output.span.line, roots))
    return _in_order(sorted(asked, key=lambda each: each[0]), needs, set())


def _in_order(
    asked: list[tuple[int, int, list[Node]]],
    needs: Callable[[Node], tuple[Node, ...]],
    known: set[Node],
) -> tuple[WritingStep, ...]:
    """Return steps for what is asked for, by lines, beyond what is known."""
    steps = []
    for _, line, roots in asked:
        nodes = toposort(roots, needs, known)
        known.update(nodes)
        steps.append(WritingStep(line, tuple(nodes)))
    return tuple(steps)


def _nodes_of(equation: Equation, used: Container[Node]) -> list[Node]:
    terms = equation.terms if isinstance(equation, DotEquation) else ()
    return [*(term.bra for term in terms if term.bra in used), equation.node]


def _due(
    output: LimitOutput,
    index: Mapping[Node, int],
    equations: Sequence[Equation],
    needs: Callable[[Node], tuple[Node, ...]],
) -> int:
    """Return the index of the equation after which to compute an output, -1 for the beginning.

    It is the last one that the output needs, so that kets die early; of an output that needs none
    the last one above it in the program.
    """
    roots = [node for _, node in output.parts]
    inside = toposort(roots, lambda node: () if node in index else needs(node))
    needed = [index[node] for node in inside if node in index]
    above = (i for i, e in enumerate(equations) if e.span.line < output.span.line)
    return max(needed) if needed else max(above, default=-1)
