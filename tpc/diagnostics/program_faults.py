"""The faults of the program stage, TP2xx: names, sorts, dims, shapes, dialects, readouts."""

from dataclasses import dataclass

from tpc.diagnostics.diagnostic import Fault

# -------------------------------------------------------------------------------------------- names


@dataclass(frozen=True, slots=True)
class UnknownName(Fault):
    """A name that nothing has bound so far; `suggestion` is a whole hint or empty."""

    code = "TP201"
    title = "unknown name `{name}`"
    label = "not bound before this"
    help = "{suggestion}"

    name: str
    suggestion: str


@dataclass(frozen=True, slots=True)
class BoundTwice(Fault):
    """A second binding of a name or of a family member."""

    code = "TP202"
    title = "`{name}` is bound twice"
    label = "already bound in line {line}"
    help = "choose another name, or a family in a loop: `{base}[t] = ...`"

    name: str
    base: str
    line: int


@dataclass(frozen=True, slots=True)
class FamilyMixed(Fault):
    """A name used both with family keys and without."""

    code = "TP203"
    title = "`{name}` is {was}, so it cannot be bound as {now}"
    label = "`{name}` was bound in line {line}"
    help = "a name is either a family or a plain name; choose another one"

    name: str
    was: str
    now: str
    line: int


@dataclass(frozen=True, slots=True)
class TransposeBeyondDialect(Fault):
    """A transpose in a program that declares a dialect without them."""

    code = "TP204"
    title = "transposed use of `{matrix}` in a {dialect} program"
    label = "{dialect} has no transpose"
    help = "declare `dialect {enough}`, or drop the line"

    matrix: str
    dialect: str
    enough: str


@dataclass(frozen=True, slots=True)
class AverageBeyondDialect(Fault):
    """A vector depends on a scalar in a program that declares a dialect without Avg."""

    code = "TP205"
    title = "a vector depends on this scalar in a {dialect} program"
    label = "{dialect} has no Avg"
    help = "declare `dialect {enough}`, or keep the scalar out of every vector"

    dialect: str
    enough: str


@dataclass(frozen=True, slots=True)
class MeanBeyondDialect(Fault):
    """A `mean` in a program that declares a dialect below nexort."""

    code = "TP206"
    title = "`mean` in a {dialect} program"
    label = "{dialect} has no outer nonlinearity"
    help = "declare `dialect nexort`; a mean of products is an inner product, `g * <x|z>`"

    dialect: str


@dataclass(frozen=True, slots=True)
class UnknownDialect(Fault):
    """`dialect` with a word that names none."""

    code = "TP208"
    title = "unknown dialect `{name}`"
    help = "the dialects are netsor, netsor+, netsort, netsort+ and nexort"

    name: str


# ----------------------------------------------------------------------------------- sorts and dims


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class MatrixProduct(Fault):
    """`W1 @ W2`."""

    code = "TP210"
    title = "product of the matrices `{left}` and `{right}`"
    label = "a matrix multiplies vectors only"
    help = "apply them one after the other: `{left} @ ({right} @ x)`"

    left: str
    right: str


@dataclass(frozen=True, slots=True)
class MatrixOnTheRight(Fault):
    """`x @ W`."""

    code = "TP211"
    title = "the matrix `{matrix}` stands to the right of `@`"
    label = "a matrix multiplies from the left"
    help = "write `{flipped} @ ...`: vectors grow along their left axis"

    matrix: str
    flipped: str


@dataclass(frozen=True, slots=True)
class DimsDiffer(Fault):
    """Vectors of different dims at one coordinate."""

    code = "TP212"
    title = "vectors of the dims `{first}` and `{second}` do not combine"
    label = "has dim `{second}`"
    help = "a matrix takes vectors of one dim to another: `matrix A : {first} x {second}`"

    first: str
    second: str


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class ShapesDiffer(Fault):
    """Constant shapes that do not broadcast."""

    code = "TP214"
    title = "constant shapes {first} and {second} do not broadcast"
    label = "has shape {second}"
    help = "shapes align at their last axes; an axis is equal to its partner's or 1"

    first: str
    second: str


@dataclass(frozen=True, slots=True)
class NoContraction(Fault):
    """`x @ A` whose axes do not meet."""

    code = "TP215"
    title = "shape {left} does not contract with shape {right}"
    label = "has shape {right}"
    help = "`x @ A` sums the last axis of x against the first axis of A; `A.T` swaps A's last two"

    left: str
    right: str


