"""Limits of small programs, for the tests of what prints them."""

from collections.abc import Callable

import pytest

from tpc.limit.derive import DotChoice, derive_limit
from tpc.limit.equations import Limit
from tpc.program.checking.build import build_program
from tpc.program.passes import normalise
from tpc.program.program import Program
from tpc.syntax.parse import parse_source


@pytest.fixture
def limit_of() -> Callable[..., Limit]:
    """Return a function from a program text to its limit."""

    def derived(text: str, dot: DotChoice = "auto", integrate: bool = True) -> Limit:
        return derive_limit(normalise(build_program(parse_source(text))), dot, integrate)

    return derived


@pytest.fixture
def bare_limit() -> Limit:
    """Return a limit without equations, whose reader expands whatever node it is given."""
    program = Program("t.tp", "", "", "netsor", {}, (), (), (), (), ())
    return Limit(program, (), (), {}, "netsor")
