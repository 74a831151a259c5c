"""How large the formula of a node is, and whether it gets a local name because of it."""

from collections import Counter
from collections.abc import Callable

from tpc.gaussian.written import size, written
from tpc.limit.equations import HatEquation, Limit
from tpc.limit.limit_nodes import ClosedForm, Hat, HermiteSeries, Integral, SteinBra, SteinDot
from tpc.program.nodes import InitialVector, Node, Row, operands
from tpc.program.traversal import fold, walk

LARGEST = 40
"""An unnamed subexpression with more nodes gets a local name."""

WORTH_A_NAME = 6
"""With so many nodes it gets one where it occurs more than once."""

WORTH_A_PRODUCT = 3
"""With so many nodes it gets one where a matrix multiplies it."""

LARGEST_FORM = 60
"""A closed form with more names, numbers and functions stays the expectation that it is."""


def is_long(node: ClosedForm) -> bool:
    """Whether a closed form is too long to print."""
    return size(written(node.expression)) > LARGEST_FORM


def shown(integral: Integral) -> Node:
    """Return what an integral is printed as: one series of two functions, or else an average."""
    value = integral.value
    pair = isinstance(value, HermiteSeries) and value.right is not None
    return value if pair else integral.average


class Weights:
    """Counts the nodes of the formulas of one limit."""

    def __init__(self, limit: Limit, is_named: Callable[[Node], bool]) -> None:
        """Take what says whether a node stands by a name."""
        hats = [e.node for e in limit.equations if isinstance(e, HatEquation)]
        self._multiplied = {hat.operand for hat in hats}
        self._uses = _count_uses(limit, hats)
        self._is_named = is_named
        self._weights: dict[Node, int] = {}

    def weigh(self, root: Node) -> None:
        """Count the nodes of every expression below a node, up to names."""

        def rule(node: Node, _: dict[Node, int]) -> int:
            return sum(map(self._weight, _printed(node))) + _own_weight(node)

        fold((root,), rule, _printed, self._weights)

    def _weight(self, node: Node) -> int:
        """Return how much a node adds to a formula: 1 where it stands by a name."""
        return 1 if self.is_cut(node) or self._is_named(node) else self._weights[node]

    def is_cut(self, node: Node) -> bool:
        """Whether an unnamed expression is too large to print, or to print twice."""
        if isinstance(node, Row):
            return False
        if node not in self._weights:
            self.weigh(node)
        weight = self._weights[node]
        repeated = weight >= WORTH_A_NAME and self._uses[node] > 1
        multiplied = weight >= WORTH_A_PRODUCT and node in self._multiplied
        return weight > LARGEST or repeated or multiplied


def _own_weight(node: Node) -> int:
    if isinstance(node, ClosedForm) and not is_long(node):
        return size(written(node.expression))
    if isinstance(node, HermiteSeries):
        return sum(size(written(f)) for f in (node.left, node.right) if f is not None)
    return 0 if isinstance(node, Row) else 1


def _count_uses(limit: Limit, hats: list[Hat]) -> Counter[Node]:
    """Count how often each node is an operand in what is printed."""
    uses: Counter[Node] = Counter()
    roots = [equation.node for equation in limit.equations]
    roots += [node for output in limit.outputs for _, node in output.parts]
    roots += [part for hat in hats for part in operands(hat)]
    for node in walk(roots, _printed):
        uses.update(_printed(node))
    return uses


def _printed(node: Node) -> tuple[Node, ...]:
    """Return the operands that a node is written with."""
    if isinstance(node, Integral):
        return (shown(node),)
    own = isinstance(node, Hat | SteinBra | SteinDot | InitialVector | ClosedForm | HermiteSeries)
    return () if own else operands(node)
