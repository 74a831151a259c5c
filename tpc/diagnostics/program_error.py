"""The exception that carries all diagnostics of a stage."""

from tpc.diagnostics.diagnostic import Diagnostic
from tpc.diagnostics.render import render


class ProgramError(Exception):
    """A program or its data is wrong.

    Attributes:
        diagnostics: All that was found, in source order.
        name: The file name, or `<string>`.
        source: The program text.
    """

    def __init__(self, diagnostics: list[Diagnostic], name: str, source: str) -> None:
        self.diagnostics = sorted(
            diagnostics, key=lambda found: (found.line, found.column, found.code)
        )
        self.name = name
        self.source = source
        super().__init__(self.diagnostics, name, source)

    def __str__(self) -> str:
        return render(self.diagnostics, self.name, self.source)
