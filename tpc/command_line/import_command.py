"""The command `tpc import`."""

import sys
from argparse import Namespace
from pathlib import Path

from tpc.command_line.whole_file import write_whole
from tpc.diagnostics import UsageError
from tpc.driver import imported


def import_model(arguments: Namespace) -> int:
    """`tpc import`: write a model as a network, and what is to be known of it."""
    chosen = {"attention": arguments.attention, "check": not arguments.no_check}
    if arguments.program.endswith(".json"):
        found = imported.import_capture(arguments.program, **chosen)
    elif arguments.sample is None:
        raise UsageError("a model needs --sample MODEL.py:sample, its input for a number of rows")
    else:
        make, sample = imported.named(arguments.program), imported.named(arguments.sample)
        found = imported.from_torch(make, sample, arguments.widths, **chosen)
    if arguments.output:
        write_whole(Path(arguments.output), found.text)
        print(arguments.output)
    else:
        sys.stdout.write(found.text)
    if arguments.optimizer:
        print(found.report(arguments.optimizer, arguments.parametrization), end="")
    else:
        for note in found.notes:
            print(f"note: {note}", file=sys.stderr)
    return 0
