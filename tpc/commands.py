"""What each command does: call the driver, print or write what it returns."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tpc import compiler
from tpc.compiler import UsageError
from tpc.program.program import Program
from tpc.whole_file import write_whole

__all__ = ["COMMANDS", "UsageError"]


def compile_program(arguments: Namespace) -> int:
    """`tpc compile`: write the evaluator module."""
    program = _load(arguments)
    source = compiler.emit(compiler.derive(program, arguments.dot))
    path = Path(arguments.program)
    target = Path(arguments.output or path.with_name(f"{path.stem}_limit.py"))
    _write(target, source)
    print(target)
    return 0
