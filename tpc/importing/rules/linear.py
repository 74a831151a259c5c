"""Products with tensors of the model: linear layers and embeddings."""

from dataclasses import replace

import numpy as np

from tpc.importing.axes import Axis, Refine
from tpc.importing.capture import Argument, Fixed, Reference
from tpc.importing.faults import Bottleneck, MixedReshape, NoImportRule
from tpc.importing.ground import shown
from tpc.importing.rules.elementwise import added
from tpc.importing.text import Text, behind, binary, call, word
from tpc.importing.translation import Found, Translation, rule
from tpc.importing.values import Value, arranged, constants_of, ordered, settled, straight


@rule("linear")
def _linear(t: Translation) -> Found:
    weight = t.argument(1, "weight")
    assert isinstance(weight, Reference)
    found = linear(t, t.raw(t.argument(0)), weight.name)
    return biased(t, found, t.argument(2, "bias"))


@rule("addmm")
def _addmm(t: Translation) -> Found:
    weight = t.argument(2)
    assert isinstance(weight, Reference)
    found = linear(t, t.value(t.argument(1)), weight.name, transposed=True)
    return biased(t, found, t.argument(0))


def biased(t: Translation, value: Value, bias: Argument) -> Value:
    """Return a value plus a bias, if there is one."""
    if bias is None:
        return value
    bare = straight(replace(value, text=replace(value.text, named=False)))
    found = added(t, bare, t.value(bias))
    return replace(found, text=replace(found.text, named=True))


def linear(t: Translation, x: Value, name: str, transposed: bool = False) -> Value:
    """Return W x, summed over the last axis of x.

    Args:
        t: The translation.
        x: The value.
        name: The tensor W, of shape (out, in).
        transposed: Whether it is of shape (in, out).
    """
    axes = t.weights.tensor_axes(name)
    if transposed:
        axes = axes[::-1]
    rows = axes[0]
    grows_out, grows_in = (any(factor.grows for factor in axis) for axis in axes)
    if not grows_out and not grows_in:
        return _scalar_like(t, x, name, transposed)
    if not grows_in:
        return input_like(t, x, name)
    if grows_out:
        return matrix_like(t, x, name, rows, transposed)
    return readout(t, x, name)


def matrix_like(t: Translation, x: Value, name: str, rows: Axis, transposed: bool) -> Value:
    """Return W x with a matrix; constant factors of its rows stand behind those of x."""
    if x.summed:
        t.plain(x, "a matrix")
    columns = x.axes[-1]
    vectors, places = merged(t, x)
    identifier, shape = t.weights.matrix(name, rows, columns, transposed)
    axes = (*x.axes[:-1], rows)
    found = t.made(binary("@", word(identifier), vectors), axes, named=True)
    order = ordered((*range(len(places), len(places) + len(shape)), *places))
    return replace(found, factor=x.factor, power=x.power, order=order)


def merged(t: Translation, x: Value) -> tuple[Text, tuple[int, ...]]:
    """Return a value whose last axis is one growing factor: constant ones are merged into it.

    Returns:
        Its text, and which of the value's other constant axes those of the text are.
    """
    last = [factor for factor in x.axes[-1] if not factor.grows]
    if len(last) == len(x.axes[-1]):
        raise t.refuse(MixedReshape(t.operation.does, shown(x.axes), "a growing axis"))
    if not last:
        return x.text, x.places
    others = len(x.shape) - len(last)
    rest = tuple(at for at in x.places if at < others)
    text = arranged(x, (*range(others, len(x.shape)), *rest))
    if len(last) > 1:
        sizes = [int(np.prod([int(f.ratio) for f in last])), *(x.shape[at] for at in rest)]
        text = call("reshape", text, f"[{', '.join(map(str, sizes))}]")
    return call("merge", text), rest


