"""The faults of names, families and blocks, TP2xx."""

from tpc.diagnostics.diagnostic import Fault


class UnknownName(Fault):
    """A name that nothing has bound so far; `suggestion` is a whole hint or empty."""

    code = "TP201"
    title = "unknown name `{name}`"
    label = "not bound before this"
    help = "{suggestion}"

    name: str
    suggestion: str


class BoundTwice(Fault):
    """A second binding of a name or of a family member."""

    code = "TP202"
    title = "`{name}` is bound twice"
    label = "already bound in line {line}"
    help = "choose another name; a loop binds the members of a family, `{base}[i] = ...`"

    name: str
    base: str
    line: int


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


class UnknownMember(Fault):
    """A family member that nothing has bound so far."""

    code = "TP227"
    title = "`{member}` is not bound"
    label = "not bound before this"
    help = "{advice}"

    member: str
    advice: str


class FamilyArity(Fault):
    """A family with the wrong number of keys, or with none."""

    code = "TP228"
    title = "`{name}` is a family with {arity}, here it has {found}"
    help = "its first binding, in line {line}, fixes the number of keys"

    name: str
    arity: str
    found: str
    line: int


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


class NotAnInteger(Fault):
    """A static that must be an integer (in some range) but is not."""

    code = "TP222"
    title = "{what} must be {wanted}, not {found}"
    label = "this is {found}"

    what: str
    wanted: str
    found: str


class TooLong(Fault):
    """A constant shape, a range or an unrolled program that is too large."""

    code = "TP229"
    title = "{what} is larger than {limit}"
    help = "{advice}"

    what: str
    limit: int
    advice: str = ""


class TooDeep(Fault):
    """Inlined definitions nested deeper than the compiler follows."""

    code = "TP230"
    title = "definitions and brackets are nested too deeply here"
    help = "bind an inner part to a name of its own"
