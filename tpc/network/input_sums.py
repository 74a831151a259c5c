"""Sums over the inputs, taken inside: gradients added up without an array for each input.

    sum over inputs of dh * xi   =   dh @ xi, one contraction over the inputs,

where dh has shape (M,) and xi shape (M, d): n x d numbers in place of n x M x d. The sum passes
through whatever is linear, as far as the first products of what depends on the input.
"""

from tpc.network.batching import Lowering
from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import Node, operands
from tpc.program.products import axes, contraction
from tpc.program.traversal import fold


def sum_over_inputs(b: Builder, lowering: Lowering, node: Node) -> Node:
    """Return the sum over all inputs of a node of a graph for one input, of the node's shape.

    Args:
        b: Makes the nodes.
        lowering: Of the graph.
        node: What to add up.
    """

    def passed(part: Node) -> tuple[Node, ...]:
        return _summed_operands(lowering, part) if lowering.depends(part) else ()

    def rule(part: Node, sums: dict[Node, Node]) -> Node:
        b.span = part.span
        return _sum(b, lowering, part, sums)

    return fold((node,), rule, passed)[node]


def _summed_operands(lowering: Lowering, node: Node) -> tuple[Node, ...]:
    """Return the operands whose sums make that of the node, which depends on the inputs."""
    match node:
        case op.Elementwise(function="add" | "sub" | "neg", operands=parts):
            return parts
        case op.Elementwise(function="mul", operands=(x, y)) | op.Contract(left=x, right=y):
            dependent = tuple(part for part in (x, y) if lowering.depends(part))
            return dependent if len(dependent) == 1 else ()
        case op.Elementwise(function="div", operands=(x, y)) if not lowering.depends(y):
            return (x,)
        case op.Reduce(reduction="sum", operand=x):
            return (x,)
        case op.Take(operand=x) | op.Permute(operand=x) | op.Expand(operand=x):
            return (x,)
        case op.Row(operand=x) | op.Mean(operand=x):
            return (x,)
        case _:
            return ()


def _sum(b: Builder, lowering: Lowering, node: Node, sums: dict[Node, Node]) -> Node:
    """Return the sum over inputs of a node, given those of `_summed_operands`."""
    if not lowering.depends(node):
        return b.mul(b.number(lowering.size), lowering.image(node))
    if summed := _summed_operands(lowering, node):
        # Linear in these: the same operation on their sums, and on what all inputs share.
        parts = {
            part: sums[part] if part in summed else lowering.image(part) for part in operands(node)
        }
        return Lowering(b, 1, {}, parts).image(node)
    match node:
        case op.Elementwise(function="mul", operands=(x, y)):
            kept = axes("own", len(node.shape))
            sides = (lowering.named(side, kept[len(kept) - len(side.shape) :]) for side in (x, y))
            return contraction(b, kept, *sides)
        case op.Contract(left=x, right=y, axes=count):
            outer, inner = axes("left", len(x.shape) - count), axes("inner", count)
            new = axes("right", len(y.shape) - count)
            left, right = lowering.named(x, outer + inner), lowering.named(y, inner + new)
            return contraction(b, outer + new, left, right)
        case _:
            return b.reduce("sum", lowering.image(node), (0,))
