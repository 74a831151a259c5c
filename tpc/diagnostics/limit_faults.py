"""TP3xx: what stands in the way of a limit or of its evaluator; the laws of matrices, TP36x."""

from tpc.diagnostics.diagnostic import Fault


class NoDerivativeForm(Fault):
    """The derivative form of a dot was asked for where the derivative is no function."""

    code = "TP301"
    title = "the dot of `{product}` has no derivative form"
    label = "its operand's derivative holds a delta"
    help = "take `--dot stein`, which needs no derivative, or `--dot auto`"

    product: str


class ParameterNameTaken(Fault):
    """A param is named like an argument of the generated `evaluate`."""

    code = "TP302"
    title = "param `{name}` cannot be an argument of the evaluator"
    label = "`evaluate` has an argument of this name"
    help = "give the param another name"

    name: str


class SteepUpdate(Fault):
    """Derivatives of nonlinear updates were asked for, which may be spikes that no sample hits."""

    code = "TP303"
    title = "the dots of training with `{optimizer}` have no derivative form"
    label = "where gradients vanish its update may be as steep as a jump"
    help = "take `--dot stein`, which needs no derivative, or `--dot auto`"

    optimizer: str


class LimitAtJump(Fault):
    """A scalar goes to where something jumps: no network of any width lands on the limit."""

    code = "TP304"
    title = "the limit of `{scalar}` is where this jumps"
    label = "networks of any width are on either side of the jump"
    help = "move it off the jump, by other targets or another start; or take a smoother function, \
a larger `eps`"

    scalar: str


class ExpectationInfinite(Fault):
    """An expectation of what grows faster than the Gaussian density falls, or of a pole."""

    code = "TP305"
    title = "an expectation is {why}"
    help = "{condition}"

    why: str
    condition: str = "E exp(c x^2) is finite for 1 - 2 c q > 0 alone, q the variance of x: \
lower one of the two"


class NoTrainingLimit(Fault):
    """The parametrization is unstable or unfaithful, so that training has no limit."""

    code = "TP310"
    title = "`{parametrization}` with `{optimizer}` has no infinite-width limit: {verdict}"
    label = "{condition}"
    help = "take `mup` or `ntp`; `tpc classify` shows the exponents of every weight"

    parametrization: str
    optimizer: str
    verdict: str
    condition: str


class ScalarWeightInOperatorRegime(Fault):
    """A trained scalar-like weight where features do not move [2.9.21]."""

    code = "TP330"
    title = "no limit of training with the scalar-like weight `{name}`"
    label = "its gradient stays random as the width grows"
    help = "leave it untrained, `weight {name} (train=false)`, or take `mup`"

    name: str


class OperatorUpdateRefused(Fault):
    """An optimizer that sees gradients as operators has no limit that could be computed here."""

    code = "TP331"
    title = "the limit of `{optimizer}` cannot be computed"
    label = "{reason}"
    help = "{advice}"

    optimizer: str
    reason: str
    advice: str


class RandomLimit(Fault):
    """An update that forgets the size of gradients meets one that vanishes in the limit alone."""

    code = "TP332"
    title = "the limit is random: the gradient of row {row} at step {step} vanishes as the width \
grows"
    label = "exact `{optimizer}` makes of what is left of it at finite width an update of full size"
    help = (
        "take `muon(steps=5)` or `shampoo(eps=...)`, another target, or `center true`; a computed \
error within 5 standard errors of 0 counts as 0, and more samples may tell it apart"
    )

    row: int
    step: int
    optimizer: str


class UnprovenRank(Fault):
    """Exact updates of gradients of several steps, which have the same kets in the limit alone."""

    code = "TP333"
    title = "the limit of exact `{optimizer}` with momentum is not proven in this regime"
    label = "at finite width gradients of different steps differ by singular values that vanish"
    help = (
        "take `momentum=0`, `steps=5` or `mup`, or assume by `--assume-rank` that what they differ \
by does not matter"
    )

    optimizer: str


class UnknownLaw(Fault):
    """A law behind `~` that does not exist."""

    code = "TP360"
    title = "there is no law `{name}`"
    help = "{suggestion}"

    name: str
    suggestion: str


class LawArguments(Fault):
    """A law of a matrix with too few or too many arguments."""

    code = "TP361"
    title = "`{law}` takes {wanted}, not {found}"
    help = "write `{form}`"

    law: str
    wanted: str
    found: str
    form: str


class LawParameter(Fault):
    """A parameter of a law outside its range, or not known to the compiler."""

    code = "TP362"
    title = "{what} must be {wanted}, not {found}"
    help = "{advice}"

    what: str
    wanted: str
    found: str
    advice: str


class NotSquare(Fault):
    """An orthogonal or symmetric matrix between two dims."""

    code = "TP363"
    title = "{what} matrix is square, but `{rows}` and `{columns}` differ"
    label = "needs as many rows as columns"
    help = "declare it `: {rows} x {rows}`, or take the normal law"

    what: str
    rows: str
    columns: str


class VectorLaw(Fault):
    """A law of matrices behind a vector."""

    code = "TP364"
    title = "`{law}` is a law of matrices"
    label = "the entries of a vector are independent"
    help = "write `~ normal(mean, covariance)`, or one of the laws bernoulli, rademacher, uniform"

    law: str


class BothSides(Fault):
    """The limit of W and W.T together, for a law where it is not that of a Gaussian matrix."""

    code = "TP365"
    title = "no limit is known for `{matrix}` and `{matrix}.T` in one program"
    label = "`{matrix}` is {ensemble}: {why}"
    help = "a limit needs the normal law, or products from one side only; `tpc simulate` runs it"

    matrix: str
    ensemble: str
    why: str


class DependentBlocks(Fault):
    """A matrix of a dim that is split, with entries that depend on one another."""

    code = "TP366"
    title = "the blocks of `{matrix}` are not independent"
    label = "the dim `{dim}` is split, and `{matrix}` is {ensemble}"
    help = "take a law of independent entries, as the normal one"

    matrix: str
    ensemble: str
    dim: str
