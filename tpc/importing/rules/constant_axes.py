"""Reshapes, permutations, selections and joins: what only moves entries."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import prod

from tpc.importing.axes import Axes, Axis, Extent, Factor, Refine, constant, growing, regrouped
from tpc.importing.capture import Argument, Reference
from tpc.importing.faults import MixedReshape, NoImportRule
from tpc.importing.ground import shown
from tpc.importing.text import Text, behind, binary, call
from tpc.importing.translation import Found, Translation, rule
from tpc.importing.values import Value, constants_of, ordered, settled, straight


def whole(t: Translation, at: int, keyword: str, default: Argument = None) -> int:
    """Return an argument that is a whole number."""
    value = t.argument(at, keyword, default)
    assert isinstance(value, int), value
    return value


def axis_at(value: Value, at: int) -> int:
    """Return the number of an axis, counted from the front."""
    return at % len(value.axes) if value.axes else 0


def position(axes: Axes, at: int) -> int:
    """Return how many constant axes of the language stand before one of the model."""
    return sum(own < at for own, _ in constants_of(axes))


def moved(t: Translation, value: Value, text: Text, axes: Axes) -> Value:
    """Return a value whose entries were moved: it keeps its factor, power and pending sum."""
    text = replace(text, module=t.operation.module or "x") if text is not value.text else text
    return replace(value, text=text, axes=axes, static=None, tensor=None, entries=())


# ------------------------------------------------------------------------------------- reshapes


@rule("view", "reshape", "flatten", "unflatten", "_unsafe_view", "unsqueeze", "squeeze",
      "view_as", "reshape_as")  # fmt: skip
def _reshape(t: Translation) -> Found:
    return reshaped(t, t.raw(t.argument(0)), t.shape())


def reshaped(t: Translation, value: Value, sizes: Axes) -> Value:
    """Return a value with its axes grouped otherwise.

    Raises:
        Refine: A growing factor is to be taken apart, and a tensor says where it comes from.
        ImportRefused: Growing and constant axes would be mixed.
    """
    own = [factor for axis in value.axes for factor in axis]
    try:
        axes = regrouped(value.axes, sizes)
    except Refine as refine:
        if refine.factor.source:
            raise
        return reshaped(t, _split_up(t, value, sizes, refine), sizes)
    except ValueError:
        before, after = shown(value.axes), shown(sizes)
        raise t.refuse(MixedReshape(t.operation.does, before, after)) from None
    axes = tuple(map(_joined, axes))
    new = [factor for axis in axes for factor in axis]
    if _constants(own) == _constants(new):
        return moved(t, value, value.text, axes)
    value = straight(value)
    shape = ", ".join(str(int(f.ratio)) for f in _constants(new))
    return moved(t, value, call("reshape", value.text, f"[{shape}]"), axes)


def _joined(axis: Axis) -> Axis:
    """Return an axis of nothing but constant factors as one factor."""
    if len(axis) < 2 or len(_constants(axis)) < len(axis):
        return axis
    return (constant(prod(int(factor.ratio) for factor in axis)),)


def _constants(factors: Iterable[Factor]) -> list[Factor]:
    return [factor for factor in factors if factor.extent is Extent.CONSTANT]


def _split_up(t: Translation, value: Value, sizes: Axes, refine: Refine) -> Value:
    """Take a growing factor of no tensor apart, in equal parts."""
    outer, inner = refine.parts
    if outer.grows:
        raise t.refuse(MixedReshape(t.operation.does, shown(value.axes), shown(sizes)))
    at = next(i for i, axis in enumerate(value.axes) if refine.factor in axis)
    parts = tuple(
        part
        for factor in value.axes[at]
        for part in ((outer, inner) if factor is refine.factor else (factor,))
    )
    axes = (*value.axes[:at], parts, *value.axes[at + 1 :])
    text = call("split", settled(value).text, str(outer.ratio))
    front = position(axes, at)
    rank = len(constants_of(axes))
    found = moved(t, replace(value, factor=1.0), text, axes)
    return replace(found, order=ordered((front, *(i for i in range(rank) if i != front))))


@rule("permute", "transpose", "t", "swapaxes", "movedim", "numpy_T", "mT")
def _permute(t: Translation) -> Found:
    value = t.raw(t.argument(0))
    rank = len(value.axes)
    order = list(range(rank))
    match t.operation.does:
        case "permute":
            dims = t.argument(1, "dims")
            assert isinstance(dims, tuple)
            order = [at % rank for at in dims if isinstance(at, int)]
        case "t" | "numpy_T":
            order = order[::-1]
        case "mT":
            order[-2:] = order[:-3:-1]
        case "movedim":
            source, target = (whole(t, at, "") % rank for at in (1, 2))
            order.insert(target, order.pop(source))
        case _:
            first, second = (whole(t, at, "") % rank for at in (1, 2))
            order[first], order[second] = order[second], order[first]
    return transposed(t, value, order)


def transposed(t: Translation, value: Value, order: Sequence[int]) -> Value:
    """Return a value with the model's axes in another order."""
    axes = tuple(value.axes[at] for at in order)
    numbered = list(enumerate(constants_of(value.axes)))
    new = [number for at in order for number, (own, _) in numbered if own == at]
    places = ordered([new.index(at) for at in value.places])
    return replace(moved(t, value, value.text, axes), order=places)


