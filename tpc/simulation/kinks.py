"""Program -> the outputs that may approach their limit as n^(-1/2) and not as 1/n.

Scalars fluctuate by n^(-1/2) round their limits. A smooth function of them has an expectation that
is off by 1/n, since the first order averages out; a function with a kink, a jump or a pole where
the scalar's limit is, has not: E |avg(x)| = sqrt(2 / (pi n)) where E x = 0. So an output is rough
where such a function is applied to something that a random scalar takes part in, on the way from
the scalar without an average or a product with a matrix between.
"""

from tpc.functions import FUNCTIONS, Regularity
from tpc.program import nodes as op
from tpc.program.nodes import Node, operands
from tpc.program.program import Program


def rough_outputs(program: Program) -> frozenset[str]:
    """Return the names of the outputs that may be off by n^(-1/2)."""
    random: set[Node] = set()
    touched: set[Node] = set()
    rough: set[Node] = set()
    for node in program.nodes:
        parts = operands(node)
        if isinstance(node, op.InitialVector | op.MatMul) or not random.isdisjoint(parts):
            random.add(node)
        is_average = isinstance(node, op.Mean | op.Inner)
        if (is_average and node in random and node.is_scalar) or (
            not (is_average or isinstance(node, op.MatMul)) and not touched.isdisjoint(parts)
        ):
            touched.add(node)
        kinked = node in touched and not is_average and _has_kinks(node)
        if kinked or not rough.isdisjoint(parts):
            rough.add(node)
    return frozenset(output.name for output in program.outputs if output.node in rough)


def _has_kinks(node: Node) -> bool:
    match node:
        case op.Elementwise(function=function):
            return FUNCTIONS[function].regularity is not Regularity.SMOOTH
        case op.Reduce(reduction=reduction):
            return reduction == "amax"
        case op.LinearAlgebra(function=function):
            return function in ("inv", "root")
        case _:
            return False
