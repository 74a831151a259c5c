"""The syntax tree of a `.tp` file: frozen records that spell out what was written, and where.

Nothing here is resolved: whether `h[0]` is a member of a family, an index of a constant axis or a
row of a `mean` is for `tpc.program` to say.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, dataclass_transform

from tpc.diagnostics import Span


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True)
class Syntax:
    """A part of the text. What is written in it stands in its fields, in the order of the text.

    Every subclass is a frozen dataclass, without a decorator of its own. So it has no slots: for
    them `dataclass` makes another class, and `class` would still bind the one without.
    """

    span: Span

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True)(cls)


def children(node: Syntax) -> list[Syntax]:
    """Return the parts that a part of the text directly holds, in order, names included."""
    listed = (value if isinstance(value, tuple) else (value,) for value in vars(node).values())
    return [item for items in listed for item in items if isinstance(item, Syntax)]


def walk(*roots: Syntax) -> Iterator[Syntax]:
    """Yield parts of the text and everything in them, outermost first, in order."""
    waiting = list(roots[::-1])
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(children(node))


# -------------------------------------------------------------------------------------- expressions


class Number(Syntax):
    """A literal; `value` is an `int` exactly where the text has neither point nor exponent."""

    value: int | float


class Text(Syntax):
    """A string literal, an argument of `load`."""

    value: str


class Name(Syntax):
    """An identifier. `true` and `false` are `Boolean`."""

    id: str


class Boolean(Syntax):
    """`true` or `false`."""

    value: bool


class Array(Syntax):
    """A list in brackets, `[1, [2, 3]]`."""

    items: tuple["Expression", ...]


class Slice(Syntax):
    """`:`, `1:3` or `::2` in an index: a whole constant axis, or a part of it."""

    start: "Expression | None"
    stop: "Expression | None"
    step: "Expression | None"


class Subscript(Syntax):
    """`base[key, ...]`: a family member, an index, a row at a coordinate."""

    base: "Expression"
    keys: tuple["Expression | Slice", ...]


class Keyword(Syntax):
    """`name=value` in a call."""

    name: str
    value: "Expression"


class Call(Syntax):
    """`f(x)`, `f'(x)` (primes = 1), `sum(x, axis=0)`, `load("X.npy")`, `range(3)`, `avg(x)`."""

    function: Name
    primes: int
    arguments: tuple["Expression", ...]
    keywords: tuple[Keyword, ...]


class Mean(Syntax):
    """`mean[j, l](body)`."""

    coordinates: tuple[Name, ...]
    body: "Expression"


class Bracket(Syntax):
    """`<left|right>`."""

    left: "Expression"
    right: "Expression"


class Transposed(Syntax):
    """`operand.T`."""

    operand: "Expression"


class Steps(Syntax):
    """`operand.step`, the increments of a path over rounds."""

    operand: "Expression"


class Unary(Syntax):
    """`-x` or `not x`."""

    operator: Literal["-", "not"]
    operand: "Expression"


BinaryOperator: TypeAlias = Literal[
    "+", "-", "*", "/", "@", "^", "//", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or"
]


class Binary(Syntax):
    """`left operator right`; `**` is `^`, and `a < b < c` is `(a < b) and (b < c)`."""

    operator: BinaryOperator
    left: "Expression"
    right: "Expression"


Expression: TypeAlias = (
    Number
    | Text
    | Name
    | Boolean
    | Array
    | Subscript
    | Call
    | Mean
    | Bracket
    | Transposed
    | Steps
    | Unary
    | Binary
)

# --------------------------------------------------------------------------------------- statements


class Title(Syntax):
    """`program "a title"`."""

    text: str


class Dialect(Syntax):
    """`dialect netsort`; whether the name is one of the five is checked later."""

    name: Name


class DimDecl(Syntax):
    """`dim n` (value None) or `dim m = 2 * n`."""

    name: Name
    value: Expression | None


class DepthDecl(Syntax):
    """`depth L` (value None), which is infinite, or `depth L = 64`."""

    name: Name
    value: Expression | None


class ConstDecl(Syntax):
    """`const X = ...`."""

    name: Name
    value: Expression


class ParamDecl(Syntax):
    """`param sw = 1.5`."""

    name: Name
    value: Expression


class Declared(Syntax):
    """A declared name with the constant shape in brackets behind it: `u[2]`."""

    name: Name
    shape: tuple[Expression, ...]


class ScalarDecl(Syntax):
    """`scalar c0, c1[2] -> [0, 1]`; limit None where no arrow stands."""

    names: tuple[Declared, ...]
    limit: Expression | None


class Normal(Syntax):
    """`~ normal(mean, covariance)`."""

    mean: Expression
    covariance: Expression


class Ensemble(Syntax):
    """`~ orthogonal(scale)`, `~ student_t(5, 1 / m)`: a law by its name."""

    name: Name
    arguments: tuple[Expression, ...]


Law: TypeAlias = Normal | Ensemble


class VectorDecl(Syntax):
    """`vector u[2], v : n ~ normal(mean, covariance)`."""

    names: tuple[Declared, ...]
    dim: Name
    law: Law | None


class NoiseDecl(Syntax):
    """`noise r[2] : n ~ bernoulli(0.9)`."""

    names: tuple[Declared, ...]
    dim: Name
    law: Law | None


class MatrixDecl(Syntax):
    """`matrix W, V[3] : n x m ~ normal(0, variance)`."""

    names: tuple[Declared, ...]
    rows: Name
    columns: Name
    law: Law | None


class Def(Syntax):
    """`def swish(z) = z * sigmoid(z)`."""

    name: Name
    parameters: tuple[Name, ...]
    body: Expression


class Target(Syntax):
    """What a statement binds: `h`, or the family member `h[l, t]`."""

    name: Name
    keys: tuple[Expression, ...]


class Assign(Syntax):
    """`target = value`."""

    target: Target
    value: Expression


class Output(Syntax):
    """`output target` (value None) or `output target = value`."""

    target: Target
    value: Expression | None


class Readout(Syntax):
    """`readout target = value`."""

    target: Target
    value: Expression


class InputDecl(Syntax):
    """`input xi[10]`, or `input path xi[2]`."""

    declared: Declared
    path: bool


class WeightDecl(Syntax):
    """`weight U[10], V : n (init=0)`, `weight W : n x n`, `weight g (start=1)`.

    Attributes:
        rows: The dim behind the colon, or None.
        columns: The dim behind the `x`, or None.
        options: As written; which there are is checked later.
    """

    names: tuple[Declared, ...]
    rows: Name | None
    columns: Name | None
    options: tuple[Keyword, ...]


class For(Syntax):
    """`for variable in iterable:` and its block."""

    variable: Name
    iterable: Expression
    body: tuple["Statement", ...]


class Branch(Syntax):
    """One `if` or `elif` with its block."""

    condition: Expression
    body: tuple["Statement", ...]


class If(Syntax):
    """`if` / `elif` / `else`."""

    branches: tuple[Branch, ...]
    otherwise: tuple["Statement", ...]


class Return(Syntax):
    """`return direction`, in the block of an `optimizer`."""

    value: Expression


class OptimizerDef(Syntax):
    """`optimizer heavy(g; m=0; beta=0.9):` and its block; the span is that of the header.

    Attributes:
        of_operators: Whether `matrix` stands in front of the gradient.
    """

    name: Name
    gradient: Name
    states: tuple[Keyword, ...]
    options: tuple[Keyword, ...]
    body: tuple[Assign | For | Return, ...]
    of_operators: bool = False


SettingWord: TypeAlias = Literal[
    "data", "test", "loss", "reduce", "parametrization", "steps", "batch", "center", "clip_value"
]


class TrainLine(Syntax):
    """What stands in `train` blocks only."""


class Setting(TrainLine):
    """A line of a `train` block: a word, and one value (`data` has two)."""

    word: SettingWord
    values: tuple[Expression, ...]


class OptimizerChoice(TrainLine):
    """`optimizer adam(lr=0.2)`, or `optimizer v, W[2]: sgd(lr=1)` for some weights."""

    weights: tuple[Expression, ...]
    use: Expression


class GlobalBound(TrainLine):
    """`clip_global 1 over W, V` or `normalize_global true`; no names stand for all weights."""

    word: Literal["clip_global", "normalize_global"]
    value: Expression
    weights: tuple[Expression, ...]


class Schedule(TrainLine):
    """`schedule warmup(10), cosine(100, floor=0.1)`, factors of learning rates."""

    factors: tuple[Expression, ...]
    options: tuple[Keyword, ...]


class Track(TrainLine):
    """`track target = value`."""

    target: Target
    value: Expression


class Train(Syntax):
    """`train readout:` and its block of settings; the span is that of the header."""

    readout: Name
    body: tuple["Statement", ...]


NetworkStatement: TypeAlias = InputDecl | WeightDecl | OptimizerDef | Train | TrainLine
"""What stands in the files of networks only."""

Statement: TypeAlias = (
    Title
    | Dialect
    | DimDecl
    | DepthDecl
    | ConstDecl
    | ParamDecl
    | ScalarDecl
    | VectorDecl
    | NoiseDecl
    | MatrixDecl
    | Def
    | Assign
    | Output
    | Readout
    | For
    | If
    | NetworkStatement
)


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file: its text, the name to report it by, and its statements in order."""

    name: str
    text: str
    statements: tuple[Statement, ...]
