"""Finds the round of a loop over a depth: what goes from round to round, and what each draws anew.

Of the rounds that are written out two are laid over each other, node by node. They are one round if
they are made alike, but for the state before them and for the weights that each has drawn.
"""

from dataclasses import dataclass

import numpy as np

from tpc.depth.stages import Stage, adds_to_state, stage
from tpc.diagnostics import Fault, ProgramError, Span
from tpc.diagnostics.depth_faults import NotByPairs, RoundsDiffer, RoundsReachBack, TiedInDepth
from tpc.network.network import DepthLoop, Network, Weight
from tpc.program import nodes as op
from tpc.program.nodes import Matrix, Node, operands, own_values
from tpc.program.traversal import toposort, walk


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """A network around the loop over its depth.

    Attributes:
        state: The name of the family that goes from round to round.
        loop: The loop.
        tied: Whether rounds share their weights; else each draws its own.
        before: What stands before it.
        inside: A round.
        behind: What follows.
        read: After which part of the rounds it follows, 1 but for `x[L / 2]`.
    """

    state: str
    loop: DepthLoop
    tied: bool
    before: Stage
    inside: Stage
    behind: Stage
    read: float = 1.0


def parts_of(network: Network) -> Parts:
    """Return the stages of a network with one loop over an infinite depth.

    Raises:
        ProgramError: Rounds differ (TP506), reach back (TP507) or share weights (TP508).
    """
    assert network.depth is not None

    def refuse(fault: Fault, span: Span) -> ProgramError:
        return ProgramError.of(network, (fault, span))

    (loop, *more) = network.depth.loops
    if network.couples_inputs or network.noises:
        what = "`batchmean`" if network.couples_inputs else "noise"
        raise refuse(NotByPairs(network.depth.name, what), loop.span)
    if more:
        raise refuse(RoundsReachBack("this loop over a depth, the second one,"), more[0].span)
    for name in loop.bound[-1]:
        rounds = [bound[name] for bound in loop.bound if name in bound]
        if len(rounds) < len(loop.bound):
            continue
        first, second, third = rounds[0], rounds[1], rounds[2]
        overlay, start = _Overlay(network, second), _Overlay(network, first)
        if not overlay.lay(third, second) or overlay.state is not first:
            continue
        if not start.lay(second, first) or start.state is None:
            raise refuse(RoundsDiffer(network.depth.name), loop.span)
        inside = stage(network, second, third)
        last = _round_read(network, rounds)
        found = Parts(
            name,
            loop,
            bool(overlay.tied),
            stage(network, None, start.state),
            inside,
            stage(network, rounds[last], network.readout.node),
            (last + 1) / len(rounds),
        )
        _check_tied(network, found, overlay.tied)
        _check_apart(network, found)
        return found
    reaches = any(_reaches_back(loop, name) for name in loop.bound[-1])
    if reaches:
        raise refuse(RoundsReachBack("a round"), loop.span)
    raise refuse(RoundsDiffer(network.depth.name), loop.span)


def _round_read(network: Network, rounds: list[Node]) -> int:
    """Return the round whose state the readout is made of.

    Raises:
        ProgramError: TP507, there are several, or one by its number.
    """
    members = {node: number for number, node in enumerate(rounds)}
    nodes = walk([network.readout.node], lambda node: () if node in members else operands(node))
    found = {members[node] for node in nodes if node in members}
    assert network.depth is not None
    by_depth = {members[node] for node in network.depth.read if node in members}
    if len(found) != 1 or not found <= by_depth | {len(rounds) - 1}:
        raise ProgramError.of(network, (RoundsReachBack("the readout"), network.readout.span))
    return found.pop()


def _reaches_back(loop: DepthLoop, name: str) -> bool:
    """Whether a member of a family is made of others than those of the round before it."""
    if any(name not in bound for bound in loop.bound):
        return False
    before = set(loop.bound[1].values())
    older = set(loop.bound[0].values())
    last = loop.bound[2][name]
    found = set(walk([last], lambda node: () if node in before else operands(node)))
    return bool(found & older) or len(found & before) > 1