@rule("expand", "broadcast_to", "expand_as")
def _expand(t: Translation) -> Found:
    value = t.value(t.argument(0))
    return expanded(t, value, t.shape())


def expanded(t: Translation, value: Value, axes: Axes) -> Value:
    """Return a value repeated along axes of length 1."""
    own = ((),) * (len(axes) - len(value.axes)) + value.axes
    new = tuple(mine or wanted for mine, wanted in zip(own, axes, strict=True))
    repeated = [at for at, axis in enumerate(new) if not own[at] and _constants(axis)]
    if not repeated:
        return moved(t, value, value.text, new)
    ones = tuple(axis if at in repeated else () for at, axis in enumerate(new))
    shape = ", ".join(str(int(f.ratio)) for _, f in constants_of(ones))
    texts, _ = t.broadcast([replace(value, axes=own), Value(call("ones", f"[{shape}]"), ones)])
    return moved(t, value, binary("*", *texts), new)


# ----------------------------------------------------------------------------------- selections


@rule("select")
def _select(t: Translation) -> Found:
    value = t.raw(t.argument(0))
    at = axis_at(value, whole(t, 1, "dim"))
    index = t.argument(2, "index")
    assert isinstance(index, int)
    return picked(t, value, at, index)


def picked(t: Translation, value: Value, at: int, index: int) -> Value:
    """Return one entry along an axis."""
    axes = (*value.axes[:at], *value.axes[at + 1 :])
    axis = value.axes[at]
    if not axis:
        return moved(t, value, value.text, axes)
    if value.entries and position(value.axes, at) == 0:
        return value.entries[index]
    if len(axis) > 1 or axis != tuple(_constants(axis)):
        raise t.refuse(NoImportRule("select", f"it takes one entry of an axis {shown((axis,))}"))
    gone = position(value.axes, at)
    left = [place - (place > gone) for place in value.places if place != gone]
    return replace(moved(t, value, indexed(value, at, str(index)), axes), order=ordered(left))


def indexed(value: Value, at: int, key: str) -> Text:
    """Return the text of a value with a key at one of the model's axes."""
    front = value.places.index(position(value.axes, at))
    return behind(value.text, "[" + ", ".join([*[":"] * front, key]) + "]")


@rule("slice")
def _slice(t: Translation) -> Found:
    value = t.raw(t.argument(0))
    at = axis_at(value, whole(t, 1, "dim", 0))
    start, stop = t.argument(2, "start"), t.argument(3, "end")
    step = whole(t, 4, "step", 1)
    if any(factor.grows for factor in value.axes[at]):
        return _grown_slice(t, value, at)
    sizes = t.shape()
    if sizes[at] == value.axes[at]:
        return moved(t, value, value.text, value.axes)
    assert isinstance(start, int | None) and isinstance(stop, int | None)
    if not value.axes[at] or len(value.axes[at]) > 1:
        raise t.refuse(NoImportRule("slice", f"of an axis {shown((value.axes[at],))}"))
    size = int(value.axes[at][0].ratio)
    key = ":".join(
        [str(start or ""), "" if stop is None or stop >= size else str(stop)]
        + ([str(step)] if step != 1 else [])
    )
    new = (*value.axes[:at], sizes[at], *value.axes[at + 1 :])
    if not sizes[at]:
        found = picked(t, value, at, start or 0)
        return replace(found, axes=(*found.axes[:at], (), *found.axes[at:]))
    return moved(t, value, indexed(value, at, key), new)


def _grown_slice(t: Translation, value: Value, at: int) -> Value:
    """Return a stretch of a growing axis, which is taken apart in equal parts."""
    size = t.shape()[at]
    start = t.argument(2, "start")
    first, power = t.number(start if start is not None else 0)
    axis = value.axes[at]
    if size == axis:
        return value
    if sum(f.grows for f in size) != 1 or (first and power != 1):
        raise t.refuse(MixedReshape("slice", shown(value.axes), shown(t.shape())))
    ratio = size[0].ratio
    total = axis[0].ratio
    for factor in axis[1:]:
        total *= factor.ratio
    if (total / ratio).denominator != 1 or (first / float(ratio)) % 1:
        advice = "stretches of a growing axis of unequal length: split the layer in two"
        raise t.refuse(NoImportRule("slice", advice))
    return parted(t, value, at, int(total / ratio))[round(first / float(ratio))]


