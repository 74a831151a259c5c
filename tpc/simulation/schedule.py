"""Program -> the order in which a finite run computes values, and when it may forget them.

Values with at most one coordinate (scalars, vectors, rows) are computed whole, one step each.
Values with several coordinates exist only inside a `Mean`, whose step computes them block by block
(`blocks.py`). Only what the outputs need is there.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeVar

from tpc.program.nodes import InitialVector, MatMul, Matrix, Mean, Node, operands
from tpc.program.program import Output, Program
from tpc.program.traversal import dependents, needed, walk

Item = TypeVar("Item", bound=Hashable)


@dataclass(frozen=True, slots=True)
class ScheduledStep:
    """One value to compute.

    Attributes:
        node: What to compute.
        outputs: The outputs to measure on it at once.
        dead: Values without a later use.
        dead_matrices: Matrices without a later use.
    """

    node: Node
    outputs: tuple[Output, ...]
    dead: tuple[Node, ...]
    dead_matrices: tuple[Matrix, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The steps of a run.

    Attributes:
        steps: In order.
        bodies: For each mean over something with several coordinates, the values with several
            coordinates that it is made of, in order.
        matrices: Those that the steps multiply by: how many vectors W multiplies, and W.T.
        certain: Names of the outputs in which nothing is random.
    """

    steps: tuple[ScheduledStep, ...]
    bodies: dict[Mean, tuple[Node, ...]]
    matrices: dict[Matrix, tuple[int, int]]
    certain: frozenset[str]


def schedule_program(program: Program) -> Schedule:
    """Plan a run: what to compute, in which order, and when each value dies."""
    nodes = needed(program.nodes, [output.node for output in program.outputs])
    bodies, inputs = collect_bodies(nodes)
    whole = [node for node in nodes if not is_wide(node)]
    dead = last_uses((node, *inputs.get(node, operands(node))) for node in whole)
    dead_matrices = last_uses([node.matrix] if isinstance(node, MatMul) else [] for node in whole)
    measured: dict[Node, list[Output]] = {}
    for output in program.outputs:
        measured.setdefault(output.node, []).append(output)
    steps = tuple(
        ScheduledStep(node, tuple(measured.get(node, ())), gone, products)
        for node, gone, products in zip(whole, dead, dead_matrices, strict=True)
    )
    return Schedule(steps, bodies, products_of(whole), _certain(program, nodes))


def last_uses(uses: Iterable[Iterable[Item]]) -> list[tuple[Item, ...]]:
    """Return for each step, given by what it uses, what none uses after it."""
    steps = [tuple(items) for items in uses]
    last = {item: at for at, items in enumerate(steps) for item in items}
    return [tuple(i for i in dict.fromkeys(own) if last[i] == at) for at, own in enumerate(steps)]


def products_of(nodes: Iterable[Node]) -> dict[Matrix, tuple[int, int]]:
    """Return how many vectors every matrix, and its transpose, multiplies."""
    found: dict[Matrix, tuple[int, int]] = {}
    for node in nodes:
        if isinstance(node, MatMul):
            straight, turned = found.get(node.matrix, (0, 0))
            count = prod(node.shape)
            more = (straight, turned + count) if node.transposed else (straight + count, turned)
            found[node.matrix] = more
    return found


def is_wide(node: Node) -> bool:
    """Whether a value has several coordinates, so that it is never held whole."""
    return len(node.coords) > 1


def collect_bodies(
    nodes: Sequence[Node],
) -> tuple[dict[Mean, tuple[Node, ...]], dict[Node, tuple[Node, ...]]]:
    """Return the body of each mean over several coordinates, and the whole values it reads."""
    rank = {node: index for index, node in enumerate(nodes)}
    bodies: dict[Mean, tuple[Node, ...]] = {}
    inputs: dict[Node, tuple[Node, ...]] = {}
    for mean in nodes:
        if not isinstance(mean, Mean) or not is_wide(mean.operand):
            continue

        def below(node: Node) -> tuple[Node, ...]:
            # A mean inside has its own body.
            return inputs.get(node, operands(node)) if is_wide(node) else ()

        body = sorted(walk((mean.operand,), below), key=rank.__getitem__)
        bodies[mean] = tuple(node for node in body if is_wide(node))
        inputs[mean] = tuple(node for node in body if not is_wide(node))
    return bodies, inputs


def _certain(program: Program, nodes: Sequence[Node]) -> frozenset[str]:
    random = dependents(nodes, lambda node: isinstance(node, InitialVector | MatMul))
    return frozenset(output.name for output in program.outputs if output.node not in random)