def _check_tied(network: Network, parts: Parts, tied: set[str]) -> None:
    """Refuse rounds of which some weights are drawn anew, and those that go back and forth."""
    names = {weight.name for weight in parts.inside.weights}
    products = [
        node for node in toposort([parts.inside.after], operands) if isinstance(node, op.MatMul)
    ]
    back = {node.matrix.name for node in products if node.transposed}
    forth = {node.matrix.name for node in products if not node.transposed}
    twice = {f"both `{name}` and `{name}.T`, tied" for name in tied & back & forth}
    mixed = tied - names or (tied if tied != names else set())
    wrong = twice or {f"`{name}` is tied" for name in mixed}
    if tied and not adds_to_state(parts.inside):
        wrong = wrong or {f"`{min(tied)}` is tied, and `{parts.state}` is more than added to"}
    if wrong:
        raise ProgramError.of(network, (TiedInDepth(min(wrong)), parts.loop.span))


def _check_apart(network: Network, parts: Parts) -> None:
    """Refuse weights that two stages share."""
    assert network.depth is not None
    named = [{w.name for w in one.weights} for one in (parts.before, parts.inside, parts.behind)]
    for shared in (named[0] & named[1], named[0] & named[2], named[1] & named[2]):
        if shared:
            raise ProgramError.of(
                network, (TiedInDepth(f"`{min(shared)}` is tied"), parts.loop.span)
            )
    last = parts.loop.bound[-1][parts.state]
    drawn = {w.name for w in stage(network, None, last).weights} - named[0]
    if drawn & named[2]:
        raise ProgramError.of(network, (RoundsReachBack("the readout"), network.readout.span))


class _Overlay:
    """Two rounds, one laid over the other.

    Attributes:
        state: What stands in the place of the state in the earlier one.
        tied: The weights that both have.
    """

    def __init__(self, network: Network, later: Node) -> None:
        self._weights = {weight.leaf: weight for weight in network.weights}
        self._later = later
        self.state: Node | None = None
        self.tied: set[str] = set()

    def lay(self, one: Node, other: Node) -> bool:
        """Return whether both are made alike, from the states before them."""
        waiting, seen = [(one, other)], set()
        while waiting:
            pair = waiting.pop()
            if pair in seen:
                continue
            seen.add(pair)
            x, y = pair
            if x is self._later:
                if self.state is not None and self.state is not y:
                    return False
                self.state = y
                continue
            if not self._alike(x, y):
                return False
            waiting += [*zip(operands(x), operands(y), strict=True), *self._options(x, y)]
        return self.state is not None

    def _weight(self, node: Node) -> Weight | None:
        match node:
            case op.MatMul(matrix=leaf):
                return self._weights.get(leaf)
            case op.InitialVector() | op.InitialScalar():
                return self._weights.get(node)
            case _:
                return None

    def _options(self, x: Node, y: Node) -> list[tuple[Node, Node]]:
        """Return the learning rates of two weights."""
        one, other = self._weight(x), self._weight(y)
        return [] if one is None or other is None else [(one.lr, other.lr)]

    def _alike(self, x: Node, y: Node) -> bool:
        """Whether two nodes do the same with their operands."""
        if type(x) is not type(y) or (x.coords, x.shape) != (y.coords, y.shape):
            return False
        match x:
            case op.InitialVector(name=name) | op.InitialScalar(name=name):
                if x is y:
                    self.tied.add(name)
                laws = [getattr(node, "ensemble", None) for node in (x, y)]
                return laws[0] == laws[1] and len(operands(x)) == len(operands(y))
            case op.MatMul(matrix=matrix) if isinstance(y, op.MatMul):
                if matrix is y.matrix:
                    self.tied.add(matrix.name)
                return (x.transposed, matrix.ensemble, matrix.columns, matrix.rows) == (
                    y.transposed, y.matrix.ensemble, y.matrix.columns, y.matrix.rows
                ) and len(operands(x)) == len(operands(y))  # fmt: skip
            case op.Constant(value=value) if isinstance(y, op.Constant):
                return np.array_equal(value, y.value)
        own, others = (
            [value for value in own_values(node) if not _holds_node(value)] for node in (x, y)
        )
        return own == others and len(operands(x)) == len(operands(y))


def _holds_node(value: object) -> bool:
    if isinstance(value, tuple):
        return any(map(_holds_node, value))
    return isinstance(value, Node | Matrix)
