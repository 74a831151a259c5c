"""The faults of calls, definitions, derivatives and `mean`, TP2xx."""

from tpc.diagnostics.diagnostic import Fault


class NotAFunction(Fault):
    """A call of something that is no function."""

    code = "TP232"
    title = "`{name}` is not a function"
    label = "cannot be called"
    help = "{advice}"

    name: str
    advice: str


class NotAValue(Fault):
    """A definition, a coordinate or a `:` where a value must stand."""

    code = "TP233"
    title = "{what} is not a value"
    help = "{advice}"

    what: str
    advice: str


class BadArguments(Fault):
    """A call with the wrong arguments."""

    code = "TP234"
    title = "`{function}` takes {wanted}, here it has {found}"

    function: str
    wanted: str
    found: str


class BadKeyword(Fault):
    """`name=value` in a call that does not take it."""

    code = "TP245"
    title = "`{function}` takes no keyword `{keyword}`"
    help = "{advice}"

    function: str
    keyword: str
    advice: str


class Recursion(Fault):
    """A `def` that calls itself."""

    code = "TP235"
    title = "`{name}` calls itself"
    label = "recursion"
    help = "definitions are inlined; repeat a step with a static loop over a family"

    name: str


class NotElementwise(Fault):
    """The derivative of a function that is not elementwise in one argument."""

    code = "TP236"
    title = "`{function}` has no derivative: {why}"
    label = "only elementwise functions of one argument have one"

    function: str
    why: str


class HoldsDelta(Fault):
    """A derivative that contains a delta function."""

    code = "TP237"
    title = "`{function}` contains a delta function"
    label = "not a function that can be evaluated"
    help = "smooth it, or write the expectation that you need"

    function: str


class CoordinateOutside(Fault):
    """`x[j]` where no `mean[j]` binds j."""

    code = "TP238"
    title = "the coordinate `{name}` stands outside `mean[{name}](...)`"
    label = "bound by no `mean` here"
    help = "write `mean[{name}](...)` around it; a static index must be bound before"

    name: str


class CoordinateClash(Fault):
    """A coordinate with the name of something else."""

    code = "TP239"
    title = "the coordinate `{name}` has the name of something else"
    label = "also bound in line {line}"
    help = "a coordinate's name differs from every other name of the file"

    name: str
    line: int


class CoordinateUnused(Fault):
    """A bound coordinate that its body does not use."""

    code = "TP240"
    title = "the coordinate `{name}` does not occur in the body of its `mean`"
    label = "unused"
    help = "drop it, or index a vector with it: `x[{name}]`"

    name: str


class InsideRow(Fault):
    """MatMul, `avg`, `<|>` or a nested `mean` of something at a bound coordinate."""

    code = "TP241"
    title = "{what} of a row at the coordinate `{coordinate}`"
    label = "depends on the coordinate `{coordinate}`"
    help = "bind the inner value to a name first, as a vector or scalar without `{coordinate}`"

    what: str
    coordinate: str
