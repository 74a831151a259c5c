"""Moves slots of a nonlinearity: a value at a bound coordinate, as one at the free coordinate.

In the body of y_i = (1/n) sum over j of psi(x_i; x_j) the two coordinates trade places, so that
what stands at j becomes a vector:

    g_j = (1/n) sum over i of dy_i psi'(x_i; x_j)      is the vector
    g_i = (1/n) sum over j of dy_j psi'(x_j; x_i).
"""

from tpc.network.order import topological_order
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Mean, Node, Row, operands, with_operands


def moved_to_free(b: Builder, node: Node, coordinate: str) -> Node:
    """Return a value with the free coordinate and a bound one exchanged.

    Args:
        b: Makes the nodes.
        node: A value without the free coordinate.
        coordinate: The bound coordinate, which becomes the free one.
    """
    swap = {FREE: coordinate, coordinate: FREE}

    def inside(value: Node) -> tuple[Node, ...]:
        """Return the operands in which there is something to exchange."""
        if value.is_scalar or value.is_vector or isinstance(value, Row):
            return ()
        return operands(value)

    images: dict[Node, Node] = {}
    for value in topological_order((node,), inside):
        coords = tuple(sorted((swap.get(name, name), dim) for name, dim in value.coords))
        match value:
            case Node() if value.is_scalar:
                image = value
            case Node() if value.is_vector:
                image = b.row(value, coordinate)
            case Row(operand=vector, coordinate=at):
                image = vector if at == coordinate else value
            case Mean(operand=body, over=over):
                image = b.mean(images[body], tuple(swap.get(name, name) for name in over))
            case _:
                own = with_operands(value, images, {})
                image = b.make(type(value), coords, value.shape, *own)
        images[value] = image
    return images[node]
