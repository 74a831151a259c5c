"""What the names of a network mean in `track`: the values for all rows of the data at once.

    |x> of shape k  ->  a placeholder of shape (M,) + k, over data rows, then test rows

What does not depend on the input, or is averaged over all of them, has no axis of rows; statics and
params are what they were.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from tpc.program.checking.context import Context
from tpc.program.checking.values import Definition, Entity, Family
from tpc.program.nodes import BatchMean, InitialScalar, Node, Placeholder, operands
from tpc.syntax import tree


@dataclass(slots=True)
class BatchView:
    """Turns the values of a network for one input into those for M inputs.

    Attributes:
        rows: The number M of data and test rows.
        dependent: The nodes that depend on the input.
        parametric: The nodes that are made of statics and params.
        stand_ins: The placeholders so far, by what they stand for.
        originals: The other way round.
    """

    rows: int
    dependent: frozenset[Node]
    parametric: frozenset[Node]
    stand_ins: dict[Node, Placeholder] = field(default_factory=dict)
    originals: dict[Placeholder, Node] = field(default_factory=dict)
    _known: dict[Family | Definition, Family | Definition] = field(default_factory=dict)

    def context(self, ctx: Context, at: tree.Expression) -> Context:
        """Return where an expression in the names of batches is evaluated."""
        names = dict(ctx.names)
        for part in tree.walk(at):
            if isinstance(part, tree.Name) and part.id in ctx.names:
                names[part.id] = self._entity(ctx, part.id, ctx.names[part.id])
        shop = replace(ctx.shop, batch_mean=None, inlined={})
        return replace(ctx, shop=shop, names=names)

    def _entity(self, ctx: Context, name: str, entity: Entity) -> Entity:
        """Return what an entity means for all rows; in a `train` block none changes any more."""
        match entity:
            case Node():
                return self._stand_in(ctx, name, entity)
            case Family() | Definition():
                if entity not in self._known:
                    self._known[entity] = self._of_parts(ctx, name, entity)
                return self._known[entity]
            case _:
                return entity

    def _of_parts(
        self, ctx: Context, name: str, entity: Family | Definition
    ) -> Family | Definition:
        if isinstance(entity, Definition):
            sees = {inner: self._entity(ctx, inner, seen) for inner, seen in entity.sees.items()}
            return replace(entity, sees=sees)
        members = {
            keys: self._stand_in(ctx, name, value) if isinstance(value, Node) else value
            for keys, value in entity.members.items()
        }
        return replace(entity, members=members)

    def _stand_in(self, ctx: Context, name: str, node: Node) -> Node:
        if node in self.parametric:
            return node
        if node not in self.stand_ins:
            shape = (self.rows, *node.shape) if node in self.dependent else node.shape
            label = f"{name} {len(self.stand_ins)}"
            made = ctx.building(node.span).make(Placeholder, node.coords, shape, label)
            assert isinstance(made, Placeholder)
            self.stand_ins[node] = made
            self.originals[made] = node
        return self.stand_ins[node]


def batch_view(
    nodes: list[Node], given: Placeholder, noises: Iterable[Node], rows: int
) -> BatchView:
    """Return the view of a network's batches.

    Args:
        nodes: Its graph in topological order.
        given: The input.
        noises: What differs from row to row as well.
        rows: The number of data and test rows.
    """
    dependent: set[Node] = {given, *noises}
    parametric: set[Node] = set()
    for node in nodes:
        below = operands(node)
        if any(operand in dependent for operand in below) and not isinstance(node, BatchMean):
            dependent.add(node)
        is_made_of = not (node.coords or isinstance(node, InitialScalar | Placeholder))
        if is_made_of and parametric.issuperset(below):
            parametric.add(node)
    return BatchView(rows, frozenset(dependent), frozenset(parametric))
