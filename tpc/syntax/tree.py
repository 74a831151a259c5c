"""The syntax tree of a `.tp` file: frozen records that spell out what was written, and where.

Nothing here is resolved: whether `h[0]` is a member of a family, an index of a constant axis or a
row of a `mean` is for `tpc.program` to say.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from tpc.diagnostics import Span

# -------------------------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Number:
    """A literal; `value` is an `int` exactly where the text has neither point nor exponent."""

    span: Span
    value: int | float


@dataclass(frozen=True, slots=True)
class Text:
    """A string literal, an argument of `load`."""

    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier. `true` and `false` are `Boolean`."""

    span: Span
    id: str


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    span: Span
    value: bool


@dataclass(frozen=True, slots=True)
class Array:
    """A list in brackets, `[1, [2, 3]]`."""

    span: Span
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Colon:
    """The `:` of an index, a whole constant axis."""

    span: Span


@dataclass(frozen=True, slots=True)
class Subscript:
    """`base[key, ...]`: a family member, an index, a row at a coordinate."""

    span: Span
    base: "Expression"
    keys: tuple["Expression | Colon", ...]


@dataclass(frozen=True, slots=True)
class Keyword:
    """`name=value` in a call."""

    span: Span
    name: str
    value: "Expression"


@dataclass(frozen=True, slots=True)
class Call:
    """`f(x)`, `f'(x)` (primes = 1), `sum(x, axis=0)`, `load("X.npy")`, `range(3)`, `avg(x)`."""

    span: Span
    function: Name
    primes: int
    arguments: tuple["Expression", ...]
    keywords: tuple[Keyword, ...]


@dataclass(frozen=True, slots=True)
class Mean:
    """`mean[j, l](body)`."""

    span: Span
    coordinates: tuple[Name, ...]
    body: "Expression"


@dataclass(frozen=True, slots=True)
class Bracket:
    """`<left|right>`."""

    span: Span
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Transposed:
    """`operand.T`."""

    span: Span
    operand: "Expression"


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`."""

    span: Span
    operator: Literal["-", "not"]
    operand: "Expression"


BinaryOperator: TypeAlias = Literal[
    "+", "-", "*", "/", "@", "^", "//", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or"
]


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`; `**` is `^`, and `a < b < c` is `(a < b) and (b < c)`."""

    span: Span
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
    | Unary
    | Binary
)

# --------------------------------------------------------------------------------------- statements


@dataclass(frozen=True, slots=True)
class Title:
    """`program "a title"`."""

    span: Span
    text: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """`dialect netsort`; whether the name is one of the five is checked later."""

    span: Span
    name: Name


@dataclass(frozen=True, slots=True)
class DimDecl:
    """`dim n` (value None) or `dim m = 2 * n`."""

    span: Span
    name: Name
    value: Expression | None


@dataclass(frozen=True, slots=True)
class ConstDecl:
    """`const X = ...`."""

    span: Span
    name: Name
    value: Expression


@dataclass(frozen=True, slots=True)
class ParamDecl:
    """`param sw = 1.5`."""

    span: Span
    name: Name
    value: Expression


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared name with the constant shape in brackets behind it: `u[2]`."""

    span: Span
    name: Name
    shape: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class ScalarDecl:
    """`scalar c0, c1[2] -> [0, 1]`; limit None where no arrow stands."""

    span: Span
    names: tuple[Declared, ...]
    limit: Expression | None


@dataclass(frozen=True, slots=True)
class Normal:
    """`~ normal(mean, covariance)`."""

    span: Span
    mean: Expression
    covariance: Expression


@dataclass(frozen=True, slots=True)
class Ensemble:
    """`~ orthogonal(scale)`, `~ student_t(5, 1 / m)`: a law by its name."""

    span: Span
    name: Name
    arguments: tuple[Expression, ...]


Law: TypeAlias = Normal | Ensemble


@dataclass(frozen=True, slots=True)
class VectorDecl:
    """`vector u[2], v : n ~ normal(mean, covariance)`."""

    span: Span
    names: tuple[Declared, ...]
    dim: Name
    law: Law | None


