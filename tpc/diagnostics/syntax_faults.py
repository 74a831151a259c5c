"""The catalogue of syntax errors, TP1xx: text that is no program."""

from tpc.diagnostics.diagnostic import Fault

# --------------------------------------------------------------------------- files and characters


class NotText(Fault):
    """The file's bytes are not UTF-8, or hold a NUL, as in a compiled or compressed file."""

    code = "TP101"
    title = "the file is not UTF-8 text: {problem}"
    help = "a program is a plain text file in UTF-8"

    problem: str


class EmptyProgram(Fault):
    """Nothing but blanks and comments."""

    code = "TP102"
    title = "the program has no statement"
    help = "the smallest one: `dim n`, `vector v : n`, `output v`, each on its line"


class UnknownCharacter(Fault):
    """A character outside the language, such as `→`, `·`, `;` or a letter with an accent."""

    code = "TP103"
    title = "`{character}` has no meaning in a program"
    help = "{hint}"

    character: str
    hint: str


class UnclosedString(Fault):
    """A string without its second quotation mark on the same line."""

    code = "TP104"
    title = "this string is never closed"
    label = 'no `"` before the end of the line'
    help = 'close it with `"` on the same line'


class SingleQuotes(Fault):
    """A string in single quotation marks, which mean derivatives."""

    code = "TP105"
    title = "`'` does not begin a string"
    label = "`'` marks a derivative, as in `tanh'(x)`"
    help = 'strings stand in double quotation marks, `load("X.npy")`'


# ----------------------------------------------------------------------------- brackets and lines


class UnclosedBracket(Fault):
    """An opening bracket without its partner before the next statement."""

    code = "TP106"
    title = "`{opener}` is never closed"
    label = "no `{closer}` for it"
    help = "close it before the next statement begins"

    opener: str
    closer: str


class UnmatchedBracket(Fault):
    """A closing bracket that closes nothing, or a bracket of another kind."""

    code = "TP107"
    title = "`{closer}` closes {what}"
    help = "remove it, or open its partner before it"

    closer: str
    what: str


class MixedIndentation(Fault):
    """Tabs on one line and blanks on another, where both stand in one block."""

    code = "TP108"
    title = "tabs and blanks are mixed in the indentation"
    help = "indent all lines of a block with the same characters, best with four blanks"


class UnexpectedIndent(Fault):
    """A line stands further right than the one before, which opens no block."""

    code = "TP109"
    title = "this line is indented, but the line before opens no block"
    help = (
        "blocks stand below `for`, `if`, `train` and the like; inside brackets, lines break freely"
    )


class UnmatchedDedent(Fault):
    """A line ends a block, but stands in the column of no enclosing block."""

    code = "TP110"
    title = "the indentation of this line is that of no enclosing block"
    help = "line it up with the other lines of its block, or of a block round it"


class MissingBlock(Fault):
    """A line with a `:` at its end, such as `for` or `train`, with nothing under it."""

    code = "TP111"
    title = "`{keyword}` has no block"
    help = "indent the lines that belong to it, or write one statement behind the `:`"

    keyword: str


class MissingColon(Fault):
    """A line that opens a block, such as `for` or `train`, without the `:` at its end."""

    code = "TP112"
    title = "`{keyword}` needs a `:` at the end"
    label = "`:` belongs here"
    help = "end the header with `:`; its block follows, indented"

    keyword: str


# ------------------------------------------------------------------------------------- statements


class UnexpectedText(Fault):
    """Something stands where the grammar has no place for it."""

    code = "TP113"
    title = "`{found}` cannot stand here"
    label = "expected {expected}"
    help = "{hint}"

    found: str
    expected: str
    hint: str


class EarlyEnd(Fault):
    """A line ends in the middle of a statement."""

    code = "TP114"
    title = "the line ends before its statement does"
    label = "expected {expected}"
    help = "{hint}"

    expected: str
    hint: str


class MissingOperator(Fault):
    """Two terms stand side by side."""

    code = "TP115"
    title = "there is no operator between `{left}` and `{right}`"
    help = "{hint}"

    left: str
    right: str
    hint: str


