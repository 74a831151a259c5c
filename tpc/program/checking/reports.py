"""Gathers the diagnostics of the program stage, so that all of them are raised at once."""

from dataclasses import dataclass, field, replace

from tpc.diagnostics import Diagnostic, Fault, Span
from tpc.program.checking.values import BROKEN, Broken


@dataclass(slots=True)
class Reports:
    """The diagnostics so far: one for each code and place, however often a loop repeats it."""

    found: dict[tuple[str, Span], Diagnostic] = field(default_factory=dict)

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
        self.found.setdefault((fault.code, span), diagnostic)
        return BROKEN
