"""Which axes of a model's tensors grow: sizes at several widths and batches, read as factors.

| changes with | axis is |
|---|---|
| nothing | constant |
| the width, proportionally | growing, with its ratio to the width |
| the batch, proportionally | over the rows, times a constant |
| otherwise | refused |

An axis is a product of factors, outermost first: a model that flattens 5 tokens and its rows has an
axis of the factors 5 and rows. Axes of length 1 have none.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from math import prod
from typing import TypeAlias


class Extent(Enum):
    """What a factor is a multiple of."""

    CONSTANT = "constant"
    WIDTH = "width"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Factor:
    """A factor of an axis.

    Attributes:
        extent: What it is a multiple of.
        ratio: So many times that; the size of a constant.
        source: The tensor whose rows it numbers: which can be taken apart as values need it.
    """

    extent: Extent
    ratio: Fraction
    source: str = field(default="", compare=False)

    @property
    def grows(self) -> bool:
        """Whether it is a multiple of the width."""
        return self.extent is Extent.WIDTH

    def size(self, width: int, rows: int) -> int:
        """Return how long it is."""
        unit = {Extent.CONSTANT: 1, Extent.WIDTH: width, Extent.ROWS: rows}[self.extent]
        return int(self.ratio * unit)


ROWS = Factor(Extent.ROWS, Fraction(1))

Axis: TypeAlias = tuple[Factor, ...]
"""Factors, outermost first; () is an axis of length 1."""

Axes: TypeAlias = tuple[Axis, ...]

Run: TypeAlias = tuple[int, int]
"""Width and number of rows of a trace."""


def constant(size: int) -> Factor:
    """Return a factor that does not change."""
    return Factor(Extent.CONSTANT, Fraction(size))


def growing(ratio: Fraction | int, source: str = "") -> Factor:
    """Return a factor that is a multiple of the width."""
    return Factor(Extent.WIDTH, Fraction(ratio), source)


class Refine(Exception):
    """A growing factor that has to be taken apart.

    Attributes:
        factor: Which one.
        parts: Its factors.
    """

    def __init__(self, factor: Factor, parts: Axis) -> None:
        """Say which one, and how."""
        super().__init__(factor, parts)
        self.factor = factor
        self.parts = parts


def unified(first: Axis, second: Axis) -> Axis:
    """Return the axis that two axes of equal length are, or one of them where the other is ().

    Raises:
        Refine: One must be taken apart as the other is.
        ValueError: Lengths differ.
    """
    if first == second or not second:
        return first
    if not first:
        return second
    if _product(first) != _product(second):
        raise ValueError(first, second)
    mine, yours = list(first), list(second)
    while mine and mine[0] == yours[0]:
        del mine[0], yours[0]
    while mine and mine[-1] == yours[-1]:
        del mine[-1], yours[-1]
    for whole, parts in ((mine, yours), (yours, mine)):
        if len(whole) == 1 and whole[0].grows:
            raise Refine(whole[0], tuple(parts))
    raise ValueError(first, second)


def axis_of(sizes: Sequence[int], runs: Sequence[Run]) -> Axis | None:
    """Return the factors of an axis by its sizes in all runs; None if it is no such product."""
    if len(set(sizes)) == 1:
        return () if sizes[0] == 1 else (constant(sizes[0]),)
    by_width = {Fraction(size, width) for size, (width, _) in zip(sizes, runs, strict=True)}
    if len(by_width) == 1:
        return (growing(by_width.pop()),)
    by_rows = {Fraction(size, rows) for size, (_, rows) in zip(sizes, runs, strict=True)}
    if len(by_rows) == 1 and (count := by_rows.pop()).denominator == 1:
        return (ROWS,) if count == 1 else (ROWS, constant(int(count)))
    return None


def regrouped(axes: Axes, sizes: Sequence[Axis]) -> Axes:
    """Return the factors of axes, in their order, grouped as a reshape does.

    Args:
        axes: Before.
        sizes: The new axes, each as a product in any order.

    Raises:
        Refine: A growing factor must be taken apart first.
        ValueError: The reshape mixes factors.
    """
    rest = [factor for axis in axes for factor in axis]
    found: list[Axis] = []
    for size in sizes:
        taken: list[Factor] = []
        while (missing := _over(_product(size), _product(taken))) != NOTHING:
            if not rest:
                raise ValueError(axes, sizes)
            factor = rest.pop(0)
            if _divides(factor, missing):
                taken.append(factor)
                continue
            outer, inner = _cut(factor, missing)
            if factor.grows:
                raise Refine(factor, (outer, inner))
            taken.append(outer)
            rest.insert(0, inner)
        found.append(tuple(taken))
    if rest:
        raise ValueError(axes, sizes)
    return tuple(found)


Product: TypeAlias = tuple[Fraction, int, int]
"""A ratio, and the powers of the width and of the rows."""


def _product(factors: Iterable[Factor]) -> Product:
    listed = list(factors)
    return (
        prod((factor.ratio for factor in listed), start=Fraction(1)),
        sum(factor.grows for factor in listed),
        sum(factor.extent is Extent.ROWS for factor in listed),
    )


def _over(whole: Product, part: Product) -> Product:
    return whole[0] / part[0], whole[1] - part[1], whole[2] - part[2]


NOTHING: Product = Fraction(1), 0, 0


def _divides(factor: Factor, missing: Product) -> bool:
    ratio, width, rows = _over(missing, _product([factor]))
    return min(width, rows) >= 0 and (ratio.denominator == 1 or width > 0)


def _cut(factor: Factor, missing: Product) -> tuple[Factor, Factor]:
    """Cut a factor in an outer one of the missing size and the rest."""
    ratio, width, rows = missing
    inner = factor.ratio / ratio
    if rows or factor.extent is Extent.ROWS or width > factor.grows:
        raise ValueError(factor, missing)
    if width and inner.denominator == 1:
        return growing(ratio, factor.source), constant(int(inner))
    if not width and ratio.denominator == 1 and factor.grows:
        return constant(int(ratio)), growing(inner, factor.source)
    if not width and ratio.denominator == 1 == inner.denominator:
        return constant(int(ratio)), constant(int(inner))
    raise ValueError(factor, missing)
