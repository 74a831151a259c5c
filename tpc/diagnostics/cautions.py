"""TP6xx, warnings: a program that means something, but perhaps not what was meant."""

from tpc.diagnostics.diagnostic import Fault


class Caution(Fault):
    """A fault that stops nothing, unless the command is `--strict`."""

    severity = "warning"


class Unused(Caution):
    """A name that is bound and never read."""

    code = "TP601"
    title = "`{name}` is never used"
    label = "nothing reads it"
    help = "use it, drop it, or let its name begin with `_`"

    name: str


class EntrywiseInput(Caution):
    """An input times a vector-like weight entry by entry, where a product with it would fit."""

    code = "TP602"
    title = "`{text}` multiplies entry by entry and has shape {shape}"
    label = "keeps the axis of length {length}"
    help = "a first layer adds up over that axis: `{product}`"

    text: str
    shape: str
    length: int
    product: str


class ShapeOfRound(Caution):
    """A tensor whose constant shape is the variable of a loop: another shape in every round."""

    code = "TP603"
    title = "`{declared}` has another constant shape in every round, {variable} entries"
    label = "a shape, not the number of the round"
    help = "a tensor that a loop declares is new in every round: write `{name}`"

    declared: str
    variable: str
    name: str


class NothingToSum(Caution):
    """A reduction over constant axes of a vector that has none."""

    code = "TP604"
    title = "`{call}` is `{vector}`: it has no constant axes"
    label = "adds up constant axes, not the width"
    help = "the average over the width is `avg({vector})`; a readout adds up by itself"

    call: str
    vector: str


class TableByShape(Caution):
    """A weight of one-hot inputs under a factor of the shape: libraries store tables V x n."""

    code = "TP605"
    title = "`{weight}` looks up rows of a table, and `{optimizer}` has a factor of the shape"
    label = "libraries store tables V x n, whose factor has another power of n"
    help = "write `layout=transposed` for one that is stored so; `tpc classify` shows both"

    weight: str
    optimizer: str


class SlowDerivatives(Caution):
    """Derivatives of training were asked for, and take much memory."""

    code = "TP610"
    title = "{cost}"

    cost: str


class UncertainError(Caution):
    """What is to know of the stated errors of a result, as averages with heavy tails."""

    code = "TP611"
    title = "{text}"

    text: str
