"""Sums, means and extremes over axes, softmax."""

from dataclasses import replace
from fractions import Fraction

from tpc.importing.axes import Axes, Extent
from tpc.importing.capture import Argument
from tpc.importing.faults import AttentionScale, NoImportRule
from tpc.importing.rules.constant_axes import axis_at
from tpc.importing.rules.elementwise import function, scaled
from tpc.importing.text import Text, call
from tpc.importing.translation import Found, Translation, rule
from tpc.importing.values import Value, constants_of, settled, straight


@rule("mean", "sum")
def _mean(t: Translation) -> Found:
    value = t.value(t.argument(0))
    return averaged(t, value, dims(t, value, t.argument(1, "dim")), bool(t.argument(2, "keepdim")))


def dims(t: Translation, value: Value, given: Argument) -> list[int]:
    """Return the axes that an argument names; all without one."""
    if given is None:
        return list(range(len(value.axes)))
    listed = given if isinstance(given, tuple) else (given,)
    return [axis_at(value, at) for at in listed if isinstance(at, int)]


def averaged(t: Translation, value: Value, over: list[int], keep: bool) -> Value:
    """Return the mean, or the sum, over some axes."""
    if value.summed:
        t.plain(value, "a mean")
    total = t.operation.does == "sum"
    text, factor, power = settled(value).text, 1.0, Fraction(0)
    extents = {factor.extent for at in over for factor in value.axes[at]}
    text = _over_constants(text, value.axes, over, total)
    for at in over:
        for each in value.axes[at]:
            if each.grows and total:
                factor, power = factor * float(each.ratio), power + 1
    if Extent.WIDTH in extents:
        text = call("avg", text)
    if Extent.ROWS in extents:
        if total:
            raise t.refuse(NoImportRule("sum", "over the rows of a batch: take the mean"))
        text = call("batchmean", text)
    axes = reduced(value.axes, over, keep)
    return replace(t.made(text, axes), factor=factor, power=value.power + power)


def reduced(axes: Axes, over: list[int], keep: bool) -> Axes:
    """Return the axes that a reduction leaves."""
    if keep:
        return tuple(() if at in over else axis for at, axis in enumerate(axes))
    return tuple(axis for at, axis in enumerate(axes) if at not in over)


def _over_constants(text: Text, axes: Axes, over: list[int], total: bool) -> Text:
    """Return the mean or sum over the constant axes among some of the model's."""
    own = [at for at, _ in constants_of(axes)]
    numbers = [number for number, at in enumerate(own) if at in over]
    if not numbers:
        return text
    name = "sum" if total else "amean"
    if len(numbers) == len(own):
        return call(name, text)
    listed = str(numbers[0]) if len(numbers) == 1 else str(numbers)
    return call(name, text, f"axis={listed}")


@rule("amax", "amin")
def _extreme(t: Translation) -> Found:
    value = t.plain(t.value(t.argument(0)), t.operation.does)
    over = dims(t, value, t.argument(1, "dim"))
    if any(f.extent is not Extent.CONSTANT for at in over for f in value.axes[at]):
        raise t.refuse(NoImportRule(t.operation.does, "over an axis that grows has no limit"))
    own = [at for at, _ in constants_of(value.axes)]
    numbers = [number for number, at in enumerate(own) if at in over]
    listed = [f"axis={numbers}"] if len(numbers) < len(own) else []
    text = call(t.operation.does, value.text, *listed)
    return t.made(text, reduced(value.axes, over, bool(t.argument(2, "keepdim"))))


@rule("softmax", "_softmax", "_safe_softmax")
def _softmax(t: Translation) -> Found:
    at = t.argument(1, "dim")
    assert isinstance(at, int)
    return softmax(t, t.value(t.argument(0)), at)


def softmax(t: Translation, value: Value, at: int) -> Value:
    """Return the softmax over one constant axis."""
    value = straight(_attended(t, value))
    at = axis_at(value, at)
    axis = value.axes[at]
    if any(factor.extent is not Extent.CONSTANT for factor in axis) or len(axis) > 1:
        raise t.refuse(NoImportRule("softmax", "over an axis that grows has no limit"))
    number = [own for own, _ in constants_of(value.axes)].index(at)
    last = number == len(value.shape) - 1
    found = function(t, value, "softmax", *([] if last else [f"axis={number}"]))
    module = ".".join(filter(None, (t.operation.module, "attention")))
    return replace(found, text=replace(found.text, module=module, named=True))


def _attended(t: Translation, logits: Value) -> Value:
    """Return logits, scaled by the head size where they are scaled by its root."""
    if logits.power != Fraction(1, 2):
        return logits
    if t.attention != "mup":
        raise t.refuse(AttentionScale())
    return scaled(logits, t.capture.widths[0] ** 0.5, Fraction(-1, 2))


@rule("cumsum")
def _cumsum(t: Translation) -> Found:
    value = settled(t.value(t.argument(0)))
    at = axis_at(value, int(str(t.argument(1, "dim"))))
    number = [own for own, _ in constants_of(value.axes)].index(at)
    return replace(
        t.made(call("cumsum", value.text, f"axis={number}"), value.axes), power=value.power
    )


@rule("var")
def _var(t: Translation) -> Found:
    value = t.plain(t.value(t.argument(0)), "var")
    over = dims(t, value, t.argument(1, "dim"))
    if t.argument(2, "correction", 1) not in (0, False):
        t.note(f"{t.operation.module}: var with a correction: without one in the limit")
    if any(f.extent is not Extent.WIDTH for at in over for f in value.axes[at]):
        raise t.refuse(NoImportRule("var", "over axes that do not grow"))
    centred = t.function("variance_of", "x", "avg(square(x - avg(x)))")
    return t.made(
        call(centred, value.text), reduced(value.axes, over, bool(t.argument(3, "keepdim")))
    )
