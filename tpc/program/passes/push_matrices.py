"""Push matrices through linear combinations, so that W (x1 + x2) is W x1 + W x2.

Input and output are programs. Linear dependence between operands becomes a linear combination of
products, exact sample by sample, instead of a singular covariance of hats. For a matrix W or its
transpose, vectors x, y and scalars c (without growing axes):

    W (c x) = c (W x),  W (x / c) = (W x) / c,  W (-x) = -(W x)      always
    W (x + y) = W x + W y,  W (x - y) = W x - W y                    where it costs nothing
    W (L x) = L (W x)  for L an index, a permutation, new axes,      where it costs nothing
                       a sum over constant axes, x @ A

The cost of a product is its number of columns, the entries of its constant shape, and a product
that occurs elsewhere in the program is free. A push costs nothing when the products that it needs
are together no larger than the one that it replaces: all but at most one are free, or the operand
has more columns than what it is made from. Thus the number of distinct columns never grows.

The decision looks at one product at a time, in the order of the program. Its operand is taken apart
breadth-first until what is left is cheap enough (push) or what cannot be taken apart is too
expensive (keep the product), so it stays near the top of long sums; `_MAX_STEPS` bounds it.
Products are made from those of their parts, which are made first and kept, so the pass is linear in
the program.
"""

from collections import deque
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.nodes import Matrix, Node, operands
from tpc.program.passes.rebuild import rebuild
from tpc.program.program import Program
from tpc.program.reapply import reapply
from tpc.program.traversal import fold

_MAX_STEPS = 256

Symbol: TypeAlias = tuple[str, bool]
"""A matrix by name, and whether it is transposed."""

Product: TypeAlias = tuple[Symbol, Node]


