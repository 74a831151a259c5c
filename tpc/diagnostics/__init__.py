"""Positions, diagnostics, the catalogue of errors and their renderer; imports no other part."""

from tpc.diagnostics.diagnostic import Diagnostic, Fault
from tpc.diagnostics.position import NOWHERE, Span
from tpc.diagnostics.program_error import ProgramError
from tpc.diagnostics.render import render

__all__ = ["NOWHERE", "Diagnostic", "Fault", "ProgramError", "Span", "render"]