def parted(t: Translation, value: Value, at: int, count: int) -> list[Value]:
    """Return equal parts of an axis."""
    axis = value.axes[at]
    total = axis[0].ratio
    for factor in axis[1:]:
        total *= factor.ratio
    each = total / count
    if len(axis) == 1 and not axis[0].grows and each > 1:
        value = straight(value)
        axes = (*value.axes[:at], (constant(int(each)),), *value.axes[at + 1 :])
        keys = (f"{int(i * each)}:{int(i * each + each)}" for i in range(count))
        return [moved(t, value, indexed(value, at, key), axes) for key in keys]
    part = growing(each) if any(f.grows for f in axis) else constant(int(each))
    whole_axes = (*value.axes[:at], (constant(count),), (part,), *value.axes[at + 1 :])
    cut = reshaped(t, value, whole_axes)
    return [picked(t, cut, at, index) for index in range(count)]


@rule(
    "split", "chunk", "split_with_sizes", "unbind", "tensor_split", "unsafe_split", "unsafe_chunk"
)
def _split(t: Translation) -> Found:
    value = t.raw(t.argument(0))
    at = axis_at(value, whole(t, 1 if t.operation.does == "unbind" else 2, "dim", 0))
    shapes = t.operation.shapes
    count = len(shapes[0])
    if t.operation.does == "unbind":
        return tuple(picked(t, value, at, index) for index in range(count))
    parts = [t.axes([tuple(shape[i]) for shape in shapes], t.operation.name) for i in range(count)]
    if len({part[at] for part in parts}) == 1:
        return tuple(parted(t, value, at, count))
    if any(factor.grows for factor in value.axes[at]) or any(not part[at] for part in parts):
        raise t.refuse(NoImportRule("split", "parts of a growing axis of unequal length"))
    found, start = [], 0
    for part in parts:
        size = int(part[at][0].ratio) if part[at] else 1
        key = f"{start}:{start + size}"
        axes = (*value.axes[:at], part[at], *value.axes[at + 1 :])
        found.append(moved(t, value, indexed(value, at, key), axes))
        start += size
    return tuple(found)


@rule("getitem")
def _getitem(t: Translation) -> Found:
    source, index = t.argument(0), t.argument(1)
    assert isinstance(source, Reference) and isinstance(index, int)
    values = t.values[source.name]
    assert isinstance(values, tuple)
    return values[index]


# ---------------------------------------------------------------------------------------- joins


@rule("cat", "concat", "concatenate")
def _cat(t: Translation) -> Found:
    values = [settled(value) for value in t.values_of(t.argument(0))]
    at = axis_at(values[0], whole(t, 1, "dim", 0))
    if any(factor.grows for value in values for factor in value.axes[at]):
        return _merged(t, values, at)
    others = [replace(value, axes=_without(value, at)) for value in values]
    _, rest = t.broadcast(others)
    axes = (*rest[:at], t.shape()[at], *rest[at + 1 :])
    texts = []
    for value in values:
        shaped = (*rest[:at], value.axes[at], *rest[at + 1 :])
        value = expanded(t, value, shaped)
        front = position(shaped, at)
        new = ", ".join([*[":"] * front, "None"])
        texts.append(value.text if value.axes[at] else behind(value.text, f"[{new}]"))
    return t.made(call("concat", *texts, f"axis={position(axes, at)}"), axes)


def _without(value: Value, at: int) -> Axes:
    return (*value.axes[:at], (), *value.axes[at + 1 :])


def _merged(t: Translation, values: list[Value], at: int) -> Value:
    """Join values along a growing axis: stacked parts of equal size."""
    if len({value.axes for value in values}) > 1:
        raise t.refuse(NoImportRule("cat", "growing axes of unequal length"))
    axes = values[0].axes
    factor = axes[at][0]
    if len(axes[at]) > 1:
        raise t.refuse(NoImportRule("cat", f"along an axis {shown((axes[at],))}"))
    text = call("stack", *(value.text for value in values))
    front = position(axes, at)
    new = (*axes[:at], (constant(len(values)), factor), *axes[at + 1 :])
    rank = len(constants_of(new))
    order = ordered((front, *(i for i in range(rank) if i != front)))
    return replace(t.made(text, new), order=order)


@rule("stack")
def _stack(t: Translation) -> Found:
    values = [settled(value) for value in t.values_of(t.argument(0))]
    at = whole(t, 1, "dim", 0) % (len(values[0].axes) + 1)
    _, rest = t.broadcast(values)
    axes = (*rest[:at], (constant(len(values)),), *rest[at:])
    texts = [expanded(t, value, rest).text for value in values]
    return t.made(call("stack", *texts, f"axis={position(axes, at)}"), axes)


@rule("repeat_interleave")
def _repeat_interleave(t: Translation) -> Found:
    value = t.value(t.argument(0))
    count, at = whole(t, 1, "repeats"), axis_at(value, whole(t, 2, "dim"))
    axes = (*value.axes[: at + 1], (constant(count),), *value.axes[at + 1 :])
    one = (*value.axes[: at + 1], (), *value.axes[at + 1 :])
    found = expanded(t, replace(value, axes=one), axes)
    joined = (*axes[:at], (*axes[at], *axes[at + 1]), *axes[at + 2 :])
    return reshaped(t, found, joined)
