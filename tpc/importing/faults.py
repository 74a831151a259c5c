"""TP7xx: models that have no width limit as they stand, or that cannot be read.

They have no line of a program, but a module of the model and its line.
"""

from tpc.diagnostics import Fault


class ImportRefused(Exception):
    """A model that has no network, and the module that is why.

    Attributes:
        fault: What is wrong.
        module: The path of the module.
        line: `FILE:LINE`, or the empty string.
    """

    def __init__(self, fault: Fault, module: str, line: str) -> None:
        """Name the fault and its place."""
        self.fault, self.module, self.line = fault, module, line
        place = ", ".join(filter(None, (module, line)))
        message = f"error[{fault.code}]: {place + ': ' if place else ''}{fault.words(fault.title)}"
        hint = fault.words(fault.help)
        super().__init__(message + (f"\n  help: {hint}" if hint else ""))


class WidthDependentGraph(Fault):
    """A model that does other operations at another width."""

    code = "TP701"
    title = "the model's graph depends on the width or the batch: {why}"
    help = "leave out what branches on sizes, or capture at widths where it does not"

    why: str


class UnreadAxis(Fault):
    """An axis that is neither constant nor a multiple of the width."""

    code = "TP702"
    title = "axis {axis} of `{value}` is {sizes} long at widths {widths}: no multiple of the width"
    help = "make it a multiple of the width, or the same at every width"

    value: str
    axis: int
    sizes: str
    widths: str


class WrongInitialScale(Fault):
    """A tensor whose entries grow or vanish otherwise than its kind may."""

    code = "TP703"
    title = "`{tensor}` is drawn with entries of size {found}, not {wanted}"
    help = "{advice}"

    tensor: str
    found: str
    wanted: str
    advice: str


class WrongSize(Fault):
    """A value that grows or vanishes where a nonlinear function takes it."""

    code = "TP704"
    title = "`{value}` is of size n^{power} where `{function}` takes it: it {what} with the width"
    help = "scale it, or what it is made of, by n^{inverse}"

    value: str
    power: str
    inverse: str
    function: str
    what: str


class AttentionScale(Fault):
    """Logits of attention that are scaled by the root of a growing head size."""

    code = "TP705"
    title = "logits of attention are scaled by 1 / sqrt(d), and the head size d grows"
    help = (
        "they grow like n^1/2 once queries and keys align in training: scale by 1 / d, or"
        " `--attention mup`, which writes sqrt(d_base) / d, the same at the first width"
    )


class MixedReshape(Fault):
    """A reshape that mixes growing and constant axes."""

    code = "TP706"
    title = "`{function}` from {before} to {after} mixes axes that grow with axes that do not"
    help = "axes that grow may be split in equal parts and merged again, constant part first"

    function: str
    before: str
    after: str


class TwoGrowingAxes(Fault):
    """An activation with two axes that grow."""

    code = "TP707"
    title = "a value with two axes that grow: {shape}"
    help = "no law of large numbers holds for it: re-associate products, as in (v k') q = v (k' q)"

    shape: str


class RandomConstantWeight(Fault):
    """A weight without a growing axis that is drawn at random."""

    code = "TP708"
    title = (
        "`{tensor}` has no axis that grows and is drawn at random: the limit depends on its draw"
    )
    help = "its entries at the first draw are taken as its start: see the notes"

    tensor: str


class Bottleneck(Fault):
    """A growing axis that is summed to a finite one in the middle of the network."""

    code = "TP709"
    title = "`{value}` sums over a growing axis with random weights in the middle of the network"
    help = (
        "such finite activations are random numbers in the limit: let the axis grow, or read the"
        " output there"
    )

    value: str


class NoLinearReadout(Fault):
    """An output that is no linear readout of growing axes."""

    code = "TP710"
    title = "the output is {what}, not a linear readout of a growing axis"
    help = "choose another output, or end the model at its last linear layer"

    what: str


class SeveralValues(Fault):
    """More than one tensor that goes in or out."""

    code = "TP711"
    title = "the model has {count} {what}s: {names}"
    help = "wrap it in a module of one {what}"

    what: str
    count: int
    names: str


class NoImportRule(Fault):
    """An operation that the translator does not know."""

    code = "TP712"
    title = "no rule for `{operation}`"
    help = "{advice}"

    operation: str
    advice: str


class ActiveDropout(Fault):
    """Dropout with a positive rate in training mode."""

    code = "TP713"
    title = "dropout with rate {rate} is active"
    help = "return the model with dropout 0, or `model.eval()`"

    rate: str


class RunningStatistics(Fault):
    """Batch norm in evaluation mode."""

    code = "TP714"
    title = "batch norm in evaluation mode uses running statistics, here those of the start"
    help = "return the model in training mode, `model.train()`, to have those of the batch"


class ImportDiffers(Fault):
    """A translation whose outputs on the same tensors are not the model's."""

    code = "TP715"
    title = "the network's outputs differ from the model's by {difference} on the same tensors"
    help = "this is a fault of the translation: please report the model"

    difference: str