@dataclass(frozen=True, slots=True)
class BadIndex(Fault):
    """An index, or an axis, that the constant shape does not have."""

    code = "TP216"
    title = "{what} does not fit the constant shape {shape}"

    what: str
    shape: str


@dataclass(frozen=True, slots=True)
class BadVariance(Fault):
    """A matrix variance that is not width-free over one dim."""

    code = "TP217"
    title = "the variance of a matrix must be a width-free number over one dim"
    label = "{found}"
    help = "write `normal(0, {example} / {dim})`"

    found: str
    example: str
    dim: str


@dataclass(frozen=True, slots=True)
class NonzeroMean(Fault):
    """A matrix with a mean."""

    code = "TP218"
    title = "the mean of a matrix must be 0"
    help = "entries of mean m / n add `m * avg(x)` to the product: `W @ x + m * avg(x)`"


@dataclass(frozen=True, slots=True)
class NotACovariance(Fault):
    """A covariance that is not symmetric, or not positive semidefinite."""

    code = "TP219"
    title = "{what} {problem}"

    what: str
    problem: str


@dataclass(frozen=True, slots=True)
class LawShape(Fault):
    """A mean, covariance or limit whose shape is not that of what is declared."""

    code = "TP220"
    title = "{what} of `{name}` has shape {found}, not {wanted}"
    label = "has shape {found}"

    what: str
    name: str
    found: str
    wanted: str


@dataclass(frozen=True, slots=True)
class NotStatic(Fault):
    """A value that must be known before run time, or before initialisation, but is not."""

    code = "TP221"
    title = "{what} must be {wanted}, not {found}"
    label = "this is {found}"
    help = "{advice}"

    what: str
    wanted: str
    found: str
    advice: str


@dataclass(frozen=True, slots=True)
class NotAnInteger(Fault):
    """A static that must be an integer (in some range) but is not."""

    code = "TP222"
    title = "{what} must be {wanted}, not {found}"
    label = "this is {found}"

    what: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class NoFreeDim(Fault):
    """A program without a width."""

    code = "TP223"
    title = "the program has no free dim"
    help = "declare the width with `dim n`"


@dataclass(frozen=True, slots=True)
class SecondFreeDim(Fault):
    """A second `dim` without a value."""

    code = "TP246"
    title = "a second free dim `{name}`, besides `{free}`"
    label = "only one dim is free"
    help = "write `dim {name} = 2 * {free}` for another width"

    name: str
    free: str


@dataclass(frozen=True, slots=True)
class BadDim(Fault):
    """A dim that is not a static positive multiple of another."""

    code = "TP224"
    title = "the dim `{name}` must be a static positive multiple of a declared dim"
    help = "write `dim {name} = 2 * n`"

    name: str


@dataclass(frozen=True, slots=True)
class NotADim(Fault):
    """Something else where the name of a dim must stand."""

    code = "TP225"
    title = "`{name}` is not a dim"
    label = "a dim must stand here"
    help = "declare the width with `dim {name}`"

    name: str


@dataclass(frozen=True, slots=True)
class DimAsValue(Fault):
    """A dim in an expression."""

    code = "TP226"
    title = "the dim `{name}` is not a value"
    label = "widths grow without bound"
    help = "a dim stands only in declarations; averages over it are `avg`, `<x|y>` and `mean`"

    name: str


# ------------------------------------------------------------------------------ families and blocks


@dataclass(frozen=True, slots=True)
class UnknownMember(Fault):
    """A family member that nothing has bound so far."""

    code = "TP227"
    title = "`{member}` is not bound"
    label = "not bound before this"
    help = "{advice}"

    member: str
    advice: str


@dataclass(frozen=True, slots=True)
class FamilyArity(Fault):
    """A family with the wrong number of keys, or with none."""

    code = "TP228"
    title = "`{name}` is a family with {arity}, here it has {found}"
    help = "its first binding, in line {line}, fixes the number of keys"

    name: str
    arity: str
    found: str
    line: int


@dataclass(frozen=True, slots=True)
class TooLong(Fault):
    """A constant shape, a range or an unrolled program that is too large."""

    code = "TP229"
    title = "{what} is larger than {limit}"
    help = "{advice}"

    what: str
    limit: int
    advice: str = ""


@dataclass(frozen=True, slots=True)
class TooDeep(Fault):
    """Inlined definitions nested deeper than the compiler follows."""

    code = "TP230"
    title = "definitions and brackets are nested too deeply here"
    help = "bind an inner part to a name of its own"


