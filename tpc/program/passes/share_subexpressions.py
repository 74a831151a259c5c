"""Share common subexpressions.

Input and output are programs. The builder shares equal operations on equal operands; this pass adds
what is equal by algebra alone, up to rounding:

    y + x = x + y,  likewise *, max, min           the order of the first occurrence stays
    x * x = x^2
    <y|x> = <x|y> = avg(x * y)                     without constant axes; <x * y|z> = <x|y * z>
    x[:, 0][1] = x[1, 0],  (x.T).T = x,  an index into a new axis undoes it
    constants folded,  1 * x = x,  0 + x = x,  --x = x
"""

from collections import Counter
from math import prod

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import FREE, Node, operands
from tpc.program.operations import Array, folded
from tpc.program.passes.rebuild import rebuild
from tpc.program.program import Program

_MAX_FACTORS = 8
"""Products of more factors are compared as they are written, to stay linear."""


def share_subexpressions(program: Program) -> Program:
    """Return the program with equal subexpressions computed once."""
    builder = Builder()
    return rebuild(program, builder, _Sharing(builder).rewrite)


class _Sharing:
    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._commuted: dict[tuple[str, frozenset[Node]], Node] = {}
        self._inner: dict[frozenset[tuple[Node, int]], Node] = {}

    def rewrite(self, _: Node, node: Node) -> Node:
        """Return the shared form of a node."""
        value = fold(node)
        if value is not None:
            return self._builder.constant(value)
        match node:
            case op.Elementwise():
                return self._elementwise(node)
            case op.Take(operand=op.Take() as inner):
                outer = iter(node.keys)
                keys = tuple(next(outer) if key is None else key for key in inner.keys)
                return self._builder.take(inner.operand, keys)
            case op.Take(operand=op.Expand() as inner):
                return self._take_of_expand(inner, node.keys)
            case op.Permute(operand=op.Permute() as inner):
                order = tuple(inner.order[axis] for axis in node.order)
                return self._builder.permute(inner.operand, order)
            case op.Mean(over=(coordinate,), shape=()) if coordinate == FREE:
                return self._average(node)
            case op.Inner(shape=(), left=left, right=right):
                return self._shared_inner(left, right)
            case _:
                return node

    def _elementwise(self, node: op.Elementwise) -> Node:
        b, function = self._builder, node.function
        match function, node.operands:
            case "mul", (x, y) if x is y:
                return b.apply("square", x)
            case "add" | "mul" | "max" | "min", (x, y):
                key = function, frozenset((x, y))
                if key not in self._commuted:
                    self._commuted[key] = b.apply(function, x, y)
                return self._commuted[key]
            case _:
                return b.apply(function, *node.operands)

    def _take_of_expand(self, inner: op.Expand, keys: tuple[int | None, ...]) -> Node:
        """Return x, indexed, with those new axes that the index leaves."""
        own = tuple(key for axis, key in enumerate(keys) if axis not in inner.axes)
        new = tuple(keys[:axis].count(None) for axis in inner.axes if keys[axis] is None)
        return self._builder.expand(self._builder.take(inner.operand, own), new)

    def _average(self, node: op.Mean) -> Node:
        match node.operand:
            case op.Elementwise(function="square", operands=(x,)):
                return self._shared_inner(x, x)
            case op.Elementwise(function="mul", operands=(x, y)) if x.is_vector and y.is_vector:
                return self._shared_inner(x, y)
            case _:
                return node

    def _shared_inner(self, left: Node, right: Node) -> Node:
        factors = frozenset(Counter([*_factors(left), *_factors(right)]).items())
        if factors not in self._inner:
            self._inner[factors] = self._builder.inner(left, right)
        return self._inner[factors]


def _factors(node: Node) -> list[Node]:
    """Return the factors of a product, with repetition; the node alone if there are too many."""
    done: list[Node] = []
    pending = [node]
    while pending:
        match pending.pop():
            case op.Elementwise(function="mul", operands=(x, y)):
                pending += [x, y]
            case op.Elementwise(function="square", operands=(x,)):
                pending += [x, x]
            case factor:
                done.append(factor)
        if len(done) + len(pending) > _MAX_FACTORS:
            return [node]
    return done


_FOLDABLE = frozenset({
    "add", "sub", "mul", "div", "pow", "neg", "square", "abs", "sqrt", "exp", "log", "max", "min",
})  # fmt: skip


def fold(node: Node) -> Array | None:
    """Return the value of an operation on constants, or None where it stays an operation.

    A value that is larger than the constants together, an outer product of data, stays one.
    """
    sizes = [operand.value.size for operand in operands(node) if isinstance(operand, op.Constant)]
    return folded(node, _FOLDABLE) if prod(node.shape) <= sum(sizes) else None
