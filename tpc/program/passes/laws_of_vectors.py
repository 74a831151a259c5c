"""Vectors that are not normal, where their limit can see it.

A limit knows of an initial vector its mean and covariance. That is all there is to know of a vector
r in which every value is linear: expectations are of one value or of two, so r occurs at most
twice. Else, where the entries of r take two values a and b, a function of them is linear in r,

    f(r) = ((b - r) f(a) + (r - a) f(b)) / (b - a),

as long as each entry of f depends on one entry of r, or r has few entries. What is left is written
as a function of a normal vector z, Phi(z) for a uniform one.

    rademacher  -1, 1        bernoulli  0, 1        sparse(p)  z / sqrt(p) with probability p
    uniform  sqrt(12) (Phi(z) - 1/2)               student_t(k)  z sqrt(k - 2) / |w|, w of k entries
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from statistics import NormalDist
from typing import TypeAlias

import numpy as np

from tpc.program import nodes as op
from tpc.program.builder import Builder
from tpc.program.ensembles import GAUSSIAN, Bernoulli, Rademacher, Sparse, StudentT, Uniform
from tpc.program.nodes import Matrix, Node, operands
from tpc.program.passes.rebuild import rebuild
from tpc.program.program import Program
from tpc.program.reapply import reapply
from tpc.program.traversal import fold

Places: TypeAlias = tuple[int, ...]
"""The axes of r in a value, counted from the end: they are negative."""

LINEAR, CURVED = 1, 2

FEW = 4
"""Of so many entries at most all values are seen together: 2^4."""


@dataclass(frozen=True, slots=True)
class Use:
    """How a value depends on a vector r.

    Attributes:
        degree: `LINEAR`, or `CURVED` for anything else.
        places: Which of its axes are those of r; None where an entry sees several entries of r, or
            sees r through a product with a matrix.
    """

    degree: int
    places: Places | None


def laws_of_vectors(program: Program) -> Program:
    """Return a program of which mean and covariance of initial vectors say everything."""
    while True:
        curved = next(filter(None, (_step(program, of) for of in _with_laws(program))), None)
        if curved is None:
            return program
        program = curved


def _with_laws(program: Program) -> list[op.InitialVector]:
    return [
        node
        for node in program.nodes
        if isinstance(node, op.InitialVector) and node.ensemble != GAUSSIAN
    ]


def _step(program: Program, vector: op.InitialVector) -> Program | None:
    """Return a program that is less curved in a vector; None where all is linear in it."""
    uses = _uses(program, vector)
    bent = [n for n, use in uses.items() if use is not None and use.degree == CURVED]
    if not bent:
        return None
    values = _two_values(vector)
    first = {n for n in bent if all(_is_linear(uses[part]) for part in operands(n))}
    if values is None or not all(_can_be_split(node, uses) for node in first):
        few = values is not None and vector.shape and prod(vector.shape) <= FEW
        return _in_place(program, vector, _entries if few else _function)
    return _split(program, vector, values, first, uses)


def _two_values(vector: op.InitialVector) -> tuple[float, float] | None:
    match vector.ensemble:
        case Bernoulli():
            return 0.0, 1.0
        case Rademacher() if vector.mean is None and _is_one(vector.covariance):
            return -1.0, 1.0
        case _:
            return None


def _is_one(node: Node) -> bool:
    return isinstance(node, op.Constant) and node.shape == () and float(node.value) == 1


def _is_linear(use: Use | None) -> bool:
    return use is None or use.degree == LINEAR


# -------------------------------------------------------------------------------- who sees a vector


def _uses(program: Program, vector: op.InitialVector) -> dict[Node, Use | None]:
    """Return how every value depends on a vector; None where it does not."""
    reached: dict[tuple[Matrix, bool], int] = {}
    made_of = _products_below(program)
    without_dots = _without_dots(program)
    found: dict[Node, Use | None] = {}
    for node in program.nodes:
        parts = [found[part] for part in operands(node)]
        if node is vector:
            found[node] = Use(LINEAR, tuple(range(-len(node.shape), 0)))
        elif isinstance(node, op.MatMul):
            # The dot of W x is made of |y> of the earlier products W.T y that x is made of.
            key = node.matrix, node.transposed
            if found[node.operand] is not None:
                reached[key] = reached.get(key, 0) | (made_of[node] & ~made_of[node.operand])
            others = reached.get((node.matrix, not node.transposed), 0) & made_of[node.operand]
            found[node] = Use(LINEAR, None) if others and node not in without_dots else None
        elif node.is_scalar or not any(parts):
            found[node] = None
        else:
            found[node] = _use(node, list(zip(operands(node), parts, strict=True)))
    return found


def _products_below(program: Program) -> dict[Node, int]:
    """Return which products every value is made of, itself included, as bits."""
    bits, found = 0, dict[Node, int]()
    for node in program.nodes:
        mask = 0
        for part in operands(node):
            mask |= found[part]
        if isinstance(node, op.MatMul):
            mask, bits = mask | 1 << bits, bits + 1
        found[node] = mask
    return found


def _without_dots(program: Program) -> set[Node]:
    """Return products whose dots are known to vanish.

    That of W.T z does where z is linear in vectors of mean zero that no earlier product with W has
    seen, as in backward passes: z = v c has E[d z / d hat(W x)] = E[v] E[d c / d hat(W x)] = 0. So
    it is for the hats of such products, in turn.
    """
    found: set[Node] = set()
    for fresh in program.nodes:
        if not isinstance(fresh, op.InitialVector) or fresh.mean is not None:
            continue
        seen: set[Node] = {fresh}
        linear: set[Node] = {fresh}
        sides: set[tuple[Matrix, bool]] = set()
        for node in program.nodes:
            parts = [part for part in operands(node) if part in seen]
            if not parts:
                continue
            seen.add(node)
            if isinstance(node, op.MatMul):
                clean = (node.matrix, not node.transposed) not in sides
                sides.add((node.matrix, node.transposed))
                if node.operand in linear and clean:
                    found.add(node)
                    linear.add(node)
            elif _keeps_linear(node, parts) and linear.issuperset(parts):
                linear.add(node)
    return found


def _keeps_linear(node: Node, parts: Sequence[Node]) -> bool:
    """Whether an operation is linear in the parts, and zero where they are."""
    match node:
        case op.Elementwise(function="add" | "sub"):
            return len(parts) == 2
        case op.Elementwise(function="mul") | op.Contract():
            return len(parts) == 1
        case op.Elementwise(function="div"):
            return len(parts) == 1 and parts[0] is node.operands[0]
        case op.Elementwise(function="neg") | op.Take() | op.Expand() | op.Permute():
            return True
        case op.Reduce(reduction=reduction):
            return reduction == "sum"
        case _:
            return False


def _use(node: Node, parts: Sequence[tuple[Node, Use | None]]) -> Use:
    seen = [(part, use) for part, use in parts if use is not None]
    places = {use.places for _, use in seen}
    joint = places.pop() if len(places) == 1 else None
    degree = max(use.degree for _, use in seen)
    match node:
        case op.Elementwise(function="add" | "sub" | "neg"):
            return Use(degree, joint)
        case op.Elementwise(function="mul") if len(seen) == 1:
            return Use(degree, joint)
        case op.Elementwise(function="div") if seen[0][0] is node.operands[0] and len(seen) == 1:
            return Use(degree, joint)
        case op.Elementwise():
            return Use(CURVED, joint)
        case op.Expand(axes=axes):
            kept = [i for i in range(len(node.shape)) if i not in axes]
            return Use(degree, _moved(joint, kept, len(node.shape)))
        case op.Permute(order=order):
            where = [order.index(i) for i in range(len(order))]
            return Use(degree, _moved(joint, where, len(node.shape)))
        case op.Contract() if len(seen) == 1:
            return Use(degree, () if joint == () else None)
        case op.Take() | op.Reduce(reduction="sum"):
            return Use(degree, () if joint == () else None)
        case op.Row() | op.Mean() | op.Exchange():
            return Use(degree, None)
        case _:
            return Use(CURVED, () if joint == () else None)


def _moved(places: Places | None, where: Sequence[int], rank: int) -> Places | None:
    """Return the places of axes that have moved to others, counted from the front."""
    if places is None:
        return None
    return tuple(where[place + len(where)] - rank for place in places)


# ------------------------------------------------------------------------------------- two values


def _can_be_split(node: Node, uses: dict[Node, Use | None]) -> bool:
    """Whether a curved function sees one entry of the vector in each of its own."""
    use = uses[node]
    return use is not None and use.places is not None


def _split(
    program: Program,
    vector: op.InitialVector,
    values: tuple[float, float],
    curved: set[Node],
    uses: dict[Node, Use | None],
) -> Program:
    """Return the program with functions of a vector of two values linear in it."""
    b = Builder()
    low, high = values
    old: dict[Node, Node] = {}
    at: tuple[dict[Node, Node], ...] = ({}, {})

    def given(node: Node, place: int) -> Node:
        """Return an operand where the vector has its first or second value."""

        def rule(part: Node, known: dict[Node, Node]) -> Node:
            if part is vector:
                return b.constant(np.full(part.shape, values[place]))
            return reapply(b, part, [known[x] for x in operands(part)])

        def below(part: Node) -> tuple[Node, ...]:
            return operands(part) if uses[part] is not None and part is not vector else ()

        def known_or_made(part: Node, known: dict[Node, Node]) -> Node:
            return rule(part, known) if uses[part] is not None else old[part]

        return fold((node,), known_or_made, below, at[place])[node]

    def rule(node: Node, copied: Node) -> Node:
        old[node] = copied
        if node not in curved:
            return copied
        use = uses[node]
        assert use is not None and use.places is not None
        first, second = (
            reapply(b, node, [given(part, place) for part in operands(node)]) for place in (0, 1)
        )
        r = old[vector]
        places = [place + len(node.shape) for place in use.places]
        spread = b.expand(r, tuple(i for i in range(len(node.shape)) if i not in places))
        share = b.div(b.sub(spread, b.number(low)), b.number(high - low))
        old[node] = b.add(first, b.mul(share, b.sub(second, first)))
        return old[node]

    return rebuild(program, b, rule)


# ------------------------------------------------------------------------- functions of normal ones


def _in_place(
    program: Program,
    vector: op.InitialVector,
    make: Callable[[Builder, op.InitialVector], Node],
) -> Program:
    """Return the program with something else in the place of a vector."""
    b = Builder()

    def rule(node: Node, copied: Node) -> Node:
        if node is not vector:
            return copied
        assert isinstance(copied, op.InitialVector)
        return make(b, copied)

    return rebuild(program, b, rule)


def _entries(b: Builder, vector: op.InitialVector) -> Node:
    """Return a vector as made of one for each of its entries."""
    total: Node | None = None
    for place in np.ndindex(vector.shape):
        mean = None if vector.mean is None else b.take(vector.mean, place)
        name = f"{vector.name}[{','.join(map(str, place))}]"
        entry = b.initial_vector(name, vector.dim, (), mean, vector.covariance, vector.ensemble)
        there = np.zeros(vector.shape)
        there[place] = 1
        part = b.mul(b.constant(there), entry)
        total = part if total is None else b.add(total, part)
    assert total is not None
    return total


def _function(b: Builder, vector: op.InitialVector) -> Node:
    def normal(stem: str, *more: int) -> Node:
        shape, name = (*vector.shape, *more), f"{stem}_{vector.name}"
        return b.initial_vector(name, vector.dim, shape, None, b.number(1))

    z, deviation = normal("z"), b.apply("sqrt", vector.covariance)
    match vector.ensemble:
        case Bernoulli():
            assert vector.mean is not None
            if isinstance(vector.mean, op.Constant) and vector.shape == ():
                return b.apply("step", b.add(z, b.number(_quantile(float(vector.mean.value)))))
            return b.apply("step", b.sub(vector.mean, b.apply("Phi", z)))
        case Rademacher():
            standard = b.apply("sign", z)
        case Uniform():
            centred = b.sub(b.apply("Phi", z), b.number(0.5))
            standard = b.mul(b.number(12**0.5), centred)
        case Sparse(density=p):
            there = b.apply("step", b.add(normal("mask"), b.number(_quantile(p))))
            standard = b.div(b.mul(there, z), b.number(p**0.5))
        case StudentT(freedom=k):
            square = b.apply("square", normal("w", int(k)))
            length = b.apply("sqrt", b.reduce("sum", square, (len(vector.shape),)))
            standard = b.div(b.mul(b.number((k - 2) ** 0.5), z), length)
        case _:
            raise AssertionError(f"{vector.ensemble} is no law of vectors")
    scaled = b.mul(deviation, standard)
    return scaled if vector.mean is None else b.add(vector.mean, scaled)


def _quantile(p: float) -> float:
    """Return the x below which a standard normal lies with probability p."""
    return 40.0 if p >= 1 else -40.0 if p <= 0 else NormalDist().inv_cdf(p)
