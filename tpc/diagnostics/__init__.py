"""Positions, diagnostics, the catalogue of errors and their renderer; imports no other part."""

from tpc.diagnostics.diagnostic import NOWHERE, Diagnostic, Fault, Span
from tpc.diagnostics.render import ProgramError, UsageError, render

__all__ = ["NOWHERE", "Diagnostic", "Fault", "ProgramError", "Span", "UsageError", "render"]
