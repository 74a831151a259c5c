"""Slices, windows, joins and sums over constant axes, of the few operations that graphs have.

What only moves, drops or adds entries is linear: x -> x P for a constant array P. So

    <x P|y Q> = P^T <x|y> Q

and none of it costs exactness: limits are derived as if it stood outside of every expectation.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from tpc.program.builder import Builder, ShapeMismatch
from tpc.program.nodes import Node

Array = npt.NDArray[np.float64]


def along(b: Builder, x: Node, axis: int, table: Array) -> Node:
    """Return the sum over an axis of x times a table, whose other axes stand where it stood."""
    if table.shape == (x.shape[axis],) * 2 and np.array_equal(table, np.eye(len(table))):
        return x
    rank, new = len(x.shape), table.ndim - 1
    last = (*(other for other in range(rank) if other != axis), axis)
    moved = b.contract(b.permute(x, last), b.constant(table))
    order = (*range(axis), *range(rank - 1, rank - 1 + new), *range(axis, rank - 1))
    return b.permute(moved, order)


def axis_of(x: Node, axis: int) -> int:
    """Return an axis counted from 0.

    Raises:
        ShapeMismatch: There is no such axis.
    """
    if not -len(x.shape) <= axis < len(x.shape):
        raise ShapeMismatch(f"it has no axis {axis}; the average over the width is `avg`")
    return axis % len(x.shape)


def take(b: Builder, x: Node, axis: int, places: Sequence[int]) -> Node:
    """Return the entries of x at places of an axis, as `numpy.take`.

    Raises:
        ShapeMismatch: There is no such axis or place.
    """
    axis = axis_of(x, axis)
    length = x.shape[axis]
    if any(not -length <= place < length for place in places):
        raise ShapeMismatch(f"its axis {axis} has {length} entries")
    return along(b, x, axis, np.eye(length)[:, [place % length for place in places]])


def reshape(b: Builder, x: Node, shape: Sequence[int]) -> Node:
    """Return x with other axes of as many entries, the last running fastest; one may be -1.

    Raises:
        ShapeMismatch: The entries are not as many.
    """
    count = prod(x.shape)
    known = prod(size for size in shape if size != -1)
    whole = tuple(count // known if size == -1 and known else size for size in shape)
    if prod(whole) != count or min(whole, default=1) < 0:
        raise ShapeMismatch(f"it has {count} entries")
    kept = next(
        (at for at, (old, new) in enumerate(zip(x.shape, whole, strict=False)) if old != new),
        min(len(x.shape), len(whole)),
    )
    old, new = x.shape[kept:], whole[kept:]
    if prod(old) == 1:
        first = b.take(x, (None,) * kept + (0,) * len(old))
        return b.expand(first, tuple(range(kept, len(whole))))
    table = np.eye(prod(old)).reshape(*old, *new)
    return x if old == new else b.contract(x, b.constant(table), len(old))


def pad(b: Builder, x: Node, widths: Sequence[Sequence[int]]) -> Node:
    """Return x with zeros before and after, a pair of widths for each of the last axes.

    Raises:
        ShapeMismatch: There are more pairs than axes, or a negative width.
    """
    if len(widths) > len(x.shape) or any(len(pair) != 2 or min(pair) < 0 for pair in widths):
        raise ShapeMismatch("widths are pairs [before, after], one for each of the last axes")
    for axis, (before, after) in enumerate(widths, len(x.shape) - len(widths)):
        length = x.shape[axis]
        x = along(b, x, axis, np.eye(length, before + length + after, before))
    return x


def concat(b: Builder, parts: Sequence[Node], axis: int) -> Node:
    """Return parts joined along an axis.

    Raises:
        ShapeMismatch: There is no such axis, or the others differ.
    """
    axis = axis_of(parts[0], axis)
    around = {(*part.shape[:axis], *part.shape[axis + 1 :]) for part in parts}
    if len(around) > 1 or len({len(part.shape) for part in parts}) > 1:
        raise ShapeMismatch(f"parts differ only in length, along the axis {axis}")
    total = sum(part.shape[axis] for part in parts)
    joined, start = [], 0
    for part in parts:
        length = part.shape[axis]
        joined.append(along(b, part, axis, np.eye(length, total, start)))
        start += length
    return _sum(b, joined)


def stack(b: Builder, parts: Sequence[Node], axis: int) -> Node:
    """Return parts of one shape along a new axis.

    Raises:
        ShapeMismatch: Their shapes differ, or there can be no such axis.
    """
    rank = len(parts[0].shape) + 1
    if len({part.shape for part in parts}) > 1 or not -rank <= axis < rank:
        raise ShapeMismatch("parts have one shape, and the new axis a place among its axes")
    return concat(b, [b.expand(part, (axis % rank,)) for part in parts], axis % rank)


def window_table(
    length: int,
    size: int,
    stride: int = 1,
    dilation: int = 1,
    padding: int = 0,
    circular: bool = False,
) -> Array:
    """Return what takes windows of an axis, of shape (length, windows, size): zeros and ones.

    Args:
        length: Of the axis.
        size: Of a window.
        stride: From window to window.
        dilation: From place to place in a window.
        padding: How far the first window begins before the first entry, and the last ends behind
            the last; what stands there is zero, or what stands at the other end.
        circular: Whether it is what stands at the other end.

    Raises:
        ShapeMismatch: No window fits.
    """
    reach = dilation * (size - 1)
    starts = np.arange(-padding, length + padding - reach, stride)
    if not len(starts):
        raise ShapeMismatch(f"a window of {reach + 1} does not fit its axis of {length}")
    places = starts[:, None] + dilation * np.arange(size)
    places = places % length if circular else places
    return np.asarray(np.arange(length)[:, None, None] == places, dtype=np.float64)


def pool(b: Builder, x: Node, sizes: Sequence[int], average: bool) -> Node:
    """Return averages or maxima over windows side by side along the last axes, as in torch.

    Raises:
        ShapeMismatch: There are more windows than axes, or one does not fit.
    """
    if len(sizes) > len(x.shape) or min(sizes, default=1) < 1:
        raise ShapeMismatch("a window has a positive length for each of the last axes")
    for axis, size in enumerate(sizes, len(x.shape) - len(sizes)):
        table = window_table(x.shape[axis], size, stride=size)
        if average:
            x = along(b, x, axis, table.mean(axis=2))
        else:
            x = b.reduce("amax", along(b, x, axis, table), (axis + 1,))
    return x


def einsum(b: Builder, text: str, parts: Sequence[Node]) -> Node:
    """Return a sum of products over constant axes, named by letters as in `numpy.einsum`.

    Raises:
        ShapeMismatch: The letters do not fit the shapes.
    """
    inputs, arrow, output = text.replace(" ", "").partition("->")
    labels = inputs.split(",")
    fits = len(labels) == len(parts) and (inputs + output).replace(",", "").isalpha()
    if not arrow or not fits or len(set(output)) < len(output) or set(output) - set(inputs):
        raise ShapeMismatch('letters name the axes, as in "ts,sd->td"')
    sizes: dict[str, int] = {}
    aligned: list[Node] = []
    for label, part in zip(labels, parts, strict=True):
        if len(label) != len(part.shape):
            raise ShapeMismatch(f"`{label}` names {len(label)} axes")
        for letter, size in zip(label, part.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ShapeMismatch(f"the axis `{letter}` has {sizes[letter]} and {size} entries")
        aligned.append(_diagonal(b, label, part))
    letters = output + "".join(sorted(set(sizes) - set(output)))
    product: Node | None = None
    for label, part in zip(labels, aligned, strict=True):
        own = [letter for letter in letters if letter in label]
        distinct = list(dict.fromkeys(label))
        ordered = b.permute(part, tuple(distinct.index(letter) for letter in own))
        missing = tuple(at for at, letter in enumerate(letters) if letter not in label)
        factor = b.expand(ordered, missing)
        product = factor if product is None else b.mul(product, factor)
    assert product is not None
    summed = tuple(range(len(output), len(letters)))
    return b.reduce("sum", product, summed) if summed else product


def _diagonal(b: Builder, label: str, part: Node) -> Node:
    """Return a part whose letters are distinct: `ii` is the diagonal, with one axis `i`."""
    for at, letter in enumerate(label):
        other = label.find(letter, at + 1)
        if other > 0:
            rank, size = len(label), part.shape[at]
            order = (*(axis for axis in range(rank) if axis not in (at, other)), at, other)
            table = np.zeros((size,) * 3)
            table[np.arange(size), np.arange(size), np.arange(size)] = 1
            diagonal = b.contract(b.permute(part, order), b.constant(table), 2)
            back = (*range(at), rank - 2, *range(at, rank - 2))
            return _diagonal(b, label[:other] + label[other + 1 :], b.permute(diagonal, back))
    return part


def _sum(b: Builder, terms: Sequence[Node]) -> Node:
    total = terms[0]
    for term in terms[1:]:
        total = b.add(total, term)
    return total
