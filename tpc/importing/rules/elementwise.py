"""Functions entry by entry, sums and products."""

from dataclasses import replace
from fractions import Fraction
from functools import partial

import numpy as np

from tpc.importing.capture import Argument
from tpc.importing.faults import ActiveDropout, NoImportRule, NoLinearReadout, WrongSize
from tpc.importing.text import Level, Text, binary, call, word
from tpc.importing.translation import Found, Translation, rule
from tpc.importing.values import Value, numeral, settled, straight

SAME = (
    "relu", "tanh", "sigmoid", "silu", "erf", "exp", "log", "sin", "cos", "sinh", "cosh", "abs",
    "sqrt", "rsqrt", "square", "mish", "selu", "softsign", "relu6", "log1p", "arctan",
)  # fmt: skip
"""The functions that have one name in both languages."""

SPELLED = {"atan": "arctan", "sgn": "sign", "sign": "sign", "relu_": "relu", "silu_": "silu"}


def function(t: Translation, value: Value, name: str, *arguments: str) -> Value:
    """Return a nonlinear function of a value."""
    x = t.plain(value, name)
    return replace(t.made(call(name, x.text, *arguments), x.axes), order=x.order)


def _same(name: str, t: Translation) -> Found:
    return function(t, t.raw(t.argument(0)), name)


for _name in SAME:
    rule(_name)(partial(_same, _name))
for _name, _spelled in SPELLED.items():
    rule(_name)(partial(_same, _spelled))


@rule("gelu")
def _gelu(t: Translation) -> Found:
    tanh = t.argument(1, "approximate", "none") == "tanh"
    return function(t, t.raw(t.argument(0)), "gelu_tanh" if tanh else "gelu")


@rule("softplus")
def _softplus(t: Translation) -> Found:
    beta, _ = t.number(t.argument(1, "beta", 1))
    x = t.plain(scaled(t.value(t.argument(0)), beta), "softplus")
    return scaled(t.made(call("softplus", x.text), x.axes), 1 / beta)


@rule("leaky_relu", "leaky_relu_")
def _leaky_relu(t: Translation) -> Found:
    slope, _ = t.number(t.argument(1, "negative_slope", 0.01))
    return function(t, t.value(t.argument(0)), "leaky_relu", numeral(slope))


@rule("elu", "elu_")
def _elu(t: Translation) -> Found:
    scale, _ = t.number(t.argument(1, "alpha", 1.0))
    return function(t, t.value(t.argument(0)), "elu", numeral(scale))


@rule("hardtanh", "hardtanh_", "clamp", "clip")
def _clamp(t: Translation) -> Found:
    low, high = t.argument(1, "min", -1.0), t.argument(2, "max", 1.0)
    x = t.plain(t.value(t.argument(0)), "clip")
    text = x.text
    if low is not None:
        text = call("max", text, numeral(t.number(low)[0]))
    if high is not None:
        text = call("min", text, numeral(t.number(high)[0]))
    return t.made(text, x.axes)


@rule("maximum", "minimum")
def _extreme(t: Translation) -> Found:
    name = {"maximum": "max", "minimum": "min"}[t.operation.does]
    values = [t.plain(t.value(t.argument(at)), name) for at in range(2)]
    texts, axes = t.broadcast(values)
    return t.made(call(name, *texts), axes)


@rule("pow")
def _pow(t: Translation) -> Found:
    exponent, power = t.number(t.argument(1, "exponent"))
    x = t.value(t.argument(0))
    if power:
        raise t.refuse(WrongSize("an exponent", str(power), str(-power), "pow", "changes"))
    if exponent == 2:
        return function(t, x, "square")
    x = t.plain(x, "pow")
    text = Text(((x.text, Level.ATOM), f"^{_exponent(exponent)}"), Level.SIGN)
    return t.made(text, x.axes)


def _exponent(value: float) -> str:
    spelled = numeral(value)
    return spelled if spelled.replace(".", "").isdigit() else f"({spelled})"


@rule("reciprocal")
def _reciprocal(t: Translation) -> Found:
    return divided(t, t.value(1), t.value(t.argument(0)))


@rule("neg")
def _neg(t: Translation) -> Found:
    return scaled(t.raw(t.argument(0)), -1.0)


@rule("mul", "mul_", "multiply")
def _mul(t: Translation) -> Found:
    return multiplied(t, t.raw(t.argument(0)), t.raw(t.argument(1)))


@rule("div", "div_", "true_divide")
def _div(t: Translation) -> Found:
    return divided(t, t.raw(t.argument(0)), t.raw(t.argument(1)))


@rule("add", "add_", "sub", "sub_", "rsub")
def _add(t: Translation) -> Found:
    left, right = t.value(t.argument(0)), t.value(t.argument(1))
    if t.operation.does == "rsub":
        left, right = right, left
    alpha, _ = t.number(t.argument(2, "alpha", 1))
    sign = "+" if t.operation.does.startswith("add") else "-"
    return added(t, left, scaled(right, alpha), sign)


