"""Sums of products over named axes are those of `numpy.einsum`."""

from itertools import combinations

import numpy as np
import pytest

from tpc.program.builder import Builder
from tpc.program.nodes import Node, operands
from tpc.program.operations import Array, operation
from tpc.program.products import Axes, Axis, Named, contraction
from tpc.program.traversal import fold

SIZES = {"a": 2, "b": 3, "c": 4, "d": 5}
AXES = {letter: Axis(letter) for letter in SIZES}


def named(letters: str) -> Axes:
    return tuple(AXES[letter] for letter in letters)


def value(node: Node, given: dict[Node, Array]) -> Array:
    def rule(part: Node, known: dict[Node, Array]) -> Array:
        return operation(part)(*(known[operand] for operand in operands(part)))

    return fold((node,), rule, operands, dict(given))[node]


def check(factors: list[str], kept: str, ones: str = "") -> None:
    """Compare with einsum, where axes in `ones` have length 1 in the first factor."""
    b, rng = Builder(), np.random.default_rng(0)
    arrays, given = [], dict[Node, Array]()
    for at, letters in enumerate(factors):
        shape = tuple(1 if not at and x in ones else SIZES[x] for x in letters)
        arrays.append(rng.standard_normal(shape))
        given[b.parameter(f"x{at}", np.zeros(shape))] = arrays[-1]
    result = contraction(
        b, named(kept), *(Named(x, named(y)) for x, y in zip(given, factors, strict=True))
    )
    whole = [
        np.broadcast_to(x, tuple(SIZES[i] for i in y)) for x, y in zip(arrays, factors, strict=True)
    ]
    numbers = {node: node.value for node in b.nodes if hasattr(node, "value")}
    wanted = np.einsum(f"{','.join(factors)}->{kept}", *whole)
    np.testing.assert_allclose(value(result, given | numbers), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "factors",
    [["ab", "bc"], ["abc", "cd", "da"], ["ab", "ab"], ["a", "b", "ab"], ["abcd"], ["ab", "", "cb"]],
)
def test_every_choice_of_kept_axes(factors: list[str]) -> None:
    present = sorted(set("".join(factors)))
    for count in range(len(present) + 1):
        for kept in combinations(present, count):
            check(factors, "".join(kept))
            check(factors, "".join(reversed(kept)))


def test_axes_of_length_one_broadcast() -> None:
    for kept in ("ac", "b", "abc"):
        check(["ab", "bc"], kept, ones="b")


def test_equal_names_are_two_axes() -> None:
    b = Builder()
    x, y = (Named(b.parameter(name, np.ones(2)), (Axis("i"),)) for name in "xy")
    assert contraction(b, x.axes + y.axes, x, y).shape == (2, 2)
