"""Products of activations: matmul, bmm and einsum."""

from dataclasses import replace

from tpc.importing.axes import Axes, Axis, Extent, unified
from tpc.importing.capture import Reference
from tpc.importing.faults import NoImportRule
from tpc.importing.rules.linear import linear
from tpc.importing.text import Text, binary, call, inner
from tpc.importing.translation import Found, Translation, rule
from tpc.importing.values import Value, spread, straight

LETTERS = "htsdgabcefijklmnopqruvwxyz"
"""Names of axes in the order in which they are given away."""


@rule("matmul", "bmm", "mm")
def _matmul(t: Translation) -> Found:
    left, right = t.argument(0), t.argument(1)
    match right:
        case Reference(name) if name in t.capture.tensors and _is_flat(t, name):
            return linear(t, t.raw(left), name, transposed=True)
    return matmul(t, t.raw(left), t.raw(right))


def _is_flat(t: Translation, name: str) -> bool:
    return len(t.capture.tensors[name].shapes[0]) == 2


def matmul(t: Translation, x: Value, y: Value) -> Value:
    """Return the sum over the last axis of x and the one before the last of y."""
    if min(len(x.axes), len(y.axes)) < 2:
        raise t.refuse(NoImportRule(t.operation.does, "of vectors: write it as an einsum"))
    batch = max(len(x.axes), len(y.axes)) - 2
    left = [*range(batch - len(x.axes) + 2, batch), "row", "sum"]
    right = [*range(batch - len(y.axes) + 2, batch), "sum", "column"]
    return contracted(t, x, left, y, right, [*range(batch), "row", "column"])


def contracted(
    t: Translation, x: Value, left: list[object], y: Value, right: list[object], kept: list[object]
) -> Value:
    """Return an einsum of two values whose axes have names.

    Args:
        t: The translation.
        x: A value.
        left: A name for each of its axes.
        y: Another.
        right: Names for its axes.
        kept: Those of the result.
    """
    for value in (x, y):
        if value.summed:
            t.plain(value, "a product")
    sides = dict(zip(left, x.axes, strict=True)), dict(zip(right, y.axes, strict=True))
    try:
        whole = {
            name: unified(sides[0].get(name, ()), sides[1].get(name, ()))
            for name in dict.fromkeys([*left, *right])
        }
    except ValueError:
        raise t.refuse(NoImportRule(t.operation.does, "axes of different lengths")) from None
    summed = [name for name in whole if name not in kept]
    growing = [factor for name in summed for factor in whole[name] if factor.grows]
    axes = tuple(whole[name] for name in kept)
    text = _summed_text(t, x, left, y, right, kept, whole)
    found = t.made(text, axes)
    factor, power = x.factor * y.factor, x.power + y.power
    for each in growing:
        factor, power = factor * float(each.ratio), power + 1
    return replace(found, factor=factor, power=power)


def _summed_text(
    t: Translation, x: Value, left: list[object], y: Value, right: list[object],
    kept: list[object], whole: dict[object, Axis],
) -> Text:  # fmt: skip
    """Return the text of an einsum, its growing axes averaged."""
    summed = [name for name in whole if name not in kept]
    averaged = any(factor.grows for name in summed for factor in whole[name])
    constants = [name for name in summed if _constant_count(whole[name])]
    shared = [name for name in kept if _of(left, x, name) and _of(right, y, name)]
    own = [name for name in kept if name not in shared]
    plain = own == [n for n in left if n in own] + [n for n in right if n in own]
    if averaged and not constants and not shared and plain:
        return inner(straight(x).text, straight(y).text)
    if averaged and not constants:
        axes = tuple(whole[name] for name in kept)
        first, second = (
            _placed(value, mine, kept, axes) for value, mine in ((x, left), (y, right))
        )
        if first is not None and second is not None:
            return call("avg", binary("*", first, second))
    letters = _letters(whole)
    terms = ",".join(_term(mine, value, letters) for mine, value in ((left, x), (right, y)))
    result = "".join(letters[name] for name in kept)
    text = call("einsum", f'"{terms}->{result}"', x.text, y.text)
    return call("avg", text) if averaged else text


def _constant_count(axis: Axis) -> int:
    return sum(f.extent is Extent.CONSTANT for f in axis)


def _of(names: list[object], value: Value, name: object) -> bool:
    """Whether a value has a constant axis of this name."""
    return name in names and _constant_count(value.axes[names.index(name)]) > 0


def _placed(value: Value, names: list[object], order: list[object], whole: Axes) -> Text | None:
    """Return a value with new axes where it lacks some; None if its own are in another order."""
    value = straight(value)
    own = [name for name in names if name in order and _of(names, value, name)]
    if own != [name for name in order if name in own]:
        return None
    axes = tuple(value.axes[names.index(name)] if name in names else () for name in order)
    return spread(value, axes, whole)


def _term(names: list[object], value: Value, letters: dict[object, str]) -> str:
    """Return the letters of a value's constant axes, in the order of its text."""
    own = "".join(letters[name] for name in names if _of(names, value, name))
    return "".join(own[place] for place in value.places)


def _letters(whole: dict[object, Axis]) -> dict[object, str]:
    """Return letters for the constant factors of each name."""
    free = iter(LETTERS)
    return {
        name: "".join(next(free) for _ in range(_constant_count(axis)))
        for name, axis in whole.items()
    }


@rule("einsum")
def _einsum(t: Translation) -> Found:
    equation, operands = t.argument(0), t.values_of(t.argument(1))
    assert isinstance(equation, str)
    left, _, result = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != 2 or "..." in equation:
        raise t.refuse(NoImportRule("einsum", "of two operands, without dots"))
    x, y = operands
    return contracted(t, x, list(terms[0]), y, list(terms[1]), list(result))
