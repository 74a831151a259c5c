"""Recurrent layers, written out over their steps.

LSTM: i, f, g, o = W_ih x + b_ih + W_hh h + b_hh, c' = s(f) c + s(i) tanh(g), h' = s(o) tanh(c')
GRU:  r, z = s(the same),  n = tanh(W_in x + b_in + r (W_hn h + b_hn)),  h' = (1 - z) n + z h
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeAlias

from tpc.importing.axes import constant
from tpc.importing.capture import Argument, Reference
from tpc.importing.faults import ActiveDropout, NoImportRule
from tpc.importing.rules.constant_axes import parted, picked
from tpc.importing.rules.elementwise import added, function, multiplied
from tpc.importing.rules.linear import biased, linear
from tpc.importing.text import call
from tpc.importing.translation import Found, Translation, rule
from tpc.importing.values import Value, straight

State: TypeAlias = tuple[Value | None, ...]
"""The values that a cell hands on, None for zeros; the first is its output."""

Cell: TypeAlias = Callable[[Translation, Value, Value | None, State], State]
"""Takes W_ih x + b_ih, W_hh h + b_hh (None for h = 0, without bias) and the state before."""


def _gates(t: Translation, value: Value, count: int) -> list[Value]:
    return parted(t, value, len(value.axes) - 1, count)


def _lstm_cell(t: Translation, given: Value, back: Value | None, before: State) -> State:
    gates = given if back is None else added(t, given, back)
    i, f, g, o = _gates(t, gates, 4)
    new = multiplied(t, function(t, i, "sigmoid"), function(t, g, "tanh"))
    cell = before[1]
    if cell is not None:
        new = added(t, multiplied(t, function(t, f, "sigmoid"), cell), new)
    output = multiplied(t, function(t, o, "sigmoid"), function(t, new, "tanh"))
    return output, new


def _gru_cell(t: Translation, given: Value, back: Value | None, before: State) -> State:
    if back is None:
        _, z, n = _gates(t, given, 3)
        return (multiplied(t, _rest(t, function(t, z, "sigmoid")), function(t, n, "tanh")),)
    r, z, n = _gates(t, given, 3)
    back_r, back_z, back_n = _gates(t, back, 3)
    reset = function(t, added(t, r, back_r), "sigmoid")
    update = function(t, added(t, z, back_z), "sigmoid")
    new = function(t, added(t, n, multiplied(t, reset, back_n)), "tanh")
    fresh = multiplied(t, _rest(t, update), new)
    (hidden,) = before
    return (fresh if hidden is None else added(t, fresh, multiplied(t, update, hidden)),)


def _rest(t: Translation, gate: Value) -> Value:
    return added(t, t.value(1), gate, "-")


def _plain_cell(
    name: str, t: Translation, given: Value, back: Value | None, before: State
) -> State:
    return (function(t, given if back is None else added(t, given, back), name),)


CELLS: dict[str, tuple[Cell, int]] = {
    "lstm": (_lstm_cell, 2),
    "gru": (_gru_cell, 1),
    "rnn_tanh": (partial(_plain_cell, "tanh"), 1),
    "rnn_relu": (partial(_plain_cell, "relu"), 1),
}
"""What a step does, and how many values it hands on."""


@rule(*CELLS)
def _recurrent(t: Translation) -> Found:
    cell, carried = CELLS[t.operation.does]
    x, start, weights = t.raw(t.argument(0)), t.argument(1), t.argument(2)
    biases, layers, dropout, train, both, batch_first = (t.argument(at) for at in range(3, 9))
    assert isinstance(weights, tuple) and isinstance(layers, int)
    if both:
        raise t.refuse(NoImportRule(t.operation.does, "in both directions"))
    if dropout and train and layers > 1:
        raise t.refuse(ActiveDropout(str(dropout)))
    if any(
        isinstance(each, Reference) for each in (start if isinstance(start, tuple) else [start])
    ):
        raise t.refuse(NoImportRule(t.operation.does, "that does not start at zero"))
    at = 1 if batch_first else 0
    steps = t.operation.shapes[0][0][at]
    rows = [picked(t, x, at, step) for step in range(steps)]
    each = 4 if biases else 2
    ends: list[State] = []
    for layer in range(layers):
        rows, end = _layer(t, cell, carried, rows, weights[each * layer : each * (layer + 1)])
        ends.append(end)
    sequence = _stacked(t, rows, at)
    last = tuple(
        replace(value, axes=((), *value.axes))
        for value in (end[i] for end in ends[-1:] for i in range(carried))
        if value is not None
    )
    return (sequence, *last)


def _layer(
    t: Translation, cell: Cell, carried: int, rows: list[Value], weights: tuple[Argument, ...]
) -> tuple[list[Value], State]:
    """Return the outputs of one layer at every step, and its last state."""
    into, back, *bias = weights
    assert isinstance(into, Reference) and isinstance(back, Reference)
    bias_in, bias_back = bias if bias else (None, None)
    state: State = (None,) * carried
    outputs = []
    for x in rows:
        given = biased(t, linear(t, x, into.name), bias_in)
        hidden = state[0]
        product: Value | None
        if hidden is not None:
            product = biased(t, linear(t, hidden, back.name), bias_back)
        elif bias_back is not None:
            product = t.value(bias_back)
        else:
            product = None
        state = cell(t, given, product, state)
        assert state[0] is not None
        outputs.append(state[0])
    return outputs, state


def _stacked(t: Translation, rows: list[Value], at: int) -> Value:
    """Return the steps as one value, with their axis at its place."""
    texts = [straight(row).text for row in rows]
    axes = rows[0].axes
    if len(rows) == 1:
        return replace(rows[0], axes=(*axes[:at], (), *axes[at:]))
    found = t.made(call("stack", *texts), (*axes[:at], (constant(len(rows)),), *axes[at:]))
    return replace(found, entries=tuple(rows))
