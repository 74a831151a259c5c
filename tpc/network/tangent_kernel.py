"""Gradients of two inputs -> the neural tangent kernel, as a scalar of the total program.

The kernel adds up what each trained weight W contributes, with its learning rate lr:

    K(x, x') = sum over W of lr <J(W)|J'(W)>

Reference:
    Tensor Programs IVb, Definition 2.9.18 with Q the identity.
"""

from collections.abc import Sequence

from tpc.network.backpropagation import Gradients
from tpc.network.jacobians import Layout, overlap
from tpc.network.network import Weight
from tpc.program.builder import Builder
from tpc.program.nodes import InitialScalar, Node


def tangent_kernel(
    b: Builder, weights: Sequence[Weight], layout: Layout, x: Gradients, y: Gradients
) -> Node:
    """Return the kernel, with the axes of the outputs of x, then of those of y.

    Args:
        b: Makes the nodes.
        weights: The weights of the network; only trained matrices and vectors count.
        layout: That of both gradients.
        x: The gradients at the first inputs.
        y: Those at the second inputs.
    """
    total: Node = b.number(0)
    for weight in weights:
        if weight.trained and not isinstance(weight.leaf, InitialScalar):
            one, other = layout.jacobian(x, weight.leaf), layout.jacobian(y, weight.leaf)
            if one is not None and other is not None:
                total = b.add(total, b.mul(weight.lr, overlap(b, one, other, apart=True)))
    return total
