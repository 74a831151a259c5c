"""A program and its limit -> the functions that jump where scalars are in the limit.

Scalars fluctuate by n^(-1/2) round their limits. Where one stands at a jump, such as sign(f) where
f goes to 0, networks of any width land on either side, and none where the limit is. Whatever the
limit knows as a number is moved to both sides, by much and by little, with kets and other scalars
anywhere: what changes as much for either jumps. So does what only nearly jumps, g / sqrt(g^2 +
eps^2) with an eps that no fluctuation of a network that can be run is small beside.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import numpy as np

from tpc.diagnostics import Diagnostic
from tpc.diagnostics.limit_faults import LimitAtJump
from tpc.program.nodes import (
    Constant,
    Elementwise,
    Exchange,
    InitialScalar,
    InitialVector,
    Inner,
    LinearAlgebra,
    MatMul,
    Mean,
    Node,
    Parameter,
    Row,
    Spectral,
    Stack,
    operands,
)
from tpc.program.operations import Array, operation
from tpc.program.program import Program
from tpc.program.traversal import fold, needed, toposort

MOVES = (1e-3, -1e-3, 1e-4, -1e-4)
"""Fluctuations of scalars at widths of 10^6 and 10^8, up and down."""

STEEP = 100.0
"""A change that is so many times as large as the fluctuation is no Lipschitz function's."""

SATURATED = 0.8
"""From which part on the smaller fluctuation's change is as large as the other's."""

DRAWS = 4
"""How many times kets, other scalars and directions are drawn."""

SURE = 2
"""In so many of them an entry jumps: a ket that is near a jump by chance does once."""

LARGEST = 10**5
"""Values of more entries are not looked at, nor what is made of them."""


def check_jumps(program: Program, limit_of: Mapping[Node, Node]) -> list[Diagnostic]:
    """Return what is wrong with a limit at a jump, for the first function that jumps.

    Args:
        program: The program; its regions are not looked into, nor what is only watched.
        limit_of: The limit of every node.
    """
    if not any(isinstance(node, Mean | Inner) for node in program.nodes):
        return []
    probe = _Probe(limit_of)
    with np.errstate(all="ignore"):
        roots = [output.node for output in program.outputs if not output.is_watched]
        nodes = needed(program.nodes, roots)
        first = next((node for node in nodes if probe.jumps_at(node)), None)
    if first is None:
        return []
    names = {binding.node: binding.name for binding in reversed(program.bindings)}
    causes = probe.causes(first)
    named = [names[x] for x in causes if x in names]
    averages = [x.span.text(program.source) for x in causes if isinstance(x, Mean | Inner)]
    scalar = (named + averages)[0]
    return [Diagnostic.of(LimitAtJump(scalar), first.span)]


