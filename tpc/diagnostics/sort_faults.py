"""The faults of sorts, dims, constant shapes and laws, TP2xx."""

from tpc.diagnostics.diagnostic import Fault


class WrongSort(Fault):
    """A value of one sort where another one must stand; `advice` is a whole hint or empty."""

    code = "TP209"
    title = "{what} takes {wanted}, not {found}"
    label = "this is {found}"
    help = "{advice}"

    what: str
    wanted: str
    found: str
    advice: str


class MatrixProduct(Fault):
    """`W1 @ W2`."""

    code = "TP210"
    title = "product of the matrices `{left}` and `{right}`"
    label = "a matrix multiplies vectors only"
    help = "apply them one after the other: `{left} @ ({right} @ x)`"

    left: str
    right: str


class MatrixOnTheRight(Fault):
    """`x @ W`."""

    code = "TP211"
    title = "the matrix `{matrix}` stands to the right of `@`"
    label = "a matrix multiplies from the left"
    help = "write `{flipped} @ ...`: vectors grow along their left axis"

    matrix: str
    flipped: str


class DimsDiffer(Fault):
    """Vectors of different dims at one coordinate."""

    code = "TP212"
    title = "vectors of the dims `{first}` and `{second}` do not combine"
    label = "has dim `{second}`"
    help = "a matrix takes vectors of one dim to another: `matrix A : {first} x {second}`"

    first: str
    second: str


class MatrixDimsDiffer(Fault):
    """A MatMul of a vector whose dim is not that of the columns."""

    code = "TP213"
    title = "`{matrix}` takes vectors of dim `{wanted}`, not `{found}`"
    label = "has dim `{found}`"
    help = "{advice}"

    matrix: str
    wanted: str
    found: str
    advice: str


class ShapesDiffer(Fault):
    """Constant shapes that do not broadcast."""

    code = "TP214"
    title = "constant shapes {first} and {second} do not broadcast"
    label = "has shape {second}"
    help = "shapes align at their last axes; an axis is equal to its partner's or 1"

    first: str
    second: str


class NoContraction(Fault):
    """`x @ A` whose axes do not meet."""

    code = "TP215"
    title = "shape {left} does not contract with shape {right}"
    label = "has shape {right}"
    help = "`x @ A` sums the last axis of x against the first axis of A; `A.T` swaps A's last two"

    left: str
    right: str


class BadIndex(Fault):
    """An index, or an axis, that the constant shape does not have."""

    code = "TP216"
    title = "{what} does not fit the constant shape {shape}"
    help = "{advice}"

    what: str
    shape: str
    advice: str


class BadVariance(Fault):
    """A matrix variance that is not width-free over one dim."""

    code = "TP217"
    title = "the variance of a matrix must be a width-free number over one dim"
    label = "{found}"
    help = "write `normal(0, {example} / {dim})`"

    found: str
    example: str
    dim: str


class NonzeroMean(Fault):
    """A matrix with a mean."""

    code = "TP218"
    title = "the mean of a matrix must be 0"
    help = "entries of mean m / n add `m * avg(x)` to the product: `W @ x + m * avg(x)`"


class NotACovariance(Fault):
    """A covariance that is not symmetric, or not positive semidefinite."""

    code = "TP219"
    title = "{what} {problem}"

    what: str
    problem: str


class LawShape(Fault):
    """A mean, covariance or limit whose shape is not that of what is declared."""

    code = "TP220"
    title = "{what} of `{name}` has shape {found}, not {wanted}"
    label = "has shape {found}"

    what: str
    name: str
    found: str
    wanted: str


class NoFreeDim(Fault):
    """A program without a width."""

    code = "TP223"
    title = "the program has no free dim"
    help = "declare the width with `dim n`"


class SecondFreeDim(Fault):
    """A second `dim` without a value."""

    code = "TP246"
    title = "a second free dim `{name}`, besides `{free}`"
    label = "only one dim is free"
    help = "write `dim {name} = 2 * {free}` for another width"

    name: str
    free: str


class BadDim(Fault):
    """A dim that is not a static positive multiple of another."""

    code = "TP224"
    title = "the dim `{name}` must be a static positive multiple of a declared dim"
    help = "write `{example}`"

    name: str
    example: str


class NotADim(Fault):
    """Something else where the name of a dim must stand."""

    code = "TP225"
    title = "`{name}` is not a dim"
    label = "a dim must stand here"
    help = "declare the width with `dim {name}`"

    name: str


class DimAsValue(Fault):
    """A dim in an expression."""

    code = "TP226"
    title = "the dim `{name}` is not a value"
    label = "widths grow without bound"
    help = (
        "a dim stands only in declarations; averages over it are `avg`, `<x|y>` and `mean`; scores "
        "of attention are `<q|k>`, over n: over sqrt(n) they stay random as the width grows"
    )

    name: str


class NoSuchPart(Fault):
    """`split` or `merge` to a dim that does not exist, or in two ways."""

    code = "TP295"
    title = "the dim `{ratio}` {problem}"
    label = "vectors are split into, and merged to, declared dims"
    help = "{hint}"

    problem: str
    ratio: str
    hint: str
