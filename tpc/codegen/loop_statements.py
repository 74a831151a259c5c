"""A region -> one statement, the loop over its rounds, each line under the equation it computes.

v = v_0                                     what goes from round to round
x_rounds = Rounds(nodes, 21, (4,))          what later rounds look back at
f_rounds = []                               what is collected
for t in range(21):
...
f_rounds.append(f)
if t == 20:
break
...
x_rounds.append(x)
v = v_next
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import prod

from tpc.codegen.expressions import ATOM, CONDITION, Code, joined
from tpc.codegen.lifetimes import deletion, find_lifetimes
from tpc.codegen.scope import Scope
from tpc.codegen.statement import Statement
from tpc.codegen.steps import STEPS, is_zeros, over_rounds
from tpc.codegen.words import in_rounds
from tpc.program.nodes import Node
from tpc.program.region import (
    Body,
    Carried,
    Carry,
    Collected,
    CombinationOverRounds,
    InnerOverRounds,
    KnownAtFirst,
    Region,
    RoundInput,
    SumOverRounds,
    is_first_round,
    is_round_number,
)


@dataclass(slots=True)
class Loop:
    """The variables of a loop, in the scope around it.

    Attributes:
        region: The loop.
        outer: The scope around it.
        index: The number of the round.
        steps: How many steps of training there are, where that is an argument.
        carried: The variables that go from round to round.
        records: What later rounds look back at, by node.
        lists: What is collected.
        finals: What is seen of the last round.
    """

    region: Region
    outer: Scope
    index: str
    steps: int | None
    carried: dict[Carried, str] = field(default_factory=dict)
    records: dict[Node, str] = field(default_factory=dict)
    lists: list[str] = field(default_factory=list)
    finals: list[Code] = field(default_factory=list)

    @property
    def body(self) -> Body:
        """What it does in each round."""
        return self.region.body

    def start(self, names: Sequence[str]) -> None:
        """Write what stands before the loop.

        Args:
            names: Of what is collected.
        """
        scope, body = self.outer, self.body
        scope.banner = ""
        for carry in body.carries:
            name = scope.identifiers.make(in_rounds(carry.leaf.name))
            self.carried[carry.leaf] = name
            size = prod(carry.leaf.shape) if carry.leaf.is_vector else 0
            pairs = 1 if len(carry.leaf.coords) == 2 else 0
            scope.bind(name, self._initial(carry), size, pairs=pairs)
        for name in names:
            target = scope.identifiers.make(f"{name} rounds")
            self.lists.append(target)
            scope.bind(target, Code("[]"))

    def record(self, node: Node, name: str) -> None:
        """Write what keeps a ket of every round."""
        if node not in self.records:
            scope, rounds = self.outer, self.body.rounds
            target = scope.identifiers.make(f"{name} rounds")
            text = f"Rounds(nodes, {self.count}, {node.shape})"
            scope.bind(target, Code(text), rounds * prod(node.shape))
            self.records[node] = target

    def write(self, node: Node, scope: Scope) -> bool:
        """Write a node that only bodies of regions have; say whether it was one."""
        match node:
            case Carried():
                scope.code[node] = _variable(self.carried[node])
            case RoundInput() if is_round_number(node, self.body):
                scope.code[node] = _variable(self.index)
            case RoundInput() if is_first_round(node):
                scope.code[node] = joined(
                    f"({self.index} == {self.body.first})", ATOM, [_variable(self.index)]
                )
            case RoundInput(table=table):
                period = table.shape[0] if table.shape[0] < self.body.rounds else 0
                scope.fit(node, (table,), partial(self._row, period))
            case KnownAtFirst(known=known, operand=operand):
                scope.fit(node, (known, operand), self._known_at_first)
            case SumOverRounds(factors=factors, left=left, right=right, operand=operand):
                sides = [_variable(self._kept(side)) for side in (left, right)]
                scope.fit(node, (factors, operand), partial(_sum, sides))
            case InnerOverRounds(left=left, operand=operand):
                scope.fit(node, (operand,), partial(_of_rounds, "inner", self._kept(left)))
            case CombinationOverRounds(weights=weights, left=left):
                scope.fit(node, (weights,), partial(_of_rounds, "combination", self._kept(left)))
            case _:
                return False
        return True

    def _row(self, period: int, codes: Sequence[Code]) -> Code:
        (table,), first = codes, self.body.first
        place = f"{self.index} - {first}" if first else self.index
        if period:
            place = f"({place}) % {period}" if first else f"{place} % {period}"
        return joined(f"{table.at(ATOM)}[{place}]", ATOM, [table, _variable(self.index)])

    def _known_at_first(self, codes: Sequence[Code]) -> Code:
        known, average = codes
        text = f"{known.text} if {self.index} == {self.body.first} else {average.text}"
        return joined(text, CONDITION, [known, average, _variable(self.index)])

    def finish(self, inner: Scope) -> None:
        """Write the loop, whose statements are in a scope of its own, and what comes out of it."""
        body = self.body
        results = [inner.code[node] for node in body.collected]
        self.finals = [inner.code[node] for node in body.finals]
        last = _last_needed(inner.body, [*results, *self.finals])
        inside: list[str] = []
        dying, peak = self._dying(inner, results)
        for place, (statement, dead) in enumerate(zip(inner.body, dying, strict=False)):
            inside += [*_written(statement), *deletion(dead, 8)]
            if place == last:
                inside += self._collected(results)
        if last < 0:
            inside += self._collected(results)
        inside += [*self._passed_on(inner), *deletion(dying[-1], 8)]
        lines = [f"    for {self.index} in range({self._bounds()}):", *inside[not inside[0] :]]
        made = {self.index, *(statement.target for statement in inner.body)}
        moved = (carry for carry in body.carries if len(carry.leaf.coords) < 2)
        codes = [*results, *(inner.code[carry.following] for carry in moved)]
        reads = _reads([*(s.reads for s in inner.body), *(code.reads for code in codes)])
        reads |= {*self.carried.values(), *self.records.values(), *self.lists}
        comment = f"the rounds {self.index} = {body.first}, ..., {self.last}"
        loop = Statement(self.index, tuple(lines), reads - made, 0, self.outer.banner, comment)
        self.outer.append(replace(loop, inside=peak))

    def _dying(self, inner: Scope, results: Sequence[Code]) -> tuple[list[tuple[str, ...]], int]:
        """Return the kets that die behind each statement, and at the end, and what live at most.

        Those of pairs may be read by what computes blocks of them later.
        """
        statements = tuple(inner.body)
        pairs = any(statement.pairs for statement in statements)
        if pairs or any(len(carry.leaf.coords) > 1 for carry in self.body.carries):
            dying: list[tuple[str, ...]] = [()] * (len(statements) + 1)
            return dying, sum(statement.size for statement in statements)
        passed = [carry.following for carry in self.body.carries]
        codes = [*results, *self.finals, *(inner.code[node] for node in [*passed, *self.records])]
        kept = _reads(code.reads for code in codes)
        found = find_lifetimes(statements, kept)
        ends = tuple(s.target for s in statements if s.size and s.target in kept)
        return [*found.dead_after, ends], found.peak

    def collected(self, node: Collected) -> Code:
        """Return the code of a value over all rounds."""
        name = self.lists[node.position]
        return Code(f"np.array({name})", ATOM, frozenset({name}))

    @property
    def count(self) -> str:
        """How many rounds there are, as code."""
        return str(self.body.rounds) if self.steps is None else f"{STEPS} + 1"

    @property
    def last(self) -> str:
        """The number of the last round, as code."""
        return str(self.body.last) if self.steps is None else STEPS

    def _bounds(self) -> str:
        body = self.body
        return f"{body.first}, {body.last + 1}" if body.first else self.count

    def _initial(self, carry: Carry) -> Code:
        """Write the value of a name before the first round."""
        leaf, initial = carry.leaf, self.outer.code.get(carry.initial, Code("0"))
        shape = tuple(map(str, leaf.shape))
        if len(leaf.coords) == 2:
            return joined(f"MovingPairs(nodes, PAIR_ARRAYS, {initial.text})", ATOM, [initial])
        if leaf.is_vector and carry.initial.is_scalar:
            shape = ("nodes.samples", *shape)
        elif leaf.shape == carry.initial.shape and not is_zeros(carry.initial):
            return initial
        elif leaf in over_rounds(self.body):
            shape = (self.count,)
        size = f"({', '.join(shape)})" if len(shape) > 1 else shape[0]
        zeros = is_zeros(carry.initial) or initial.text == "0"
        text = f"np.zeros({size})"
        return joined(text if zeros else f"{text} + {initial.text}", ATOM, [initial])

    def _kept(self, leaf: Node) -> str:
        node = next(record.node for record in self.body.records if record.leaf is leaf)
        return self.records[node]

    def _collected(self, results: Sequence[Code]) -> list[str]:
        pairs = zip(self.lists, results, strict=True)
        lines = [f"        {name}.append({code.text})" for name, code in pairs]
        return [
            "",
            *lines,
            f"        if {self.index} == {self.last}:",
            f"{' ' * 12}break",
        ]

    def _passed_on(self, inner: Scope) -> list[str]:
        lines = [
            f"        {name}.append({inner.code[node].text})" for node, name in self.records.items()
        ]
        made = {statement.target for statement in inner.body}
        first, then = [], []
        for carry in self.body.carries:
            if len(carry.leaf.coords) == 2:
                continue  # changes in its place
            name, text = self.carried[carry.leaf], inner.code[carry.following].text
            if text not in made:
                fresh = inner.identifiers.make(f"{name} next")
                first.append(f"        {fresh} = {text}")
                text = fresh
            then.append(f"        {name} = {text}")
        return ["", *lines, *first, *then]


def _sum(sides: Sequence[Code], codes: Sequence[Code]) -> Code:
    factors, operand = codes
    parts = [factors, *sides, operand]
    listed = ", ".join(part.text for part in parts)
    return joined(f"sum_over_rounds(nodes, {listed})", ATOM, parts)


def _of_rounds(name: str, kept: str, codes: Sequence[Code]) -> Code:
    parts = [_variable(kept), *codes]
    listed = ", ".join(part.text for part in parts)
    return joined(f"{name}_over_rounds(nodes, {listed})", ATOM, parts)


def _variable(name: str) -> Code:
    return Code(name, ATOM, frozenset({name}))


def _written(statement: Statement) -> list[str]:
    """Return the lines of a statement in a loop, under its banner and its comment."""
    lines = [""] if statement.spaced or statement.banner else []
    lines += [f"        # ---- {statement.banner}"] if statement.banner else []
    lines += [f"        # {line}".rstrip() for line in statement.comment.split("\n") if line]
    return [*lines, *statement.lines]


def _last_needed(body: Sequence[Statement], results: Iterable[Code]) -> int:
    """Return the place of the last statement that some results need."""
    places = {statement.target: place for place, statement in enumerate(body)}
    return max(
        (places[name] for code in results for name in code.reads if name in places), default=-1
    )


def _reads(names: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*names)
