"""TP4xx: data and static arithmetic (TP40x), and what cannot be run at finite width (TP41x)."""

from tpc.diagnostics.diagnostic import Fault


class UnreadableData(Fault):
    """A data file that cannot be read as numbers."""

    code = "TP401"
    title = "cannot read the data file `{file}`: {why}"
    help = "{advice}"

    file: str
    why: str
    advice: str


class RaggedList(Fault):
    """A nested list whose rows differ in length."""

    code = "TP402"
    title = "a ragged list: item {index} has shape {found}, the items before it {wanted}"
    label = "has shape {found}"
    help = "all items of a list have one shape"

    index: int
    found: str
    wanted: str


class NoNumber(Fault):
    """Static arithmetic without a finite result."""

    code = "TP403"
    title = "this has no finite value: {why}"

    why: str


class NotFinite(Fault):
    """An overflow, 0 / 0, or a log or root without a value: the first equation where it occurs."""

    code = "TP404"
    title = "`{name}` is not finite"
    label = "{equation}"
    help = "the cause is {cause}"

    name: str
    equation: str
    cause: str


class NoSequentialLaw(Fault):
    """The matrix-free engine meets a matrix for whose products it has no law."""

    code = "TP410"
    title = "the matrix-free engine has no law for products with `{matrix}`"
    label = "given products with a {ensemble} matrix, the law of the next is not known"
    help = "take `--engine dense`, or declare a normal or an orthogonal matrix"

    matrix: str
    ensemble: str


class RunTooLarge(Fault):
    """A run at finite width needs more memory than the machine has free."""

    code = "TP411"
    title = "a run at width {width} with the {engine} engine needs {memory}, more than there is"
    label = "takes most of it"
    help = "{advice}"

    width: int
    engine: str
    memory: str
    advice: str


class RunTooLong(Fault):
    """A `mean` over coordinates at a width where one run takes more than a week."""

    code = "TP412"
    title = "a run at width {width} would take about {time}"
    label = "is computed at every one of {width}^{coordinates} points"
    help = "take a smaller width"

    width: int
    coordinates: int
    time: str


class NonlinearUpdate(Fault):
    """The matrix-free engine meets training that changes a matrix entry by entry."""

    code = "TP413"
    title = "the matrix-free engine cannot train `{weight}` with `{optimizer}`"
    label = "changes every entry: its update is not linear in the gradients"
    help = "`--engine dense` takes {memory} at this width; or take `sgd`, `momentum` or `nesterov`"

    weight: str
    optimizer: str
    memory: str
