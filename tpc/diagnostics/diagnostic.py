"""What the compiler says about a wrong program, and where.

A *fault* is a small frozen class, one for each code of the catalogue, whose fields are the facts
and whose templates are the words. A *diagnostic* is a fault at a place: lines and columns count
from 1, offsets from 0.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, dataclass_transform


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of source text, end exclusive."""

    start: int
    end: int
    line: int
    column: int

    def to(self, other: "Span") -> "Span":
        """Return the stretch from the start of this span to the end of `other`."""
        return Span(self.start, max(self.end, other.end), self.line, self.column)

    def text(self, source: str) -> str:
        """Return the source text under this span."""
        return source[self.start : self.end]


NOWHERE = Span(0, 0, 1, 1)
"""The span of what no source text spells out."""


Severity: TypeAlias = Literal["error", "warning"]


@dataclass_transform(frozen_default=True)
class Fault:
    """One kind of mistake: subclasses set the templates, their fields fill them in.

    A template may name any field in braces. An empty `hint` (or one whose field is empty) means
    that there is nothing to write instead. Every subclass is a frozen dataclass, without a
    decorator of its own. So it has no slots: for them `dataclass` makes another class, and the
    statement `class` would still bind the one without.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    label: ClassVar[str] = ""
    help: ClassVar[str] = ""
    severity: ClassVar[Severity] = "error"

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True)(cls)

    def words(self, template: str) -> str:
        """Fill a template with this fault's fields."""
        return template.format(**vars(self))


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A fault at a place of the source.

    Attributes:
        line: Line of the offending text, from 1.
        column: Column of its first character, from 1.
        code: `TPnnn`, see `docs/errors.md`.
        message: What is wrong.
        hint: What to write instead, or the empty string.
        label: A few words for under the caret, or the empty string.
        span: The offending stretch of text.
        severity: Whether it stops the compiler.
    """

    line: int
    column: int
    code: str
    message: str
    hint: str
    label: str
    span: Span
    severity: Severity = "error"

    @classmethod
    def of(cls, fault: Fault, span: Span) -> "Diagnostic":
        """Place a fault at a span."""
        message, hint, label = (
            fault.words(text) for text in (fault.title, fault.help, fault.label)
        )
        return cls(span.line, span.column, fault.code, message, hint, label, span, fault.severity)
