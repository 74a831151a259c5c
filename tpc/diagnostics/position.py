"""Where something stands in a source text: lines and columns from 1, offsets from 0."""

from dataclasses import dataclass


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