def push_matrices(program: Program) -> Program:
    """Return the program with its matrices pushed as far towards the vectors as costs nothing."""
    builder = Builder()
    wanted: dict[Node, list[Symbol]] = {}
    for node in program.nodes:
        if isinstance(node, op.MatMul):
            wanted.setdefault(node.operand, []).append((node.matrix.name, node.transposed))
    return rebuild(program, builder, _Pushing(builder, wanted).rewrite)


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A vector as (-1)^negated * numerator * base / denominator."""

    negated: bool
    numerator: Node | None
    denominator: Node | None
    base: Node


class _Pushing:
    """The walk; `wanted` lists the products of every operand of the old graph.

    Attributes:
        _free: Products of the new graph that exist or will.
        _made: What stands for each product that has been made.
    """

    def __init__(self, builder: Builder, wanted: dict[Node, list[Symbol]]) -> None:
        self._builder = builder
        self._wanted = wanted
        self._free: set[Product] = set()
        self._made: dict[Symbol, dict[Node, Node]] = {}
        self._scaled: dict[Node, _Scaled] = {}

    def rewrite(self, old: Node, node: Node) -> Node:
        """Return the new form of a node: a pushed product, or the node as it is."""
        if isinstance(node, op.MatMul):
            node = self._multiply(node.matrix, node.transposed, node.operand)
        for symbol in self._wanted.get(old, ()):
            self._free.add((symbol, self._unscale(node).base))
        return node

    def _multiply(self, matrix: Matrix, transposed: bool, operand: Node) -> Node:
        """Return W x, with the products that it is made from before it."""
        symbol = (matrix.name, transposed)
        scaled = self._unscale(operand)
        plans: dict[Node, tuple[Node, ...]] = {}

        def bases(base: Node) -> list[Node]:
            plans[base] = _parts(base) if self._costs_nothing(symbol, base) else ()
            self._free.add((symbol, base))
            return [self._unscale(part).base for part in plans[base]]

        def rule(base: Node, made: dict[Node, Node]) -> Node:
            if plans[base]:
                return self._combine(base, plans[base], made)
            return self._builder.matmul(matrix, transposed, base)

        made = self._made.setdefault(symbol, {})
        return self._rescale(scaled, fold((scaled.base,), rule, bases, made)[scaled.base])

    def _costs_nothing(self, symbol: Symbol, base: Node) -> bool:
        """Decide whether the products of its parts need no more columns than W base.

        The new products that this counts on become free, so that no part is kept in spite of them.
        """
        parts = _parts(base)
        if not parts:
            return False
        budget = _columns(base)
        seen: set[Node] = set()
        new: set[Node] = set()
        cost = stuck = 0
        divisible: deque[Node] = deque()
        entering = parts
        for _ in range(_MAX_STEPS):
            for part in entering:
                inner = self._unscale(part).base
                if inner in seen or (symbol, inner) in self._free:
                    continue
                seen.add(inner)
                new.add(inner)
                cost += _columns(inner)
                if _parts(inner):
                    divisible.append(inner)
                else:
                    stuck += _columns(inner)
            if cost <= budget:
                self._free.update((symbol, inner) for inner in new)
                return True
            if stuck > budget or not divisible:
                return False
            divided = divisible.popleft()
            new.remove(divided)
            cost -= _columns(divided)
            entering = _parts(divided)
        return False

    def _combine(self, base: Node, parts: tuple[Node, ...], made: dict[Node, Node]) -> Node:
        """Return the linear map `base` of its parts, applied to the products of the parts."""
        images: dict[Node, Node] = {}
        for part in parts:
            scaled = self._unscale(part)
            images[part] = self._rescale(scaled, made[scaled.base])
        return reapply(self._builder, base, [images.get(x, x) for x in operands(base)])

    def _unscale(self, node: Node) -> _Scaled:
        """Return a vector as scalars times a vector that is no such multiple."""
        chain: list[tuple[Node, Node | None]] = []
        while node not in self._scaled:
            inner, factor = _scaling(node)
            if inner is node:
                self._scaled[node] = _Scaled(False, None, None, node)
                break
            chain.append((node, factor))
            node = inner
        scaled = self._scaled[node]
        for outer, factor in reversed(chain):
            scaled = self._scaled[outer] = self._times(scaled, outer, factor)
        return scaled

    def _times(self, scaled: _Scaled, outer: Node, factor: Node | None) -> _Scaled:
        negated, above, below = scaled.negated, scaled.numerator, scaled.denominator
        if factor is None:
            negated = not negated
        elif isinstance(outer, op.Elementwise) and outer.function == "div":
            below = factor if below is None else self._builder.mul(below, factor)
        else:
            above = factor if above is None else self._builder.mul(factor, above)
        return _Scaled(negated, above, below, scaled.base)

    def _rescale(self, scaled: _Scaled, product: Node) -> Node:
        b = self._builder
        if scaled.numerator is not None:
            product = b.mul(scaled.numerator, product)
        if scaled.denominator is not None:
            product = b.div(product, scaled.denominator)
        return b.neg(product) if scaled.negated else product


def _scaling(node: Node) -> tuple[Node, Node | None]:
    """Return x and c where the vector is c * x or x / c, x and None for -x, else the vector."""
    match node:
        case op.Elementwise(function="neg", operands=(x,)):
            return x, None
        case op.Elementwise(function="mul", operands=(c, x)) if c.is_scalar and x.is_vector:
            return x, c
        case op.Elementwise(function="mul" | "div", operands=(x, c)) if c.is_scalar and x.is_vector:
            return x, c
        case _:
            return node, None


def _parts(base: Node) -> tuple[Node, ...]:
    """Return the vectors that a vector is a linear map of; none where it is no such map."""
    match base:
        case op.Elementwise(function="add" | "sub", operands=(x, y)) if x.is_vector and y.is_vector:
            return (x, y)
        case op.Take(operand=x) | op.Permute(operand=x) | op.Expand(operand=x):
            return (x,)
        case op.Reduce(reduction="sum", operand=x):
            return (x,)
        case op.Contract(left=x, right=y):
            return (x,) if y.is_scalar else (y,) if x.is_scalar else ()
        case _:
            return ()


def _columns(node: Node) -> int:
    return prod(node.shape)