def input_like(t: Translation, x: Value, name: str) -> Value:
    """Return U x for a tensor U whose rows grow, and a value of constant shape."""
    weight = t.weights.ket(name)
    rows = weight.axes[0]
    if x.growing:
        raise t.refuse(MixedReshape(t.operation.does, shown(x.axes), shown(weight.axes)))
    x = settled(straight(x))
    extra = sum(not factor.grows for factor in rows)
    rank = len(x.shape)
    axes = (*x.axes[:-1], rows)
    if not x.axes[-1]:  # one feature
        pattern = ", ".join([":"] * extra + ["None"] * rank)
        column = behind(weight.text, f"[{pattern}]") if extra and rank else weight.text
        text, kept = binary("*", column, x.text), rank
    else:
        text = binary("@", weight.text, arranged(x, (rank - 1, *range(rank - 1))))
        kept = rank - 1
    order = ordered((*range(kept, kept + extra), *range(kept)))
    return replace(t.made(text, axes, named=True), power=x.power, order=order)


def readout(t: Translation, x: Value, name: str) -> Value:
    """Return the sum over a growing axis of v x; the sum itself is the readout's."""
    columns = t.weights.tensor_axes(name)[-1]
    rows = t.weights.tensor_axes(name)[0]
    if x.summed:
        raise t.refuse(Bottleneck(t.operation.module or name))
    x = straight(x)
    if x.axes[-1] != columns:
        parts, whole = x.axes[-1], columns
        if len(whole) == 1 and whole[0].grows and len(parts) > 1:
            raise Refine(whole[0], parts)
        raise t.refuse(MixedReshape(t.operation.does, shown(x.axes), shown((columns,))))
    if len(columns) > 1:
        advice = "merge the heads before the readout"
        raise t.refuse(NoImportRule("linear", advice))
    vector, power = t.weights.readout_vector(name)
    pattern = [":"] * len(x.shape) + ["None"] * len(constants_of((rows,)))
    text = behind(x.text, f"[{', '.join(pattern)}]") if rows and x.shape else x.text
    axes = (*x.axes[:-1], rows)
    found = t.made(binary("*", vector.text, text), axes)
    t.weights.output_power = power
    return replace(found, factor=x.factor, power=x.power, summed=columns[0])


def _scalar_like(t: Translation, x: Value, name: str, transposed: bool) -> Value:
    """Return W x for a tensor without growing axes, over the last constant axis of x."""
    weight = t.weights.ket(name)
    x = straight(t.plain(x, "a layer of constant size"))
    across = weight.text if transposed else behind(weight.text, ".T")
    if len(weight.shape) != 2 or not x.shape:
        raise t.refuse(NoImportRule("linear", "a layer of constant size and one unit"))
    axes = (*x.axes[:-1], weight.axes[1 if transposed else 0])
    return t.made(binary("@", x.text, across), axes, named=True)


@rule("embedding")
def _embedding(t: Translation) -> Found:
    table, indices = t.argument(0), t.argument(1)
    assert isinstance(table, Reference)
    weight = t.weights.ket(table.name)
    classes, *rest = weight.axes
    count = int(classes[0].ratio) if classes else 1
    if isinstance(indices, Fixed):
        where = indices.entries.astype(int)
        axes = (*t.static(indices.entries).axes, *rest)
        if where.ndim == 1 and np.array_equal(where, np.arange(count)):
            return replace(weight, axes=axes, tensor=None)
        listed = "[" + ", ".join(map(str, where.ravel())) + "]"
        text = call("take", weight.text, listed, "axis=0")
        if where.ndim > 1:
            shape = ", ".join(map(str, (*where.shape, *weight.shape[1:])))
            text = call("reshape", text, f"[{shape}]")
        return t.made(text, axes)
    one_hot = t.one_hot(indices, count)
    rank = len(one_hot.shape)
    x = arranged(one_hot, (rank - 1, *range(rank - 1)))
    axes = (*one_hot.axes[:-1], *rest)
    if len(weight.shape) > 1:
        advice = "an embedding whose columns are used in parts: split it after a linear layer"
        raise t.refuse(NoImportRule("embedding", advice))
    return t.made(binary("@", weight.text, x), axes, named=True)
