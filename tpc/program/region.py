"""Loops that stay loops: a region of the graph that is run for several rounds.

A region has a body, a graph like any other with four more leaves and operations:

    Carried        what the round before has passed on; before the first round, a value from outside
    RoundInput     the row of an array that belongs to the round: a mini-batch, a schedule
    Earlier        |x_s>, a ket of an earlier round s
    SumOverRounds  sum over earlier rounds s < t of c_s |x_s><y_s|z>
    InnerOverRounds, CombinationOverRounds  <x_s|z> of all rounds, and sum of |x_s> c_s

The body is checked, normalised and derived once. What it makes in every round is an array over
rounds, outside of it: `Collected`. Bodies use values from outside as they are.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from tpc.program.builder import Builder
from tpc.program.nodes import (
    FREE,
    Constant,
    Coordinates,
    Elementwise,
    InitialVector,
    Matrix,
    Node,
    Parameter,
    Shape,
    operands,
)
from tpc.program.program import Binding, Program
from tpc.program.traversal import dependents, walk

BEFORE, ROUND, NEXT = "t-1", "t", "t+1"
"""What rounds are called in the names of a body: `h[t]`, `h[t-1]` of the round before, `v[t+1]`."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Carried(Node):
    """The value of a name at the beginning of a round."""

    name: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RoundInput(Node):
    """The row of a scalar array that belongs to the round; one with fewer rows begins again."""

    table: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class KnownAtFirst(Node):
    """A scalar of which the value in the first round is known from outside."""

    known: Node
    operand: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Earlier(Node):
    """A ket |x_s> of an earlier round s, summed over in `SumOverRounds`."""

    name: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SumOverRounds(Node):
    """Sum over earlier rounds s of factors[s] |left_s><right_s|x>.

    Attributes:
        factors: A scalar of shape (rounds,).
        left: |left_s>.
        right: |right_s>, of the same constant shape, which is summed over.
        operand: |x>.
    """

    factors: Node
    left: Node
    right: Node
    operand: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InnerOverRounds(Node):
    """<left_s|x> of all rounds, 0 where s is not earlier: a scalar of shape (rounds,) + ...

    Attributes:
        left: |left_s>.
        operand: |x>.
    """

    left: Node
    operand: Node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CombinationOverRounds(Node):
    """Sum over earlier rounds s of |left_s> weights[s], over all constant axes of |left_s>.

    Attributes:
        weights: A scalar of shape (rounds,) + that of |left_s> + that of the sum.
        left: |left_s>.
    """

    weights: Node
    left: Node


