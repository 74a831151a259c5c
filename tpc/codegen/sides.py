"""The two sides of each matrix: what W multiplies, and what W.T does."""

from collections import Counter
from math import prod
from typing import TypeAlias

from tpc.limit.equations import DotEquation, HatEquation, Limit
from tpc.limit.limit_nodes import Hat
from tpc.program.region import is_fresh

Side: TypeAlias = tuple[str, bool]
"""A matrix by name, and whether it is transposed."""


def side_of(hat: Hat) -> Side:
    """Return the side that a hat is a product with."""
    return hat.matrix.name, hat.transposed


def other_side(hat: Hat) -> Side:
    """Return the other side of the same matrix."""
    return hat.matrix.name, not hat.transposed


def label(side: Side) -> str:
    """Return a side as in the program."""
    return side[0] + (".T" if side[1] else "")


def grouped_sides(limit: Limit) -> dict[Side, int]:
    """Return the sides whose hats are drawn together, with their columns in all.

    A side with one product and no bra by Stein's lemma needs no record of its operands.
    """
    columns: Counter[Side] = Counter()
    count: Counter[Side] = Counter()
    stein: set[Side] = set()
    for place, equation in enumerate(limit.equations):
        if isinstance(equation, HatEquation):
            side = side_of(equation.node)
            fresh = is_fresh(equation.node.matrix)
            times = limit.rounds.times(place) if limit.rounds and not fresh else 1
            columns[side] += times * prod(equation.node.shape)
            count[side] += times
        elif isinstance(equation, DotEquation) and equation.form == "stein":
            stein |= {side_of(equation.hat), other_side(equation.hat)}
    return {side: columns[side] for side in columns if count[side] > 1 or side in stein}


def dependent_hats(limit: Limit) -> frozenset[Hat]:
    """Return the hats of products with dots, for matrices of which a dot is by Stein's lemma."""
    dots = [equation for equation in limit.equations if isinstance(equation, DotEquation)]
    matrices = {dot.hat.matrix for dot in dots if dot.form == "stein"}
    return frozenset(dot.hat for dot in dots if dot.hat.matrix in matrices)
