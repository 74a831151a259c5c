"""A capture -> a network of the language: text, where each tensor went, and notes."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from tpc.importing.axes import Axis, Refine, growing
from tpc.importing.capture import Capture
from tpc.importing.faults import NoImportRule, NoLinearReadout, SeveralValues
from tpc.importing.program_text import written
from tpc.importing.rules import RULES
from tpc.importing.text import word
from tpc.importing.translation import Translation
from tpc.importing.values import Value, settled, straight
from tpc.importing.weights import Piece, Scale

INPUT = "xi"


@dataclass(frozen=True, slots=True)
class Translated:
    """A model as a network.

    Attributes:
        capture: The model.
        text: The network, in the language.
        pieces: Where each weight comes from, by its name in the network.
        scales: How each tensor with a growing axis is drawn, by its name in the model.
        notes: What was inferred or left out.
        classes: How many classes an input of whole numbers has; None for one of real numbers.
        power: Of the width, in front of the sum that the readout is, as the model's code says.
        output_power: Of the width, of the entries of the readout's weight as they are drawn.
        output_bias: The tensor that was left out as the bias of the readout.
    """

    capture: Capture
    text: str
    pieces: Mapping[str, Piece]
    scales: Mapping[str, Scale]
    notes: tuple[str, ...]
    classes: int | None
    power: Fraction
    output_power: Fraction
    output_bias: str | None


def translate(capture: Capture, attention: str | None = None) -> Translated:
    """Return the network of a model.

    Args:
        capture: The model.
        attention: `mup` rewrites logits that are scaled by the root of a growing head size.

    Raises:
        ImportRefused: It has no width limit as it stands, or an operation has no rule.
    """
    refined: dict[str, Axis] = {}
    while True:
        state = Translation(capture, refined, attention)
        try:
            output = _run(state)
            break
        except Refine as refine:
            source = refine.factor.source
            if not source:
                raise state.refuse(NoImportRule(state.operation.does, "splits heads")) from None
            parts = tuple(
                growing(part.ratio, source) if part.grows else part for part in refine.parts
            )
            before = refined.get(source, (refine.factor,))
            refined[source] = tuple(
                new for old in before for new in (parts if old == refine.factor else (old,))
            )
    text, pieces = written(state, output)
    return Translated(
        capture=capture,
        text=text,
        pieces=pieces,
        scales=state.weights.scales,
        notes=tuple(state.notes),
        classes=state.classes,
        power=output.power,
        output_power=state.weights.output_power,
        output_bias=state.weights.output_bias,
    )


def _run(t: Translation) -> Value:
    """Translate every operation, and return the output."""
    capture = t.capture
    if len(capture.inputs) != 1:
        names = ", ".join(each.name for each in capture.inputs)
        raise t.refuse(SeveralValues("input", len(capture.inputs), names))
    if len(capture.outputs) != 1:
        raise t.refuse(SeveralValues("output", len(capture.outputs), ", ".join(capture.outputs)))
    (given,) = capture.inputs
    value = Value(word(INPUT), t.axes(given.shapes, given.name))
    if given.integer:
        t.counted[given.name] = value
    else:
        t.values[given.name] = value
    for operation in capture.operations:
        t.operation = operation
        if operation.does not in RULES:
            raise t.refuse(NoImportRule(operation.does, "see docs/import.md for those with one"))
        try:
            t.values[operation.name] = RULES[operation.does](t)
        except (AssertionError, IndexError, KeyError, TypeError, ValueError) as error:
            advice = "its arguments are not of a kind that the rule knows: please report the model"
            raise t.refuse(NoImportRule(operation.does, advice)) from error
    output = t.values[capture.outputs[0]]
    assert isinstance(output, Value)
    if output.summed is None:
        what = "a vector of the width" if output.growing else "made of finite numbers"
        raise t.refuse(NoLinearReadout(what))
    return straight(settled(output))
