"""TP250 to TP262: what describes no architecture; TP280 to TP289: what has no kernel."""

from tpc.diagnostics.diagnostic import Fault


class DeclarationInNetwork(Fault):
    """A `vector`, `matrix` or `scalar` in the file of a network."""

    code = "TP250"
    title = "a network declares no `{word}`: its tensors are weights"
    help = "write `weight {form}`; training leaves it as it is"

    word: str
    form: str


class OutputInNetwork(Fault):
    """An `output` in the file of a network."""

    code = "TP251"
    title = "a network has no `output`"
    help = (
        "the output is the sum over the width of a `readout {name} = v * x`; what training records "
        "is written in its `train` block: `track {name} = ...`"
    )

    name: str


class SecondInput(Fault):
    """A second `input`."""

    code = "TP252"
    title = "a second `input`; the first one is `{first}`"
    help = "a network has one input, an array of any constant shape: index its parts, `{first}[0]`"

    first: str


class NoInput(Fault):
    """A network without an `input`."""

    code = "TP253"
    title = "the network has no input"
    help = "declare it with its constant shape: `input xi[10]`"


class NoReadout(Fault):
    """A network without a `readout`."""

    code = "TP254"
    title = "the network has no output"
    help = "bind it by a readout, `readout f = v * x`"


class SecondReadout(Fault):
    """A second `readout` in the file of a network."""

    code = "TP255"
    title = "a second `readout`; the first one is `{first}`"
    help = "a network has one readout; several outputs are its constant axes, as in `v * x` with a \
weight `v[3] : n`"

    first: str


class BadOption(Fault):
    """An option that a weight does not have, or has already."""

    code = "TP257"
    title = "`{option}` is {problem}"
    help = "{hint}"

    option: str
    problem: str
    hint: str


class BadOptionValue(Fault):
    """An option of a weight with a value that it cannot have."""

    code = "TP258"
    title = "the option `{option}` is {wanted}, not {found}"
    help = "write {form}"

    option: str
    wanted: str
    found: str
    form: str


class BatchMeanOutside(Fault):
    """`batchmean` in a program, or in a `train` block."""

    code = "TP260"
    title = "`batchmean` stands only in the architecture of a network"
    help = "it averages over inputs; over a constant axis, average by `sum(x, axis=0) / 4`"


class ReadoutWithoutInput(Fault):
    """A readout that is the same for every input."""

    code = "TP261"
    title = "the readout `{name}` does not depend on the input `{input}`"
    help = "the first layer multiplies the input by a vector-like weight: `U @ {input}`"

    name: str
    input: str


class NetworkAsProgram(Fault):
    """A network where a program is needed: only training makes one of it."""

    code = "TP262"
    title = "there is no {what} of a network{without}"
    help = "{hint}"

    what: str
    without: str
    hint: str


class ScalarWeightInKernel(Fault):
    """A trained scalar-like weight: its gradient stays random as the width grows."""

    code = "TP280"
    title = "no tangent kernel with the scalar-like weight `{name}`"
    label = "the gradient in `{name}` is random at every width, and so would the kernel be"
    help = "leave it untrained, `weight {name} (train=false)`, or ask for `--kind nngp`"

    name: str


class InputsOfOtherShape(Fault):
    """Inputs of a kernel whose shape is not that of the network's input."""

    code = "TP281"
    title = "inputs of shape {found} for `{name}`"
    help = "the array has an axis over inputs, then those of one input: {wanted}"

    name: str
    found: str
    wanted: str


class SecondInputsOfBatch(Fault):
    """Second inputs for a network with `batchmean`, whose outputs depend on the whole batch."""

    code = "TP282"
    title = "no kernel between two sets of inputs: `batchmean` averages over one"
    help = "give all inputs as one array and take a block of its kernel"


class KernelOfProgram(Fault):
    """`kernel` on a program, which has no weights."""

    code = "TP283"
    title = "a program has no kernels; they are those of a network"
    help = "describe the architecture with an `input`, `weight`s and one `readout`"


class KernelOverflow(Fault):
    """Inputs or weights for which a kernel is no number: too large, or where it has no value."""

    code = "TP284"
    title = "the kernel `{kind}` is not finite for {count} of {pairs} pairs of inputs"
    label = "{equation}"
    help = "the cause is {cause}: take other inputs or multipliers"

    kind: str
    count: int
    pairs: int
    equation: str = ""
    cause: str = "an overflow, or 0 / 0"