@dataclass(frozen=True, slots=True)
class MatrixDecl:
    """`matrix W, V : n x m ~ normal(0, variance)`."""

    span: Span
    names: tuple[Name, ...]
    rows: Name
    columns: Name
    law: Law | None


@dataclass(frozen=True, slots=True)
class Def:
    """`def swish(z) = z * sigmoid(z)`."""

    span: Span
    name: Name
    parameters: tuple[Name, ...]
    body: Expression


@dataclass(frozen=True, slots=True)
class Target:
    """What a statement binds: `h`, or the family member `h[l, t]`."""

    span: Span
    name: Name
    keys: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Assign:
    """`target = value`."""

    span: Span
    target: Target
    value: Expression


@dataclass(frozen=True, slots=True)
class Output:
    """`output target` (value None) or `output target = value`."""

    span: Span
    target: Target
    value: Expression | None


@dataclass(frozen=True, slots=True)
class Readout:
    """`readout target = value`."""

    span: Span
    target: Target
    value: Expression


@dataclass(frozen=True, slots=True)
class InputDecl:
    """`input xi[10]`."""

    span: Span
    declared: Declared


@dataclass(frozen=True, slots=True)
class WeightDecl:
    """`weight U[10], V : n (init=0)`, `weight W : n x n`, `weight g (start=1)`.

    Attributes:
        rows: The dim behind the colon, or None.
        columns: The dim behind the `x`, or None.
        options: As written; which there are is checked later.
    """

    span: Span
    names: tuple[Declared, ...]
    rows: Name | None
    columns: Name | None
    options: tuple[Keyword, ...]


@dataclass(frozen=True, slots=True)
class For:
    """`for variable in iterable:` and its block."""

    span: Span
    variable: Name
    iterable: Expression
    body: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One `if` or `elif` with its block."""

    span: Span
    condition: Expression
    body: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class If:
    """`if` / `elif` / `else`."""

    span: Span
    branches: tuple[Branch, ...]
    otherwise: tuple["Statement", ...]


@dataclass(frozen=True, slots=True)
class Return:
    """`return direction`, in the block of an `optimizer`."""

    span: Span
    value: Expression


@dataclass(frozen=True, slots=True)
class OptimizerDef:
    """`optimizer heavy(g; m=0; beta=0.9):` and its block; the span is that of the header."""

    span: Span
    name: Name
    gradient: Name
    states: tuple[Keyword, ...]
    options: tuple[Keyword, ...]
    body: tuple[Assign | Return, ...]


SettingWord: TypeAlias = Literal[
    "data", "test", "loss", "reduce", "parametrization", "steps", "batch", "center"
]


@dataclass(frozen=True, slots=True)
class Setting:
    """A line of a `train` block: a word, and one value (`data` has two)."""

    span: Span
    word: SettingWord
    values: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class OptimizerChoice:
    """`optimizer adam(lr=0.2)`, or `optimizer v, W: sgd(lr=1)` for some weights."""

    span: Span
    weights: tuple[Name, ...]
    use: Expression


@dataclass(frozen=True, slots=True)
class Track:
    """`track target = value`."""

    span: Span
    target: Target
    value: Expression


@dataclass(frozen=True, slots=True)
class Train:
    """`train readout:` and its block of settings; the span is that of the header."""

    span: Span
    readout: Name
    body: tuple["Statement", ...]


NetworkStatement: TypeAlias = (
    InputDecl | WeightDecl | OptimizerDef | Train | Setting | OptimizerChoice | Track
)
"""What stands in the files of networks only; the last three stand in `train` blocks."""

Statement: TypeAlias = (
    Title
    | Dialect
    | DimDecl
    | ConstDecl
    | ParamDecl
    | ScalarDecl
    | VectorDecl
    | MatrixDecl
    | Def
    | Assign
    | Output
    | Readout
    | InputDecl
    | WeightDecl
    | For
    | If
    | OptimizerDef
    | Train
    | Setting
    | OptimizerChoice
    | Track
)


@dataclass(frozen=True, slots=True)
class Source:
    """A parsed file: its text, the name to report it by, and its statements in order."""

    name: str
    text: str
    statements: tuple[Statement, ...]