@dataclass(slots=True)
class _Probe:
    """Values of a program's nodes, in their order.

    Attributes:
        limit_of: The limit of every node.
        random: Nodes that depend on random vectors.
        touched: Those that a random scalar takes part in without an average between.
        values: Of all nodes so far but the largest. The first axis is over `MOVES` and draws,
            or of length 1.
        numbers: What the limit knows as numbers, and None for the rest.
        rng: Draws where kets and other scalars are.
    """

    limit_of: Mapping[Node, Node]
    random: set[Node] = field(default_factory=set)
    touched: set[Node] = field(default_factory=set)
    values: dict[Node, Array] = field(default_factory=dict)
    numbers: dict[Node, Array | None] = field(default_factory=dict)
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def jumps_at(self, node: Node) -> bool:
        """Whether a node jumps; all nodes before it have been asked."""
        parts = operands(node)
        if isinstance(node, InitialVector | MatMul) or not self.random.isdisjoint(parts):
            self.random.add(node)
        is_average = isinstance(node, Mean | Inner)
        fluctuates = is_average and node in self.random and not node.coords
        ends = is_average or isinstance(node, MatMul)
        if fluctuates or not (ends or self.touched.isdisjoint(parts)):
            self.touched.add(node)
        if prod(node.shape) <= LARGEST:
            value = self._fluctuating(node) if fluctuates else self._applied(node)
            if value is not None:
                self.values[node] = value
                return node in self.touched and not fluctuates and _jumps(value)
        return False

    def causes(self, node: Node) -> list[Node]:
        """Return the scalars that a node takes in, those nearest to it first."""

        def taken(x: Node) -> tuple[Node, ...]:
            ends = isinstance(x, Mean | Inner)
            return () if ends else tuple(y for y in operands(x) if y in self.touched)

        return [x for x in reversed(toposort([node], taken)) if x is not node and not x.coords]

    def _fluctuating(self, node: Node) -> Array:
        limit = self.limit_of[node]
        centre = fold((limit,), _number, operands, self.numbers)[limit]
        if centre is None:
            return self._anywhere(node)
        shape = (DRAWS, *node.shape)
        direction = self.rng.uniform(0.5, 1.0, shape) * self.rng.choice([-1.0, 1.0], shape)
        moved = np.multiply.outer(MOVES, direction).reshape((-1, *node.shape))
        return np.asarray(centre + moved)

    def _applied(self, node: Node) -> Array | None:
        match node:
            case Constant(value=value) | Parameter(default=value):
                return value[None]
            case InitialScalar(limit=limit):
                return self.values.get(limit)
            case InitialVector():
                return self._drawn(node)
            case Row(operand=operand) | Exchange(operand=operand):
                return self.values.get(operand)
            case (
                LinearAlgebra() | Spectral()
            ):  # the root of a covariance turns where it is singular
                return None
        try:
            compute = operation(node, leading=1)
        except ValueError:
            return self._anywhere(node)
        if any(part not in self.values for part in operands(node)):
            return None
        parts = [self.values[part] for part in operands(node)]
        if isinstance(node, Elementwise):
            parts = [_aligned(part, len(node.shape)) for part in parts]
        if isinstance(node, Stack):
            longest = max(map(len, parts))
            parts = [np.broadcast_to(part, (longest, *part.shape[1:])) for part in parts]
        return np.asarray(compute(*parts))

    def _drawn(self, node: InitialVector) -> Array | None:
        """Return draws of a vector by its law: entries that are equal, or none, stay so."""
        law = (node.covariance,) if node.mean is None else (node.covariance, node.mean)
        if any(part not in self.values for part in law):
            return None
        covariance, *mean = (self.values[part][0] for part in law)
        draws = self._anywhere(node).reshape((-1, prod(node.shape)))
        if covariance.ndim:
            size, turn = np.linalg.eigh(covariance.reshape((prod(node.shape), -1)))
            draws = draws @ (turn * np.sqrt(np.maximum(size, 0))).T
        else:
            draws = draws * np.sqrt(covariance)
        return np.asarray(sum(mean, draws.reshape((-1, *node.shape))))

    def _anywhere(self, node: Node) -> Array:
        return np.concatenate([self.rng.standard_normal((DRAWS, *node.shape))] * len(MOVES))


def _aligned(value: Array, rank: int) -> Array:
    """Return a value with `rank` constant axes behind the first one."""
    missing = rank + 1 - value.ndim
    return value.reshape((len(value), *(1,) * missing, *value.shape[1:])) if missing else value


def _jumps(value: Array) -> bool:
    """Whether an entry changes as much for a small fluctuation as for a large one, twice."""
    if len(value) == 1:
        return False
    above, below, little_above, little_below = value.reshape((len(MOVES), DRAWS, -1))
    change, little = np.abs(above - below), np.abs(little_above - little_below)
    alike = (little > SATURATED * change) & (change > SATURATED * little)
    return bool(((alike & (change > STEEP * MOVES[0])).sum(axis=0) >= SURE).any())


def _number(node: Node, numbers: Mapping[Node, Array | None]) -> Array | None:
    """Return the value of a scalar of a limit, at the defaults of params, where it is known."""
    match node:
        case Constant(value=value) | Parameter(default=value):
            return value
        case InitialScalar(limit=limit):
            return numbers[limit]
    parts = [numbers[part] for part in operands(node)]
    values = [part for part in parts if part is not None]
    is_product = isinstance(node, Elementwise) and node.function == "mul"
    if is_product and any(not value.any() for value in values):
        return np.zeros(node.shape)
    if node.coords or not parts or len(values) < len(parts):
        return None
    try:
        return np.asarray(operation(node)(*values))
    except ValueError:
        return None
