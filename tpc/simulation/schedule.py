"""Program -> the order in which a finite run computes values, and when it may forget them.

Values with at most one coordinate (scalars, vectors, rows) are computed whole, one step each.
Values with several coordinates exist only inside a `Mean`, whose step computes them block by block
(`blocks.py`). Only what the outputs need is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from tpc.program.nodes import InitialVector, MatMul, Matrix, Mean, Node, operands
from tpc.program.program import Output, Program
from tpc.program.traversal import dependents, needed, walk


@dataclass(frozen=True, slots=True)
class Step:
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

    steps: tuple[Step, ...]
    bodies: dict[Mean, tuple[Node, ...]]
    matrices: dict[Matrix, tuple[int, int]]
    certain: frozenset[str]


def schedule_program(program: Program) -> Schedule:
    """Plan a run: what to compute, in which order, and when each value dies."""
    nodes = needed(program.nodes, [output.node for output in program.outputs])
    bodies, inputs = collect_bodies(nodes)
    whole = [node for node in nodes if not is_wide(node)]
    last_use: dict[Node, int] = {}
    last_product: dict[Matrix, int] = {}
    columns: dict[Matrix, tuple[int, int]] = {}
    for index, node in enumerate(whole):
        last_use[node] = index
        for operand in inputs.get(node, operands(node)):
            last_use[operand] = index
        if isinstance(node, MatMul):
            last_product[node.matrix] = index
            straight, turned = columns.get(node.matrix, (0, 0))
            count = prod(node.shape)
            columns[node.matrix] = (
                (straight, turned + count) if node.transposed else (straight + count, turned)
            )
    dead: list[list[Node]] = [[] for _ in whole]
    for node, index in last_use.items():
        dead[index].append(node)
    dead_matrices: list[list[Matrix]] = [[] for _ in whole]
    for matrix, index in last_product.items():
        dead_matrices[index].append(matrix)
    measured: dict[Node, list[Output]] = {}
    for output in program.outputs:
        measured.setdefault(output.node, []).append(output)
    steps = tuple(
        Step(node, tuple(measured.get(node, ())), tuple(gone), tuple(products))
        for node, gone, products in zip(whole, dead, dead_matrices, strict=True)
    )
    return Schedule(steps, bodies, columns, _certain(program, nodes))


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
