"""One operation -> its formula, given the formulas of its operands."""

from tpc.limit.limit_nodes import Diagonal
from tpc.program import nodes as op
from tpc.program.builder import broadcast
from tpc.program.nodes import Node
from tpc.report import formula as expr
from tpc.report.constants import is_uniform, number
from tpc.report.formula import Formula, add, divide, multiply, negate, scale, subtract


def write_operation(node: Node, operands: tuple[Formula, ...]) -> Formula:
    """Write an operation on constant axes, or an elementwise function.

    Args:
        node: The operation.
        operands: The formulas of its operands, in their order.
    """
    match node:
        case op.Elementwise():
            entries = zip(node.operands, operands, strict=True)
            return _elementwise(node, tuple(_entry(node, part, x) for part, x in entries))
        case op.Contract():
            return _contract(node, *operands)
        case op.Take(keys=keys):
            return expr.Indexed(operands[0], tuple(":" if key is None else key for key in keys))
        case Diagonal(labels=labels):
            if labels == (0, 0):
                return expr.Call("diag", operands)
            letters = sorted(set(labels))
            return expr.Indexed(operands[0], tuple("ijklmnop"[letters.index(x)] for x in labels))
        case op.Expand(axes=axes):
            rank = len(node.shape)
            return expr.Indexed(
                operands[0], tuple("new" if i in axes else ":" for i in range(rank))
            )
        case op.Permute(order=order):
            rank = len(order)
            if order == (*range(rank - 2), rank - 1, rank - 2):
                return expr.Raised(operands[0], "T")
            return expr.Call("transpose", operands, "axes", order)
        case op.Reduce(reduction=reduction, operand=operand, axes=axes):
            if len(axes) == len(operand.shape):
                return expr.Call(reduction, operands)
            return expr.Call(reduction, operands, "axis", axes)
        case op.Softmax():
            return expr.Call("softmax", operands)
        case op.Stack():
            return expr.Call("stack", operands)
        case op.LinearAlgebra(function="inv"):
            return expr.Raised(operands[0], "-1")
        case op.LinearAlgebra(function=function) | op.Spectral(function=function):
            return expr.Call(function, operands)
        case _:
            raise AssertionError(f"{node!r} is no operation of a limit")


def outer_factors(node: Node) -> tuple[Node, Node] | None:
    """Return x and y of a product x[:, None] * y, which is their outer product."""
    match node:
        case op.Elementwise(function="mul", operands=(first, second)):
            for x, y in ((first, second), (second, first)):
                if isinstance(x, op.Expand) and y.shape:
                    rank = len(x.operand.shape)
                    if x.axes == tuple(range(rank, rank + len(y.shape))):
                        return x.operand, y
    return None


def _entry(node: op.Elementwise, part: Node, formula: Formula) -> Formula:
    """Return an operand: an array of one number is that number if no shape is lost."""
    others = tuple(other for other in node.operands if other is not part)
    if not (isinstance(part, op.Constant) and is_uniform(part.value) and others):
        return formula
    return number(float(part.value.flat[0])) if broadcast(others) == node.shape else formula


def _elementwise(node: op.Elementwise, operands: tuple[Formula, ...]) -> Formula:
    match node.function, operands:
        case ("add" | "sub", (x, expr.Number(value=0.0))) | ("add", (expr.Number(value=0.0), x)):
            return x
        case "add", (x, y):
            return add(x, y)
        case "sub", (x, y):
            return subtract(x, y)
        case "neg", (x,):
            return negate(x)
        case "mul", (x, y):
            return _times(node, x, y)
        case "div", (x, y):
            return divide(x, y)
        case "pow", (x, y):
            return expr.Power(x, y)
        case "square", (x,):
            return expr.Power(x, expr.Number(2))
        case "equal", (x, y):
            return expr.Indicator(x, y)
        case function, _:
            return expr.Call(function, operands)


def _times(node: op.Elementwise, x: Formula, y: Formula) -> Formula:
    """Return x * y, which says by its sign how the constant axes go together."""
    left, right = node.operands
    if not left.shape or isinstance(x, expr.Number):
        return scale(x, y)
    if not right.shape or isinstance(y, expr.Number):
        whole = isinstance(x, expr.Product) and x.kind != "times"
        return scale(y, x) if whole else multiply("times", x, y)
    return multiply("entrywise", x, y)


def _contract(node: op.Contract, left: Formula, right: Formula) -> Formula:
    if len(node.left.shape) == len(node.right.shape) == node.axes:
        return multiply("dot", left, right)
    if node.axes == 1:
        return multiply("contract", left, right)
    return expr.Contraction(left, right, node.axes)
