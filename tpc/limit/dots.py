"""The terms |y> <nabla_{W.T y}|x> of a dot, from a Jacobian.

Reference:
    Tensor Programs IVb, Definition 2.6.5, Dot, equation (2.19).
"""

import numpy as np

from tpc.limit.equations import DotTerm
from tpc.limit.jacobian import Free, JacobianTerm, Pinned, Tied
from tpc.limit.limit_nodes import Hat
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Constant, Node


def derivative_term(b: Builder, hat: Hat, ket: Node, x: Node, term: JacobianTerm) -> DotTerm:
    """Contract |y> with E of one term of d|x> / d hat(W.T y) over all axes of the hat.

    An axis of y that is pinned is read at its index, one that is tied lies along the axis of x
    that it is tied to, one that is free is summed.
    """
    pinned = tuple(slot.index if isinstance(slot, Pinned) else None for slot in term.layout)
    rest = [slot for slot in term.layout if not isinstance(slot, Pinned)]
    free = [axis for axis, slot in enumerate(rest) if isinstance(slot, Free)]
    ties = {slot.axis: axis for axis, slot in enumerate(rest) if isinstance(slot, Tied)}
    value = term.value
    if value.shape == () and len(ties) < len(x.shape):
        value = b.mul(b.constant(np.ones(x.shape)), value)
    bra = b.mean(value) if FREE in dict(value.coords) else value
    # Free axes lead, the tied ones follow in the order of the axes of x.
    order = free + [ties[axis] for axis in sorted(ties)]
    column = b.permute(b.take(ket, pinned), tuple(order))
    if free and not ties:
        return DotTerm(hat, ket, bra, b.contract(column, bra, len(free)))
    missing = tuple(len(free) + axis for axis in range(len(x.shape)) if axis not in ties)
    column = b.expand(column, missing)
    product = b.mul(bra, column) if isinstance(bra, Constant) else b.mul(column, bra)
    node = b.reduce("sum", product, tuple(range(len(free)))) if free else product
    return DotTerm(hat, ket, bra, node)
