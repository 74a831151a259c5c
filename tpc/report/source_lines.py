"""Which statement of the source text an equation comes from."""

from bisect import bisect_right

from tpc.diagnostics import Span
from tpc.program.program import Program


class SourceLines:
    """Finds the statement around a stretch of source text."""

    def __init__(self, program: Program) -> None:
        self._source = program.source
        self._lines = program.source.split("\n")
        spans = [binding.span for binding in program.bindings]
        spans += [output.span for output in program.outputs]
        self._statements = sorted(set(spans))
        self._starts = [span.start for span in self._statements]

    def statement(self, span: Span) -> Span:
        """Return the statement around a span, or the span where it is in none."""
        position = bisect_right(self._starts, span.start) - 1
        if position >= 0 and self._statements[position].end >= span.end:
            return self._statements[position]
        return span

    def text(self, span: Span) -> str:
        """Return the source text of a statement on one line, else the whole line of the span."""
        if span in self._statements[bisect_right(self._starts, span.start) - 1 :][:1]:
            return " ".join(span.text(self._source).split())
        return self._lines[span.line - 1].strip()