class ReservedName(Fault):
    """A word of the language is used as a name."""

    code = "TP116"
    title = "`{word}` is a reserved word and cannot be a name here"
    help = "{hint}"

    word: str
    hint: str


class BindingInCondition(Fault):
    """`=` in the condition of an `if`."""

    code = "TP117"
    title = "`=` binds a name and cannot stand in a condition"
    help = "compare with `==`"


class ComparisonAsBinding(Fault):
    """`==` where a statement binds a name."""

    code = "TP118"
    title = "`==` compares and binds no name"
    help = "bind with a single `=`"


class MisplacedComparison(Fault):
    """`<`, `==`, `and`, `or`, `not` and the like outside the condition of an `if`."""

    code = "TP119"
    title = "`{operator}` stands only in the condition of an `if` or `elif`"
    help = "{hint}"

    operator: str
    hint: str


class ForeignWord(Fault):
    """A word of Python or another language that has no place in this one."""

    code = "TP120"
    title = "there is no `{word}` in this language"
    help = "{hint}"

    word: str
    hint: str


class BarePrime(Fault):
    """A `'` that is not behind the name of a function in front of its argument."""

    code = "TP121"
    title = "`'` stands only between the name of a function and its argument"
    help = "the derivative of `tanh` at `x` is `tanh'(x)`, the transpose of `W` is `W.T`"


class FunctionWithoutArgument(Fault):
    """A function that is not called."""

    code = "TP122"
    title = "the function `{function}` stands without an argument"
    help = "{hint}"

    function: str
    hint: str


class BranchWithoutIf(Fault):
    """An `elif` or `else` that follows no `if`."""

    code = "TP123"
    title = "`{keyword}` follows no `if`"
    help = "it belongs right below the block of an `if` or `elif`, in the same column"

    keyword: str


class TitleNotFirst(Fault):
    """A `program` line that is not the first statement."""

    code = "TP124"
    title = "`program` must be the first statement of the file"
    help = "a file is one program, with at most one title"


class NothingBound(Fault):
    """A line that computes something and binds it to no name."""

    code = "TP125"
    title = "this line binds no name"
    label = "expected `=`"
    help = "bind its value, `y = ...`, or make it a result, `output y = ...`"


class Rebinding(Fault):
    """`+=` and the like."""

    code = "TP126"
    title = "there is no `{operator}=`: a name is bound once"
    help = "bind the new value to a new name, or to the next member of a family, `h[t + 1] = ...`"

    operator: str


# ----------------------------------------------------------------------------------------- limits


class NestedTooDeep(Fault):
    """Brackets in brackets, or operators in operators, beyond what the compiler follows."""

    code = "TP127"
    title = "this is nested more than {limit} levels deep"
    help = "bind the inner parts to names"

    limit: int


class BlocksTooDeep(Fault):
    """Blocks in blocks beyond what the compiler follows."""

    code = "TP128"
    title = "blocks are nested more than {limit} levels deep"
    help = "join conditions with `and`; replace inner loops by constant axes"

    limit: int


class NumberTooLarge(Fault):
    """A literal beyond the largest double."""

    code = "TP129"
    title = "this number is too large for a double"
    help = "the largest one is about 1.8e308"


# ------------------------------------------------------------------------------------- networks


class UnknownSetting(Fault):
    """A line of a `train` block that begins with none of its words."""

    code = "TP131"
    title = "`{word}` begins no line of a `train` block"
    help = "{hint}"

    word: str
    hint: str


class SettingBound(Fault):
    """A setting of a `train` block with an `=` or a `:`, as in `steps = 20`."""

    code = "TP132"
    title = "`{word}` is a setting: it takes no `{sign}`"
    help = "write {form}"

    word: str
    sign: str
    form: str


class NoUpdate(Fault):
    """A line in the block of an `optimizer` that is neither a binding nor the `return`."""

    code = "TP133"
    title = "`{word}` cannot begin a line in the block of an optimizer"
    help = (
        "it holds bindings, `m = beta * m + g`, loops and one `return`; every entry is on its own"
    )

    word: str
