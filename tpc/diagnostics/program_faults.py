"""The faults of whole programs: dialects, readouts, outputs, TP2xx."""

from tpc.diagnostics.diagnostic import Fault


class UnknownDialect(Fault):
    """`dialect` with a word that names none."""

    code = "TP208"
    title = "unknown dialect `{name}`"
    help = "the dialects are netsor, netsor+, netsort, netsort+ and nexort"

    name: str


class SecondDialect(Fault):
    """Two `dialect` declarations."""

    code = "TP247"
    title = "a second `dialect`"
    help = "declare the largest dialect that you allow, once"


class TransposeBeyondDialect(Fault):
    """A transpose in a program that declares a dialect without them."""

    code = "TP204"
    title = "transposed use of `{matrix}` in a {dialect} program"
    label = "{dialect} has no transpose"
    help = "declare `dialect {enough}`, or drop the line"

    matrix: str
    dialect: str
    enough: str


class AverageBeyondDialect(Fault):
    """A vector depends on a scalar in a program that declares a dialect without Avg."""

    code = "TP205"
    title = "a vector depends on this scalar in a {dialect} program"
    label = "{dialect} has no Avg"
    help = "declare `dialect {enough}`, or keep the scalar out of every vector"

    dialect: str
    enough: str


class MeanBeyondDialect(Fault):
    """A `mean` in a program that declares a dialect below nexort."""

    code = "TP206"
    title = "`mean` in a {dialect} program"
    label = "{dialect} has no outer nonlinearity"
    help = "declare `dialect nexort`; a mean of products is an inner product, `g * <x|z>`"

    dialect: str


class ReadoutUsed(Fault):
    """The name of a readout in an expression."""

    code = "TP242"
    title = "the readout `{name}` stands in an expression"
    label = "a readout is only an output"
    help = "bind what it sums to a name, and use that"

    name: str


class ReadoutNotGaussian(Fault):
    """A readout that fails the check of linearity in fresh initial vectors."""

    code = "TP243"
    title = "the readout `{name}` has no centred Gaussian limit: {why}"
    label = "{short}"
    help = (
        "sum `v * x` with an initial vector `v` of mean zero on which `x` does not depend; a "
        "network whose readout is tied trains in `mup`, and has no kernels"
    )

    name: str
    why: str
    short: str


class NoOutput(Fault):
    """A program without outputs, where outputs are asked for."""

    code = "TP244"
    title = "the program has no output"
    help = "add `output c` for a scalar or vector `c`, or a `readout`"
