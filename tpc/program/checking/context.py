"""What the evaluation of an expression may see and where its nodes and complaints go.

Complaints are gathered, so that all of a stage are raised at once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from tpc.diagnostics import Diagnostic, Fault, Span, habits
from tpc.diagnostics.name_faults import TooLong, UnknownName
from tpc.program.builder import Builder
from tpc.program.checking.depths import Depths
from tpc.program.checking.survey import Survey
from tpc.program.checking.values import BROKEN, Broken, Definition, Entity, Static, Value
from tpc.program.nodes import Matrix, Node
from tpc.program.program import Dim


@dataclass(slots=True)
class Reports:
    """The diagnostics so far: one for each code and place, however often a loop repeats it."""

    found: dict[tuple[str, Span], Diagnostic] = field(default_factory=dict)
    warned: dict[tuple[str, Span], Diagnostic] = field(default_factory=dict)

    def add(self, fault: Fault, span: Span, inside: str = "") -> Broken:
        """Report a fault and return the value that silences what contains it.

        Args:
            fault: What is wrong.
            span: Where.
            inside: The `def` whose inlined body is wrong for the call at `span`.
        """
        diagnostic = Diagnostic.of(fault, span)
        if inside:
            message = f"{diagnostic.message} (in the body of `{inside}`)"
            diagnostic = replace(diagnostic, message=message, label="")
        known = self.warned if fault.severity == "warning" else self.found
        known.setdefault((fault.code, span), diagnostic)
        return BROKEN

    def warnings(self) -> tuple[Diagnostic, ...]:
        """Return the warnings so far, in order of their places."""
        return tuple(sorted(self.warned.values(), key=lambda of: (of.line, of.column, of.code)))


FEW = 20
"""For so many unknown names a similar one is looked for."""


LONGEST = 100_000
"""The most statements that a program may execute and calls of `def`s that it may inline."""


class Overlong(Exception):
    """The unrolled program is longer than the compiler follows; this has been reported."""


@dataclass(frozen=True, slots=True)
class Inlining:
    """The call of a `def` whose body is being evaluated: faults and nodes belong to its place."""

    name: str
    span: Span


@dataclass(slots=True)
class Workshop:
    """What all contexts of one program share.

    Attributes:
        builder: Makes the nodes.
        reports: Takes the complaints.
        survey: The first look over the file.
        directory: Where relative paths of data start.
        text: The program text.
        transposed: Each use of a transposed matrix, for the dialect.
        inlined: Results of calls of `def`s by definition and arguments, so that a definition that
            uses its argument twice does not double the work at every level.
        placeholders: How many stand-ins have been made for derivatives.
        steps: How many statements have been executed and calls inlined.
        unknown: Names that have been reported as unknown; they are silent from then on.
        ended: Names of rounds of loops that have ended, and what to write instead.
        dims: The dims so far, by name.
        parts: In how many parts vectors of a dim are split.
        batch_mean: Makes the mean over the inputs of a network; None in a program.
        ratios: Those of the dims, by name.
        depths: The depths that have been declared.
    """

    builder: Builder
    reports: Reports
    survey: Survey
    directory: Path
    text: str
    transposed: list[tuple[Matrix, Span]] = field(default_factory=list)
    inlined: dict[tuple[object, ...], Value] = field(default_factory=dict)
    placeholders: int = 0
    steps: int = 0
    unknown: set[str] = field(default_factory=set)
    ended: dict[str, str] = field(default_factory=dict)
    dims: dict[str, Dim] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    batch_mean: Callable[[Builder, Node], Node] | None = None
    ratios: dict[str, float] = field(default_factory=dict)
    depths: Depths = field(default_factory=Depths)


@dataclass(frozen=True, slots=True)
class Context:
    """Where an expression is evaluated.

    Attributes:
        shop: What all contexts of the program share.
        names: What is bound here.
        coordinates: The coordinates that the innermost `mean` binds.
        outer: Those of the `mean`s around it.
        inlining: The call that is being inlined, outermost, if any.
    """

    shop: Workshop
    names: dict[str, Entity]
    coordinates: tuple[str, ...] = ()
    outer: tuple[str, ...] = ()
    inlining: Inlining | None = None

    def report(self, fault: Fault, span: Span) -> Broken:
        """Report a fault at a place, or at the call that is being inlined."""
        if self.inlining is None:
            return self.shop.reports.add(fault, span)
        return self.shop.reports.add(fault, self.inlining.span, inside=self.inlining.name)

    def counting(self) -> "Context":
        """Return the same context with the rounds that are written out for infinite depths."""
        names = self.shop.depths.counting(self.names)
        return self if names is self.names else replace(self, names=names)

    def step(self, span: Span) -> None:
        """Count a statement or an inlined call.

        Raises:
            Overlong: There are more than `LONGEST`.
        """
        self.shop.steps += 1
        if self.shop.steps > LONGEST:
            advice = "use constant axes (a multi-vector) instead of a loop"
            self.report(TooLong("the unrolled program", LONGEST, advice), span)
            raise Overlong

    def place(self, span: Span) -> Span:
        """Return a place of the text, or that of the call that is being inlined."""
        return span if self.inlining is None else self.inlining.span

    def building(self, span: Span) -> Builder:
        """Return the builder, set to make nodes for a place of the text."""
        self.shop.builder.span = self.place(span)
        return self.shop.builder

    def node(self, value: Static | Node, span: Span) -> Node:
        """Return a value as a node."""
        return self.building(span).constant(value.value) if isinstance(value, Static) else value

    def inside_mean(self, coordinates: tuple[str, ...]) -> "Context":
        """Return the context of the body of a `mean`."""
        outer = self.outer + tuple(set(self.coordinates) - set(coordinates))
        return replace(self, coordinates=coordinates, outer=outer)

    def inside_definition(
        self, definition: Definition, arguments: tuple[Value, ...], span: Span
    ) -> "Context":
        """Return the context of the body of a `def` that is called at `span`."""
        names = definition.sees | dict(zip(definition.parameters, arguments, strict=True))
        inlining = self.inlining or Inlining(definition.name, span)
        return Context(self.shop, names, (), (), inlining)

    def unknown(
        self, name: str, span: Span, functions: tuple[str, ...] = (), advice: str = ""
    ) -> Broken:
        """Report a name that nothing has bound, once.

        Args:
            name: The name.
            span: Where it stands.
            functions: Built-in names that could have been meant.
            advice: What to write instead, where no other name was meant.
        """
        shop = self.shop
        if name in shop.unknown:
            return BROKEN
        shop.unknown.add(name)
        later = shop.survey.bound.get(name)
        if name in shop.ended:
            suggestion = shop.ended[name]
        elif later is not None and later.start > span.start:
            suggestion = f"`{name}` is bound later, in line {later.line}"
        else:
            known = [*self.names, *functions] if len(shop.unknown) <= FEW else []
            same = [other for other in known if other.casefold() == name.casefold()]
            similar = same or get_close_matches(name, known, n=1)
            meant = "" if same else habits.advice(name, self.shop.text[span.end :])
            suggestion = meant or (f"did you mean `{similar[0]}`?" if similar else advice)
        return self.report(UnknownName(name, suggestion), span)
