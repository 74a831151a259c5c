"""Expands a node into kinds of monomials in initial vectors.

Expansion goes through `+ - * /`, indexing, `sum` and `@`. A kind is the set of initial vectors that
occur as factors. The sum of all monomials of one kind is followed at random values of every factor,
so that those that cancel are seen to: v (x + y) - v y has the one kind {v, x}.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tpc.program import nodes as op
from tpc.program.nodes import Node, operands
from tpc.program.traversal import toposort, walk

Floats: TypeAlias = npt.NDArray[np.float64]

Kind: TypeAlias = tuple[int, int]
"""Bit masks of initial vectors: those that are a factor once, and those that are one more often."""

Expansion: TypeAlias = dict[Kind, Floats]
"""The kinds of monomials of a node, each with the value of their sum."""

CANCELLED = 1e-11
"""A sum that is so much smaller than its terms is zero."""

MOST, LEAST = 1e100, 1e-100
"""Values out of this range are drawn anew, so that long products neither overflow nor vanish."""


def is_polynomial(node: Node) -> bool:
    """Whether an operation expands: it is linear, or a product or quotient."""
    match node:
        case op.Elementwise(function=function):
            return function in ("add", "sub", "mul", "div", "neg")
        case op.Reduce(reduction=reduction):
            return reduction == "sum"
        case op.Contract() | op.Take() | op.Permute() | op.Expand():
            return True
        case _:
            return False


def region_of(node: Node) -> tuple[list[Node], list[Node]]:
    """Return what a node expands through in topological order, and the denominators in it.

    The first list holds the factors too, which do not expand themselves.
    """

    def below(part: Node) -> tuple[Node, ...]:
        inside = operands(part) if is_polynomial(part) else ()
        return inside[:1] if _is_quotient(part) else inside

    denominators = [operands(part)[1] for part in walk((node,), below) if _is_quotient(part)]
    return toposort((node,), below), list(dict.fromkeys(denominators))


def _is_quotient(node: Node) -> bool:
    return isinstance(node, op.Elementwise) and node.function == "div"


def expand(region: list[Node], bits: dict[op.InitialVector, int]) -> Expansion:
    """Return the expansion of the last node of a region in the given initial vectors."""
    random = np.random.default_rng(0)
    factors: dict[Node, Floats] = {}

    def factor(node: Node) -> Floats:
        if node not in factors:
            factors[node] = _draw(random, node)
        return factors[node]

    known: dict[Node, Expansion] = {}
    with np.errstate(all="ignore"):
        for node in region:
            if is_polynomial(node):
                found = _combined(node, known, factor)
            elif isinstance(node, op.InitialVector) and node in bits:
                found = {(bits[node], 0): factor(node)}
            else:
                found = {(0, 0): factor(node)}
            known[node] = _in_range(random, found)
    return known[region[-1]]


def _draw(random: np.random.Generator, node: Node) -> Floats:
    if isinstance(node, op.Constant):
        return np.where(np.isfinite(node.value), node.value, 1.0)
    return random.uniform(0.5, 1.5, node.shape)


def _in_range(random: np.random.Generator, found: Expansion) -> Expansion:
    """Drop what is zero and draw anew what is too large or too small."""
    kept: Expansion = {}
    for kind, value in found.items():
        size = np.abs(value).max(initial=0.0)
        if size == 0:
            continue
        kept[kind] = value if LEAST < size < MOST else random.uniform(0.5, 1.5, value.shape)
    return kept


def _combined(
    node: Node, known: dict[Node, Expansion], factor: Callable[[Node], Floats]
) -> Expansion:
    match node:
        case op.Elementwise(function="add", operands=(x, y)):
            return _added(known[x], known[y], 1, node.shape)
        case op.Elementwise(function="sub", operands=(x, y)):
            return _added(known[x], known[y], -1, node.shape)
        case op.Elementwise(function="neg", operands=(x,)):
            return {kind: -value for kind, value in known[x].items()}
        case op.Elementwise(function="div", operands=(x, y)):
            return {kind: value / factor(y) for kind, value in known[x].items()}
        case op.Elementwise(operands=(x, y)):
            return _multiplied(known[x], known[y], lambda a, b: a * b)
        case op.Contract(left=x, right=y, axes=count):
            return _multiplied(known[x], known[y], lambda a, b: np.tensordot(a, b, count))
        case op.Take(operand=x, keys=keys):
            index = tuple(slice(None) if key is None else key for key in keys)
            return {kind: np.asarray(value[index]) for kind, value in known[x].items()}
        case op.Permute(operand=x, order=order):
            return {kind: np.transpose(value, order) for kind, value in known[x].items()}
        case op.Expand(operand=x, axes=axes):
            return {kind: np.expand_dims(value, axes) for kind, value in known[x].items()}
        case op.Reduce(operand=x, axes=axes):
            return {
                kind: np.asarray(_uncancelled(value.sum(axes), np.abs(value).sum(axes)))
                for kind, value in known[x].items()
            }
        case _:
            raise AssertionError(f"{node} does not expand")


def _added(x: Expansion, y: Expansion, sign: int, shape: tuple[int, ...]) -> Expansion:
    total = {kind: np.broadcast_to(value, shape) for kind, value in x.items()}
    for kind, value in y.items():
        before = total.get(kind, np.zeros(()))
        size = np.abs(before) + np.abs(value)
        total[kind] = np.broadcast_to(_uncancelled(before + sign * value, size), shape)
    return total


def _multiplied(
    x: Expansion, y: Expansion, product: Callable[[Floats, Floats], Floats]
) -> Expansion:
    total: Expansion = {}
    sizes: Expansion = {}
    for (once, many), left in x.items():
        for (also_once, also_many), right in y.items():
            twice = many | also_many | (once & also_once)
            kind = ((once | also_once) & ~twice, twice)
            value, size = product(left, right), product(np.abs(left), np.abs(right))
            total[kind] = total[kind] + value if kind in total else value
            sizes[kind] = sizes[kind] + size if kind in sizes else size
    return {kind: _uncancelled(value, sizes[kind]) for kind, value in total.items()}


def _uncancelled(value: Floats, size: Floats) -> Floats:
    """Return a sum, zero where it is rounding left over from terms of a larger size."""
    return np.where(np.abs(value) <= CANCELLED * size, 0.0, value)
