"""The faults of `train` blocks and of declared optimizers, TP263 to TP279 and TP290."""

from tpc.diagnostics.diagnostic import Fault


class BadOptimizer(Fault):
    """A declared optimizer that does not say what a step does."""

    code = "TP263"
    title = "the optimizer `{name}` {problem}"
    help = "{hint}"

    name: str
    problem: str
    hint: str


class NotEntrywise(Fault):
    """A declared optimizer that uses more than one entry of the gradient, or the network."""

    code = "TP264"
    title = "an optimizer computes numbers from numbers, and this is {found}"
    label = "this is {found}"
    help = "its block sees one entry of the gradient, its states and options, the number `t` of \
the step, statics and params"

    found: str


class UnknownOptimizer(Fault):
    """An optimizer that is neither built in nor declared."""

    code = "TP265"
    title = "there is no optimizer `{name}`"
    help = "{hint}"

    name: str
    hint: str


class BadOptimizerOption(Fault):
    """An option that an optimizer does not have, or not with this value."""

    code = "TP266"
    title = "`{option}` {problem}"
    help = "{hint}"

    option: str
    problem: str
    hint: str


class SecondTraining(Fault):
    """A second `train` block."""

    code = "TP267"
    title = "a second `train` block; the first one is in line {line}"
    help = "a file describes one training; copy the file for another one"

    line: int


class UnknownReadout(Fault):
    """A `train` block for something that is not the readout."""

    code = "TP268"
    title = "`{name}` is not the readout of this network"
    help = "{hint}"

    name: str
    hint: str


class MissingSettings(Fault):
    """A `train` block without a line that it needs."""

    code = "TP269"
    title = "this `train` block does not say its {missing}"
    help = "add {forms}"

    missing: str
    forms: str


class SecondSetting(Fault):
    """A setting that has been made already."""

    code = "TP270"
    title = "a second `{word}`; the first one is in line {line}"
    help = "a `train` block says everything once, but for `track` and the optimizers of weights"

    word: str
    line: int


class BadData(Fault):
    """Training data whose shape does not fit the network."""

    code = "TP271"
    title = "the {what} have shape {found}, not {wanted}"
    label = "has shape {found}"
    help = "{hint}"

    what: str
    found: str
    wanted: str
    hint: str


class BadSetting(Fault):
    """A setting with a value that it cannot have."""

    code = "TP272"
    title = "`{word}` takes {wanted}, not {found}"
    help = "write {form}"

    word: str
    wanted: str
    found: str
    form: str


class BadBatch(Fault):
    """A batch that does not consist of rows of the data."""

    code = "TP273"
    title = "{problem}"
    help = "the rows of a batch are different ones, counted from 0: the data have {rows}"

    problem: str
    rows: int


class BatchMeanInBatches(Fault):
    """`batchmean` in a network that is trained on mini-batches, or with test rows."""

    code = "TP274"
    title = "a network with `batchmean` is trained on full batches without test rows"
    label = "not with this"
    help = "{hint}"

    hint: str


class BadLoss(Fault):
    """A loss that is no number made of the output and its target."""

    code = "TP275"
    title = "the loss {problem}"
    help = "{hint}"

    problem: str
    hint: str


class BadTargets(Fault):
    """Targets that a loss cannot have."""

    code = "TP276"
    title = "the loss `{loss}` {wanted}"
    label = "{found}"
    help = "{hint}"

    loss: str
    wanted: str
    found: str
    hint: str


class BadParametrization(Fault):
    """A parametrization that does not exist, or not for this network."""

    code = "TP277"
    title = "{problem}"
    help = "{hint}"

    problem: str
    hint: str


class BadTrack(Fault):
    """A `track` that records no scalar."""

    code = "TP278"
    title = "`track` records scalars, not {found}"
    label = "this is {found}"
    help = "{hint}"

    found: str
    hint: str


class NotAWeight(Fault):
    """An optimizer for something that is no weight, or has one already."""

    code = "TP279"
    title = "`{name}` {problem}"
    help = "{hint}"

    name: str
    problem: str
    hint: str


class BadOperator(Fault):
    """An expression of a declared optimizer of operators that is no operator of low rank."""

    code = "TP290"
    title = "{problem}"
    help = "{hint}"

    problem: str
    hint: str