@dataclass(frozen=True, slots=True, eq=False)
class Carry:
    """A value that goes from round to round: a scalar, a ket, or a function of two coordinates.

    Attributes:
        leaf: The value at the beginning of a round.
        initial: That of the first round, a node outside of the body, or a number for all entries.
        following: What the round makes of it.
    """

    leaf: Carried
    initial: Node
    following: Node


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A ket of the body that later rounds look back at.

    Attributes:
        leaf: Stands for it in later rounds.
        node: The ket.
    """

    leaf: Earlier
    node: Node


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """What a region does in each round.

    Attributes:
        rounds: How many there are.
        carries: What goes from round to round.
        records: What later rounds look back at.
        collected: What each round gives to the outside, scalars.
        bindings: Names of its nodes, `h[t]`.
        nodes: Its graph, each node after its operands; without nodes from outside.
        finals: What it gives to the outside after the last round, of any type.
        first: The number of the first round.
        of_training: Whether it is run before each step of training, and after the last one.
    """

    rounds: int
    carries: tuple[Carry, ...]
    records: tuple[Record, ...]
    collected: tuple[Node, ...]
    bindings: tuple[Binding, ...]
    nodes: tuple[Node, ...]
    finals: tuple[Node, ...] = ()
    first: int = 0
    of_training: bool = False

    @property
    def last(self) -> int:
        """The number of the last round."""
        return self.first + self.rounds - 1

    @property
    def has_kets(self) -> bool:
        """Whether rounds compute with kets, not with numbers alone."""
        return not all(node.is_scalar for node in self.nodes)

    @property
    def results(self) -> tuple[Node, ...]:
        """What a round is run for."""
        following = (carry.following for carry in self.carries)
        records = (record.node for record in self.records)
        return (*self.collected, *following, *records, *self.finals)

    def mapped(self, images: Mapping[Node, Node]) -> "Body":
        """Return the same body in another graph, which has no names of its own."""
        carries = []
        for carry in self.carries:
            leaf = images[carry.leaf]
            assert isinstance(leaf, Carried)
            carries.append(Carry(leaf, images[carry.initial], images[carry.following]))
        records = []
        for record in self.records:
            stand_in = images[record.leaf]
            assert isinstance(stand_in, Earlier)
            records.append(Record(stand_in, images[record.node]))
        nodes = tuple(dict.fromkeys(images[node] for node in self.nodes))
        collected = tuple(images[node] for node in self.collected)
        finals = tuple(images[node] for node in self.finals)
        return Body(
            self.rounds, tuple(carries), tuple(records), collected, (), nodes, finals, self.first,
            self.of_training,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Region(Node):
    """A loop, run for several rounds; it stands in a graph after what it needs from outside."""

    outside: tuple[Node, ...]
    body: Body


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Collected(Node):
    """A value of the body over all rounds, by its position in `Body.collected`."""

    region: Node
    position: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Final(Node):
    """A value of the body after the last round, by its position in `Body.finals`."""

    region: Node
    position: int


def carried(b: Builder, name: str, coords: Coordinates, shape: Shape) -> Carried:
    """Return the value of a name at the beginning of a round."""
    node = b.make(Carried, coords, shape, name)
    assert isinstance(node, Carried)
    return node


def earlier(b: Builder, name: str, dim: str, shape: Shape) -> Earlier:
    """Return a stand-in for a ket of earlier rounds."""
    node = b.make(Earlier, ((FREE, dim),), shape, name)
    assert isinstance(node, Earlier)
    return node


def round_input(b: Builder, table: Node) -> Node:
    """Return the row of an array that belongs to the round."""
    return b.make(RoundInput, (), table.shape[1:], table)


def round_number(b: Builder, rounds: int) -> Node:
    """Return the number of the round, from 0."""
    return round_input(b, b.constant(np.arange(rounds)))


def is_round_number(node: Node, body: Body) -> bool:
    """Whether a node of a body is the number of the round."""
    match node:
        case RoundInput(table=Constant(value=value)):
            return np.array_equal(value, np.arange(body.first, body.last + 1))
        case _:
            return False


def is_schedule(node: Node) -> bool:
    """Whether a number is computed from numbers, params and rows of a round alone."""
    if not isinstance(node, Elementwise) or node.coords or node.shape:
        return False
    leaves = (x for x in walk(node.operands, operands) if not isinstance(x, Elementwise))
    kinds = {type(leaf) for leaf in leaves if not isinstance(leaf, Constant)}
    return RoundInput in kinds and kinds <= {RoundInput, Parameter}


def sum_over_rounds(b: Builder, factors: Node, left: Node, right: Node, operand: Node) -> Node:
    """Return the sum over earlier rounds of factors |left><right|operand>."""
    return b.make(SumOverRounds, left.coords, operand.shape, factors, left, right, operand)


def inner_over_rounds(b: Builder, rounds: int, left: Node, operand: Node) -> Node:
    """Return <left_s|x> of all rounds, 0 where s is not earlier."""
    shape = (rounds, *left.shape, *operand.shape)
    return b.make(InnerOverRounds, (), shape, left, operand)


def combination_over_rounds(b: Builder, weights: Node, left: Node) -> Node:
    """Return the sum over earlier rounds s of |left_s> weights[s]."""
    shape = weights.shape[1 + len(left.shape) :]
    return b.make(CombinationOverRounds, left.coords, shape, weights, left)


def varying(nodes: Iterable[Node]) -> set[Node]:
    """Return those of some nodes, each after its operands, that differ from round to round."""
    leaves = Carried | RoundInput | Earlier

    def differs(node: Node) -> bool:
        drawn = node if isinstance(node, InitialVector) else getattr(node, "matrix", None)
        return isinstance(node, leaves) or (drawn is not None and is_fresh(drawn))

    return dependents(nodes, differs)


def is_first_round(node: RoundInput) -> bool:
    """Whether a number is 1 in the first round, and 0 in all others."""
    table = node.table
    return isinstance(table, Constant) and is_unit_vector(table.value) and bool(table.value[0])


def is_identity(value: npt.NDArray[np.float64]) -> bool:
    """Whether an array is the identity: its row t is the unit vector e[t]."""
    return value.ndim == 2 and np.array_equal(value, np.eye(len(value)))


def is_unit_vector(value: npt.NDArray[np.float64]) -> bool:
    """Whether an array is 1 in one round and 0 in all others."""
    return value.ndim == 1 and np.count_nonzero(value) == np.count_nonzero(value == 1) == 1


def is_fresh(drawn: InitialVector | Matrix) -> bool:
    """Whether a tensor of a body is drawn anew in every round: `W[t]`."""
    return re.search(rf"[\[,]{ROUND}[\],]", drawn.name) is not None


_TIME = re.compile(rf"(?<=[\[,])(?:(\d+)-)?{ROUND}([+-]\d+)?(?=[\],])")


def numbered(name: str, number: int, word: str = "") -> str:
    """Return what a name of a body is in a round, or with `t + number` for the round, the word t.

    >>> numbered("h[t-1,2]", 5), numbered("dh[9-t]", 5), numbered("v[1,t+1]", 5)
    ('h[4,2]', 'dh[4]', 'v[1,6]')
    >>> numbered("h[t+1]", -1, "t"), numbered("h[t]", -1, "t"), numbered("dh[9-t]", -1, "t")
    ('h[t]', 'h[t-1]', 'dh[10-t]')
    """

    def key(found: re.Match[str]) -> str:
        whole, shift = found.groups()
        at = int(whole) - number if whole else int(shift or 0) + number
        if not word:
            return str(at)
        return f"{at}-{word}" if whole else f"{word}{at:+d}" if at else word

    return _TIME.sub(key, name)


def region_of(program: Program) -> Region | None:
    """Return the region of a program that has one."""
    return next((node for node in program.nodes if isinstance(node, Region)), None)


def with_body(program: Program) -> Program:
    """Return a program whose names and nodes are followed by those of the body of its region."""
    region = region_of(program)
    if region is None:
        return program
    bindings = (*program.bindings, *region.body.bindings)
    return replace(program, bindings=bindings, nodes=(*program.nodes, *region.body.nodes))


@dataclass(frozen=True, slots=True)
class Round:
    """A program for one round, with the names of what goes on: a region that is open.

    Attributes:
        program: Its outputs are what is collected; its graph has the leaves of regions.
        rounds: How many rounds there are.
        carries: What goes from round to round.
        records: What later rounds look back at.
    """

    program: Program
    rounds: int
    carries: tuple[Carry, ...]
    records: tuple[Record, ...]

    @property
    def roots(self) -> list[Node]:
        """All that it is run for, with the leaves and where they start."""
        roots = [output.node for output in self.program.outputs]
        roots += [part for carry in self.carries for part in (carry.following, carry.initial)]
        roots += [record.node for record in self.records]
        return [*roots, *(c.leaf for c in self.carries), *(r.leaf for r in self.records)]