@dataclass(frozen=True, slots=True)
class SecondDialect(Fault):
    """Two `dialect` declarations."""

    code = "TP247"
    title = "a second `dialect`"
    help = "declare the largest dialect that you allow, once"


# ---------------------------------------------------------------------------- functions and `mean`


@dataclass(frozen=True, slots=True)
class NotAFunction(Fault):
    """A call of something that is no function."""

    code = "TP232"
    title = "`{name}` is not a function"
    label = "cannot be called"
    help = "{advice}"

    name: str
    advice: str


@dataclass(frozen=True, slots=True)
class NotAValue(Fault):
    """A definition, a coordinate or a `:` where a value must stand."""

    code = "TP233"
    title = "{what} is not a value"
    help = "{advice}"

    what: str
    advice: str


@dataclass(frozen=True, slots=True)
class BadArguments(Fault):
    """A call with the wrong arguments."""

    code = "TP234"
    title = "`{function}` takes {wanted}, here it has {found}"

    function: str
    wanted: str
    found: str


@dataclass(frozen=True, slots=True)
class Recursion(Fault):
    """A `def` that calls itself."""

    code = "TP235"
    title = "`{name}` calls itself"
    label = "recursion"
    help = "definitions are inlined; repeat a step with a static loop over a family"

    name: str


@dataclass(frozen=True, slots=True)
class NotElementwise(Fault):
    """The derivative of a function that is not elementwise in one argument."""

    code = "TP236"
    title = "`{function}` has no derivative: {why}"
    label = "only elementwise functions of one argument have one"

    function: str
    why: str


@dataclass(frozen=True, slots=True)
class HoldsDelta(Fault):
    """A derivative that contains a delta function."""

    code = "TP237"
    title = "`{function}` contains a delta function"
    label = "not a function that can be evaluated"
    help = "smooth it, or write the expectation that you need"

    function: str


@dataclass(frozen=True, slots=True)
class CoordinateOutside(Fault):
    """`x[j]` where no `mean[j]` binds j."""

    code = "TP238"
    title = "the coordinate `{name}` stands outside `mean[{name}](...)`"
    label = "bound by no `mean` here"
    help = "write `mean[{name}](...)` around it; a static index must be bound before"

    name: str


@dataclass(frozen=True, slots=True)
class CoordinateClash(Fault):
    """A coordinate with the name of something else."""

    code = "TP239"
    title = "the coordinate `{name}` has the name of something else"
    label = "also bound in line {line}"
    help = "a coordinate's name differs from every other name of the file"

    name: str
    line: int


@dataclass(frozen=True, slots=True)
class CoordinateUnused(Fault):
    """A bound coordinate that its body does not use."""

    code = "TP240"
    title = "the coordinate `{name}` does not occur in the body of its `mean`"
    label = "unused"
    help = "drop it, or index a vector with it: `x[{name}]`"

    name: str


@dataclass(frozen=True, slots=True)
class InsideRow(Fault):
    """MatMul, `avg`, `<|>` or a nested `mean` of something at a bound coordinate."""

    code = "TP241"
    title = "{what} of a row at the coordinate `{coordinate}`"
    label = "depends on the coordinate `{coordinate}`"
    help = "bind the inner value to a name first, as a vector or scalar without `{coordinate}`"

    what: str
    coordinate: str


# ---------------------------------------------------------------------------- outputs and readouts


@dataclass(frozen=True, slots=True)
class ReadoutUsed(Fault):
    """The name of a readout in an expression."""

    code = "TP242"
    title = "the readout `{name}` stands in an expression"
    label = "a readout is only an output"
    help = "bind what it sums to a name, and use that"

    name: str


@dataclass(frozen=True, slots=True)
class ReadoutNotGaussian(Fault):
    """A readout that fails the check of linearity in fresh initial vectors."""

    code = "TP243"
    title = "the readout `{name}` has no centred Gaussian limit: {why}"
    label = "{short}"
    help = "sum `v * x` with an initial vector `v` of mean zero on which `x` does not depend"

    name: str
    why: str
    short: str


@dataclass(frozen=True, slots=True)
class NoOutput(Fault):
    """A program without outputs, where outputs are asked for."""

    code = "TP244"
    title = "the program has no output"
    help = "add `output c` for a scalar or vector `c`, or a `readout`"


@dataclass(frozen=True, slots=True)
class BadKeyword(Fault):
    """`name=value` in a call that does not take it."""

    code = "TP245"
    title = "`{function}` takes no keyword `{keyword}`"
    help = "{advice}"

    function: str
    keyword: str
    advice: str
