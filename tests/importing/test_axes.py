"""Axes of tensors as factors: what grows, and what reshapes do to it."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tpc.importing.axes import (
    ROWS,
    Axis,
    Factor,
    Refine,
    axis_of,
    constant,
    growing,
    regrouped,
    unified,
)

RUNS = ((16, 3), (32, 3), (48, 3), (16, 5))


@pytest.mark.parametrize(
    ("sizes", "axis"),
    [
        ((1, 1, 1, 1), ()),
        ((7, 7, 7, 7), (constant(7),)),
        ((16, 16, 16, 16), (constant(16),)),
        ((16, 32, 48, 16), (growing(1),)),
        ((64, 128, 192, 64), (growing(4),)),
        ((4, 8, 12, 4), (growing(Fraction(1, 4)),)),
        ((3, 3, 3, 5), (ROWS,)),
        ((12, 12, 12, 20), (ROWS, constant(4))),
        ((17, 33, 49, 17), None),
        ((256, 1024, 2304, 256), None),
        ((43, 85, 128, 43), None),
    ],
)
def test_sizes(sizes: tuple[int, ...], axis: Axis | None) -> None:
    assert axis_of(sizes, RUNS) == axis


FACTORS = st.sampled_from([ROWS, constant(2), constant(3), growing(1), growing(2)])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(FACTORS, max_size=2), min_size=1, max_size=4), st.data())
@pytest.mark.slow
def test_reshapes_keep_the_factors(axes: list[list[Factor]], data: st.DataObject) -> None:
    """Any regrouping of factors is found from its sizes, and holds the same entries."""
    flat = [factor for axis in axes for factor in axis]
    count = data.draw(st.integers(1, 4))
    ends = sorted(data.draw(st.integers(0, len(flat))) for _ in range(count - 1))
    starts = [0, *ends, len(flat)]
    wanted = [tuple(flat[a:b]) for a, b in pairwise(starts)]
    found = regrouped(tuple(map(tuple, axes)), wanted)
    sizes = [[factor.size(16, 3) for factor in axis] for axis in found]
    assert [int(np.prod(axis)) for axis in sizes] == [
        int(np.prod([factor.size(16, 3) for factor in axis])) for axis in wanted
    ]
    assert [factor for axis in found for factor in axis] == flat


@pytest.mark.parametrize(
    ("sizes", "parts"),
    [
        (((constant(4),), (growing(Fraction(1, 4)),)), (constant(4), growing(Fraction(1, 4)))),
        (((growing(Fraction(1, 8)),), (constant(8),)), (growing(Fraction(1, 8)), constant(8))),
    ],
)
def test_heads_take_a_growing_axis_apart(sizes: tuple[Axis, ...], parts: Axis) -> None:
    with pytest.raises(Refine) as refine:
        regrouped(((growing(1, "q.weight"),),), sizes)
    assert refine.value.parts == parts
    assert refine.value.factor.source == "q.weight"


def test_mixed_reshapes_are_refused() -> None:
    with pytest.raises(ValueError, match="Factor"):
        regrouped(((constant(3),), (growing(1),)), ((constant(2),), (growing(Fraction(3, 2)),)))


def test_axes_that_are_added_must_agree() -> None:
    parts = (growing(Fraction(1, 2)), constant(2))
    assert unified(parts, ()) == parts
    with pytest.raises(Refine):
        unified((growing(1, "w"),), parts)
    with pytest.raises(ValueError, match="Factor"):
        unified((growing(1),), (constant(16),))
