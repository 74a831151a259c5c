"""Layer, root mean square, group and batch norm."""

from dataclasses import replace

from tpc.importing.capture import Argument
from tpc.importing.faults import NoImportRule, RunningStatistics
from tpc.importing.rules.elementwise import added, multiplied
from tpc.importing.text import call
from tpc.importing.translation import Found, Translation, rule
from tpc.importing.values import Value, numeral


def _with_gain(
    t: Translation, value: Value, gain: Argument, bias: Argument, behind: int = 0
) -> Value:
    """Return a normed value times a gain plus a bias, which have so many axes behind them."""

    def of(argument: Argument) -> Value:
        own = t.value(argument)
        return replace(own, axes=(*own.axes, *((),) * behind))

    if gain is not None:
        value = multiplied(t, of(gain), value)
    if bias is not None:
        value = added(t, value, of(bias))
    return replace(value, text=replace(value.text, named=True))


@rule("layer_norm", "native_layer_norm")
def _layer_norm(t: Translation) -> Found:
    x = t.plain(t.value(t.argument(0)), "layer norm")
    if len(_normed(t)) != 1 or not _grows(x, -1):
        raise t.refuse(NoImportRule("layer_norm", "over other axes than the one that grows"))
    eps = numeral(t.number(t.argument(4, "eps", 1e-5))[0])
    name = t.function("layernorm", "x", f"(x - avg(x)) / sqrt(avg(square(x - avg(x))) + {eps})")
    return _with_gain(
        t, t.made(call(name, x.text), x.axes), t.argument(2, "weight"), t.argument(3, "bias")
    )


@rule("rms_norm")
def _rms_norm(t: Translation) -> Found:
    x = t.plain(t.value(t.argument(0)), "rms norm")
    if len(_normed(t)) != 1 or not _grows(x, -1):
        raise t.refuse(NoImportRule("rms_norm", "over other axes than the one that grows"))
    eps = t.argument(3, "eps")
    spelled = numeral(t.number(2.0**-52 if eps is None else eps)[0])
    name = t.function("rmsnorm", "x", f"x / sqrt(avg(square(x)) + {spelled})")
    return _with_gain(t, t.made(call(name, x.text), x.axes), t.argument(2, "weight"), None)


def _normed(t: Translation) -> tuple[Argument, ...]:
    shape = t.argument(1, "normalized_shape")
    return shape if isinstance(shape, tuple) else tuple([None] * len(getattr(shape, "values", "")))


def _grows(x: Value, at: int) -> bool:
    """Whether an axis is one growing factor."""
    return len(x.axes[at]) == 1 and x.axes[at][0].grows


@rule("batch_norm", "cudnn_batch_norm", "native_batch_norm")
def _batch_norm(t: Translation) -> Found:
    x = t.plain(t.value(t.argument(0)), "batch norm")
    if not t.argument(5, "training"):
        raise t.refuse(RunningStatistics())
    if not _grows(x, 1):
        raise t.refuse(NoImportRule("batch_norm", "over channels that do not grow"))
    eps = numeral(t.number(t.argument(7, "eps", 1e-5))[0])
    mean = "batchmean(amean({}))" if x.shape else "batchmean({})"
    centred = f"x - {mean.format('x')}"
    body = f"({centred}) / sqrt({mean.format(f'square({centred})')} + {eps})"
    name = t.function("batchnorm", "x", body)
    found = t.made(call(name, x.text), x.axes)
    gain, bias = t.argument(1, "weight"), t.argument(2, "bias")
    return _with_gain(t, found, gain, bias, len(x.axes) - 2)
