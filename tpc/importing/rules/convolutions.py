"""Convolutions and pooling."""

from dataclasses import replace

from tpc.importing.axes import Axes
from tpc.importing.capture import Argument, Reference
from tpc.importing.faults import NoImportRule
from tpc.importing.rules.elementwise import added
from tpc.importing.text import Text, behind, call, word
from tpc.importing.translation import Found, Translation, rule
from tpc.importing.values import Value, settled


@rule("conv1d", "conv2d", "convolution")
def _conv(t: Translation) -> Found:
    weight = t.argument(1, "weight")
    assert isinstance(weight, Reference)
    if t.argument(6, "groups", 1) != 1:
        raise t.refuse(NoImportRule(t.operation.does, "in groups"))
    x = t.value(t.argument(0))
    axes = t.weights.tensor_axes(weight.name)
    spatial = t.shape()[2:]
    options = _options(t)
    if any(factor.grows for factor in axes[1]):
        identifier, _ = t.weights.matrix(weight.name, axes[0], x.axes[1])
        kernel: Text = word(identifier)
        if len(axes[0]) > 1:
            raise t.refuse(NoImportRule(t.operation.does, "whose channels are used in parts"))
    else:
        vector = t.weights.ket(weight.name)
        if x.growing:
            raise t.refuse(NoImportRule(t.operation.does, "of a growing axis with one that is not"))
        kernel = vector.text
        if not vector.axes[1]:  # one channel
            kernel, x = behind(kernel, "[None]"), replace(x, text=behind(x.text, "[None]"))
    result: Axes = (x.axes[0], axes[0], *spatial)
    if not all((*x.axes[2:], *spatial, *axes[2:])):
        raise t.refuse(NoImportRule(t.operation.does, "of images or with kernels of one pixel"))
    found = t.made(call("conv", settled(x).text, kernel, *options), result, named=True)
    found = replace(found, power=x.power)
    return biased_channels(t, found, t.argument(2, "bias"))


def biased_channels(t: Translation, value: Value, bias: Argument) -> Value:
    """Return a value plus a bias of its channels, its second axis."""
    if bias is None:
        return value
    own = t.value(bias)
    axes = (own.axes[0], *((),) * (len(value.axes) - 2))
    bare = replace(value, text=replace(value.text, named=False))
    summed = added(t, bare, replace(own, axes=axes))
    return replace(summed, text=replace(summed.text, named=True))


def _options(t: Translation) -> list[str]:
    """Return stride, padding and dilation, where they are not the default."""
    found = []
    for at, name, default in ((3, "stride", 1), (4, "padding", 0), (5, "dilation", 1)):
        given = t.argument(at, name, default)
        listed = list(given) if isinstance(given, tuple) else [given]
        if isinstance(listed[0], str):
            raise t.refuse(NoImportRule(t.operation.does, f"with padding={listed[0]}"))
        if set(listed) != {default}:
            same = len(set(listed)) == 1
            found.append(f"{name}={listed[0] if same else listed}")
    return found


@rule("avg_pool2d", "max_pool2d", "avg_pool1d", "max_pool1d", "max_pool2d_with_indices")
def _pool(t: Translation) -> Found:
    name = "avgpool" if t.operation.does.startswith("avg") else "maxpool"
    x = t.value(t.argument(0))
    x = t.plain(x, name) if name == "maxpool" else settled(x)
    window, stride = _pair(t.argument(1, "kernel_size")), t.argument(2, "stride", ())
    if (stride not in ((), None) and _pair(stride) != window) or any(
        t.argument(at) not in (0, None, (0, 0), 1, False, (1, 1)) for at in (3,)
    ):
        raise t.refuse(NoImportRule(t.operation.does, "with windows that overlap, or padding"))
    spatial = len(t.shape()) - 2
    listed = list(window) * (spatial if len(window) == 1 else 1)
    found = t.made(call(name, x.text, str(listed)), (*x.axes[:2], *t.shape()[2:]))
    return replace(found, power=x.power)


@rule("adaptive_avg_pool2d", "adaptive_avg_pool1d")
def _adaptive_pool(t: Translation) -> Found:
    x = settled(t.value(t.argument(0)))
    sizes, before = t.shape()[2:], x.axes[2:]
    if all(not axis for axis in sizes):
        text = call("amean", x.text) if x.shape else x.text
        return replace(t.made(text, (*x.axes[:2], *sizes)), power=x.power)
    pairs = [
        (int(b[0].ratio) if b else 1, int(a[0].ratio) if a else 1)
        for b, a in zip(before, sizes, strict=True)
    ]
    if any(b % a for b, a in pairs):
        raise t.refuse(NoImportRule(t.operation.does, "to a size that does not divide"))
    window = [b // a for b, a in pairs]
    return replace(
        t.made(call("avgpool", x.text, str(window)), (*x.axes[:2], *sizes)), power=x.power
    )


def _pair(value: Argument) -> tuple[Argument, ...]:
    return value if isinstance(value, tuple) else (value,)
