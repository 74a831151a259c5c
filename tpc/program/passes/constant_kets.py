"""Initial vectors whose entries are all alike, such as gains that start at 1, are numbers.

c * x, f(c, x)  with the number c        avg(c) = c        <c|x> = c avg(x)
"""

import numpy as np

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Node, operands
from tpc.program.passes.rebuild import rebuild
from tpc.program.program import Program
from tpc.program.reapply import reapply


def constant_kets(program: Program) -> Program:
    """Return the program with numbers in place of vectors without variance."""
    if not any(map(_is_constant, program.nodes)):
        return program
    b = Builder()
    numbers: dict[Node, Node] = {}
    images: dict[Node, Node] = {}

    def rule(node: Node, copied: Node) -> Node:
        images[node] = made = _image(b, node, copied, images, numbers)
        return made

    return rebuild(program, b, rule)


def _image(
    b: Builder, node: Node, copied: Node, images: dict[Node, Node], numbers: dict[Node, Node]
) -> Node:
    """Return the image of a node, and note which number its entries are, if they are one."""
    parts = operands(node)
    match node:
        case op.InitialVector(mean=mean) if _is_constant(node):
            zero = b.constant(np.zeros(node.shape))
            numbers[node] = zero if mean is None else images[mean]
        case op.Mean(operand=x, over=(coordinate,)) if coordinate == FREE and x in numbers:
            return numbers[x]
        case op.Inner(left=x, right=y) if x in numbers or y in numbers:
            left, right = (numbers.get(z) or b.mean(images[z]) for z in (x, y))
            rank = len(x.shape)
            return b.mul(b.expand(left, tuple(range(rank, rank + len(y.shape)))), right)
        case op.MatMul() | op.Mean() | op.Row() | op.Exchange():
            pass
        case _ if any(part in numbers for part in parts) and node.coords:
            known = [numbers.get(part, images[part]) for part in parts]
            found = reapply(b, node, known)
            if found.coords != node.coords:
                numbers[node] = found
                return copied
            return found
    return copied


def _is_constant(node: Node) -> bool:
    if not isinstance(node, op.InitialVector) or node.coords[0][0] != FREE:
        return False
    return isinstance(node.covariance, op.Constant) and not node.covariance.value.any()
