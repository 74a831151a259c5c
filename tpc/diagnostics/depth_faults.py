"""TP50x: depths, loops over them, and what stands in the way of their limit."""

from tpc.diagnostics.diagnostic import Fault


class DepthInfinite(Fault):
    """An infinite depth stands where a number is needed."""

    code = "TP501"
    title = "the depth `{depth}` is infinite, and {what} needs a number"
    label = "a depth stands in `range({depth})`, in keys, and in multipliers, `{depth}^(-1/2)`"
    help = "give it a number, `depth {depth} = 64` or `--depth 64`"

    depth: str
    what: str


class SecondDepth(Fault):
    """Two free depths."""

    code = "TP502"
    title = "`{name}` is a second depth: one is free"
    label = "`{first}` is the free one"
    help = "make it a multiple, `depth {name} = 2 * {first}`, or give it a number"

    name: str
    first: str


class BadDepth(Fault):
    """The number of a depth is no positive integer, and no multiple of a depth."""

    code = "TP503"
    title = "a depth is a positive integer or a multiple of a depth, not {found}"
    help = "write `depth L`, `depth L = 64` or `depth H = 2 * L`"

    found: str


class DepthGrows(Fault):
    """One round adds too much: after L rounds a scalar grows with L."""

    code = "TP504"
    title = "`{name}` grows like L^({power}): it has no limit at infinite depth"
    label = "{cause}"
    help = "{advice}"

    name: str
    power: str
    cause: str
    advice: str


class NoResidualPath(Fault):
    """A plain loop, whose state goes to a fixed point of its round."""

    code = "TP505"
    title = "`{name}` has no residual path: at infinite depth it is at a fixed point of its round"
    label = "the next `{name}` is not this one and something small"
    help = "add to `{name}[l]`, or take `--depth 64`; `tpc classify` prints the fixed point"

    name: str


class RoundsDiffer(Fault):
    """A round of a depth loop is not made as the one before it is."""

    code = "TP506"
    title = "the rounds of this loop over `{depth}` differ: a condition on the round, or its number"
    label = "at infinite depth all rounds do the same"
    help = "put rounds that are special before or behind the loop, or take `--depth 64`"

    depth: str


class RoundsReachBack(Fault):
    """A round takes more than one state of the round before it."""

    code = "TP507"
    title = "{what} takes more than one state: `x[l]` makes `x[l + 1]`, and `x[L]` the readout"
    label = "one family goes from round to round, and each round knows the member before it"
    help = "carry what is older, or made beside it, in the constant axes of one family"

    what: str


class TiedInDepth(Fault):
    """Weights that rounds share where not all are, and forward only; or that stages share."""

    code = "TP508"
    title = "{what}: rounds, or a round and the rest of the network, share weights"
    label = "rounds remember each other, which is known where all weights are tied, and no W.T"
    help = "declare weights inside the loop, or take `--depth 64`"

    what: str


class NeedsDepth(Fault):
    """Something else than kernels and training is asked of an infinitely deep network."""

    code = "TP509"
    title = "`{what}` needs a depth: `{depth}` is infinite"
    label = "kernels and training have a limit at infinite depth"
    help = "take `--depth 64`, or write `depth {depth} = 64`"

    what: str
    depth: str


class LawInDepth(Fault):
    """A nonlinearity acts on a state that is not Gaussian."""

    code = "TP510"
    title = "`{name}` is not Gaussian, and a function acts on it"
    label = "its law is known where it begins Gaussian, and rounds add what does not depend on it"
    help = "multiply by a matrix first, `W @ ...`, or take `--depth 64`"

    name: str


class NoRoundForm(Fault):
    """A round has expectations of which no closed form and no series is known."""

    code = "TP511"
    title = "a round of the loop over `{depth}` has neither a closed form nor a series"
    label = "its map is evaluated very often, so that it cannot be estimated"
    help = "take `--depth 8`, with expectations by `--method qmc`"

    depth: str


class NotByPairs(Fault):
    """A deep network whose rounds know more than two inputs, or draw noise for each."""

    code = "TP512"
    title = "rounds of the loop over `{depth}` have {what}: their map is not known"
    label = "a round is derived for two inputs that share all that is random"
    help = "take `--depth 8`"

    depth: str
    what: str


class PathUsed(Fault):
    """A path is used otherwise than by the steps that rounds of a loop over a depth take."""

    code = "TP520"
    title = "`{text}` is no step of a path: {why}"
    label = "an input that is a path is known by the steps that rounds take"
    help = "`input path xi[2]` is used as `xi.step[l]`, in `for l in range(L):` over a `depth L`"

    text: str
    why: str


class TrainingNotChecked(Fault):
    """Training at infinite depth that nobody has held against finite networks."""

    code = "TP530"
    title = "training at infinite depth with {what} is not checked"
    label = "the limit over `{depth}` has not been held against finite networks"
    help = "take `--depth 64`"

    what: str
    depth: str


class UpdatesInDepth(Fault):
    """Updates of weights in a loop are too large or too small for a limit in depth."""

    code = "TP531"
    title = "training at infinite depth needs updates of order 1/L: {found}"
    label = "over all rounds of `{depth}` they come to more, or to nothing"
    help = "write `parametrization mup(depth=1/2)`, or scale the weights' own `lr=`"

    found: str
    depth: str


class DepthExponent(Fault):
    """`mup(depth=a)` is for other blocks than those of the network."""

    code = "TP532"
    title = "`mup(depth={written})` is for blocks of L^-{written}; `{name}` adds L^({found})"
    help = (
        "write the exponent of the blocks: `mup(depth=1/2)` for L^(-1/2), `mup(depth=1)` for 1 / L"
    )

    written: str
    found: str
    name: str