def scaled(value: Value, factor: float, power: Fraction = Fraction(0)) -> Value:
    """Return a value times factor * n^power."""
    if factor == 1 and power == 0:
        return value
    changed = value.factor * factor, value.power + power
    return replace(value, factor=changed[0], power=changed[1], static=None, entries=())


def is_number(value: Value) -> bool:
    """Whether a value is one number."""
    return value.text.pieces == ("1",) and not value.shape and not value.growing


def multiplied(t: Translation, left: Value, right: Value) -> Value:
    """Return the product of two values, entry by entry."""
    if is_number(right):
        left, right = right, left
    if is_number(left):
        return replace(scaled(right, left.factor, left.power), axes=t.broadcast([left, right])[1])
    for value in (left, right):
        if value.summed:
            t.plain(value, "a product")
    texts, axes = t.broadcast([straight(left), straight(right)])
    product = t.made(binary("*", *texts), axes)
    return replace(product, factor=left.factor * right.factor, power=left.power + right.power)


def divided(t: Translation, left: Value, right: Value) -> Value:
    """Return the quotient of two values, entry by entry."""
    if is_number(right):
        return scaled(left, 1 / right.factor, -right.power)
    left, below = straight(left), straight(t.plain(right, "a quotient"))
    if left.summed:
        t.plain(left, "a quotient")
    texts, axes = t.broadcast([left, below])
    quotient = t.made(binary("/", *texts), axes)
    return replace(quotient, factor=left.factor, power=left.power)


def added(t: Translation, left: Value, right: Value, sign: str = "+") -> Value:
    """Return the sum or difference of two values.

    Raises:
        ImportRefused: One is of another size in n than the other.
    """
    for value, other in ((left, right), (right, left)):
        if value.summed and not other.summed and not other.growing:
            return _biased(t, value, other, sign)
    if is_zero(right):
        return replace(left, axes=t.broadcast([left, right])[1])
    if is_zero(left):
        right = scaled(right, -1.0 if sign == "-" else 1.0)
        return replace(right, axes=t.broadcast([left, right])[1])
    if left.power != right.power:
        small = left if left.power < right.power else right
        name = small.text.module or t.operation.module or "a value"
        power = str(small.power - max(left.power, right.power))
        raise t.refuse(WrongSize(name, power, str(-Fraction(power)), "a sum", "vanishes beside"))
    if right.factor < 0:
        sign, right = {"+": "-", "-": "+"}[sign], scaled(right, -1.0)
    values = [settled(number_text(left)), settled(number_text(right))]
    texts, axes = t.broadcast(values)
    found = t.made(binary(sign, *texts), axes)
    return replace(found, power=left.power, summed=left.summed)


def number_text(value: Value) -> Value:
    """Return a number with its factor as its text."""
    return (
        replace(value, text=word(numeral(value.factor)), factor=1.0) if is_number(value) else value
    )


def is_zero(value: Value) -> bool:
    """Whether a value is 0."""
    return value.factor == 0


def _biased(t: Translation, value: Value, bias: Value, sign: str) -> Value:
    """Leave the bias of a readout out, which is a finite number beside the sum."""
    if bias.tensor is None or sign == "-" or t.weights.output_bias not in (None, bias.tensor):
        raise t.refuse(NoLinearReadout("a sum over a growing axis, plus other values"))
    t.weights.leave_out(bias.tensor)
    t.note(f"{bias.tensor}: bias of a finite output: left out of the readout")
    return value


@rule("dropout", "dropout_", "feature_dropout", "alpha_dropout")
def _dropout(t: Translation) -> Found:
    rate, active = t.argument(1, "p", 0.5), t.argument(2, "train", True)
    if rate and active:
        raise t.refuse(ActiveDropout(f"{rate:g}" if isinstance(rate, float) else str(rate)))
    return t.raw(t.argument(0))


@rule("contiguous", "clone", "to", "_to_copy", "detach", "alias", "type_as", "lift_fresh_copy",
      "float", "double")  # fmt: skip
def _same_value(t: Translation) -> Found:
    return t.raw(t.argument(0))


@rule("masked_fill", "masked_fill_")
def _masked_fill(t: Translation) -> Found:
    mask = t.value(t.argument(1, "mask"))
    x = t.value(t.argument(0))
    if mask.static is None:
        raise t.refuse(NoImportRule("masked_fill", "its mask depends on the input"))
    kept = t.static(1.0 - mask.static, "mask")
    return chosen(t, kept, x, t.value(_finite(t.argument(2, "value"))))


@rule("where")
def _where(t: Translation) -> Found:
    mask = t.value(t.argument(0))
    if mask.static is None:
        raise t.refuse(NoImportRule("where", "its condition depends on the input"))
    values = (t.value(_finite(t.argument(at))) for at in (1, 2))
    return chosen(t, mask, *values)


def chosen(t: Translation, mask: Value, first: Value, second: Value) -> Value:
    """Return the first value where a mask is 1, else the second."""
    first, second = (number_text(t.plain_number(x, "where")) for x in (first, second))
    texts, axes = t.broadcast([mask, first, second])
    return t.made(call("where", *texts), axes)


def _finite(value: Argument) -> Argument:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(np.clip(value, -1e30, 1e30))
    return value
