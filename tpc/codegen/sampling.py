"""What decides how outputs can be computed: sampled expectations, and kinks inside of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

from tpc.codegen.sides import grouped_sides
from tpc.codegen.writing_order import drawn_nodes, needs_of
from tpc.functions import FUNCTIONS, Regularity
from tpc.limit.equations import HatEquation, InitialKet, Limit, RoundsEquation
from tpc.limit.limit_nodes import Hat, Integral, SteinBra, SteinDot
from tpc.program.nodes import Elementwise, InitialVector, Inner, Mean, Node, Reduce, operands
from tpc.program.region import Collected, Region
from tpc.program.traversal import fold, walk


@dataclass(frozen=True, slots=True)
class Sampling:
    """What the nodes are needed for.

    Attributes:
        gaussians: How many independent standard normals are drawn, at most.
        sampled: Outputs that need expectations without a closed form, with the first of these.
        rough: Outputs that need expectations of functions with kinks, with one of these.
        unbounded: Outputs that need expectations of infinite variance, with one of these.
        jumps: Outputs that need expectations of functions with jumps, with one of these.
        each_round: How many of the normals each round of a loop draws.
    """

    gaussians: int
    sampled: dict[str, str]
    rough: dict[str, str]
    unbounded: dict[str, str] = field(default_factory=dict)
    jumps: dict[str, str] = field(default_factory=dict)
    each_round: int = 0


def find_sampling(limit: Limit, spell: Callable[[Node], str]) -> Sampling:
    """Look through what the outputs of a limit need.

    Args:
        limit: The limit.
        spell: Prints a node; the first line of it is taken.
    """
    if limit.rounds is not None and limit.rounds.node.body.has_kets:
        return _sampling_of_rounds(limit, limit.rounds, spell)
    grouped = grouped_sides(limit)
    drawn = [n for n in drawn_nodes(limit) if isinstance(n, InitialVector | Hat)]

    def needs(node: Node) -> tuple[Node, ...]:
        if isinstance(node, Region):
            return (*needs_of(node, grouped), *node.body.results)
        return operands(node) if isinstance(node, Mean) else needs_of(node, grouped)

    def needs_on_grids(node: Node) -> tuple[Node, ...]:
        return (node.value,) if isinstance(node, Integral) else needs(node)

    roots = [node for output in limit.outputs for _, node in output.parts]
    found: list[dict[str, str]] = []
    unbounded = limit.unbounded.__contains__
    kinds = (
        (_is_sampled, needs), (_is_kinked, needs_on_grids), (unbounded, needs), (_jumps, needs)
    )  # fmt: skip
    for is_one, needed in kinds:
        first = _first_in(roots, needed, is_one)
        culprits: dict[str, str] = {}
        for output in limit.outputs:
            for _, node in output.parts:
                culprit = first[node]
                if culprit is not None and output.name not in culprits:
                    culprits[output.name] = spell(culprit).split("\n")[0]
        found.append(culprits)
    sampled, rough, infinite, jumps = found
    return Sampling(sum(prod(node.shape) for node in drawn), sampled, rough, infinite, jumps)


def _sampling_of_rounds(
    limit: Limit, rounds: RoundsEquation, spell: Callable[[Node], str]
) -> Sampling:
    """Return the same for a region: every round draws, and all outputs need its averages."""
    drawn = [prod(n.shape) for n in drawn_nodes(limit) if isinstance(n, InitialVector | Hat)]
    each = sum(
        prod(equation.node.shape)
        for equation in limit.equations[rounds.first : rounds.last]
        if isinstance(equation, HatEquation | InitialKet)
    )
    collected = rounds.node.body.collected
    said: dict[str, str] = {}
    for output in limit.outputs:
        for _, node in output.parts:
            seen = collected[node.position] if isinstance(node, Collected) else node
            said.setdefault(output.name, spell(seen).split("\n")[0])
    culprits = sorted(spell(node).split("\n")[0] for node in limit.unbounded)
    infinite = dict.fromkeys(said, culprits[0]) if culprits else {}
    jumps = said if any(map(_jumps, walk(collected, operands))) else {}
    every = sum(drawn) + each * rounds.node.body.rounds
    return Sampling(every, said, said, infinite, jumps, each)


def _first_in(
    roots: list[Node], needs: Callable[[Node], tuple[Node, ...]], is_one: Callable[[Node], bool]
) -> dict[Node, Node | None]:
    """Return for nodes the first one of a kind among all that they need."""

    def first(node: Node, known: dict[Node, Node | None]) -> Node | None:
        own = node if is_one(node) else None
        return next((known[other] for other in needs(node) if known[other] is not None), own)

    return fold(roots, first, needs)


def _is_sampled(node: Node) -> bool:
    return isinstance(node, Mean | Inner | SteinBra | SteinDot)


def _jumps(node: Node) -> bool:
    """Whether a ket is a function with a jump of a ket."""
    if node.is_scalar or not isinstance(node, Elementwise):
        return False
    return FUNCTIONS[node.function].regularity is Regularity.JUMP


def _is_kinked(node: Node) -> bool:
    """Whether a ket is a function with a kink of a ket."""
    if node.is_scalar:
        return False
    match node:
        case Elementwise(function=function):
            return FUNCTIONS[function].has_kinks
        case Reduce(reduction=reduction):
            return reduction == "amax"
        case _:
            return False
