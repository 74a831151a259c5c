"""Limits of matrix optimizers beside those of another implementation, case by case.

    python tests/benchmarks/optimizer_cases.py [--cases FILE] [--samples N] [--only TEXT]

`share` is the largest difference of f, <h2|h2> and <x1|x1> at any step, over 4 combined standard
errors plus 5e-4; `error` is the largest standard error of f.
"""

import argparse
import os
from pathlib import Path
from time import process_time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads that wait count as CPU seconds

from rich.console import Console
from rich.table import Table

from tests.numeric.optimizer_cases import REFERENCE, agreement, read_cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, default=REFERENCE)
    parser.add_argument("--samples", type=int, default=65536)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    options = parser.parse_args()
    table = Table(title=f"{options.samples:,} nodes")
    for column in ("case", "share", "largest difference", "error", "CPU s"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for name, case in read_cases(options.cases).items():
        if options.only in name:
            start = process_time()
            found = agreement(case, options.samples)
            numbers = f"{found.share:.2f}", f"{found.difference:.1e}", f"{found.error:.1e}"
            table.add_row(name, *numbers, f"{process_time() - start:.0f}")
            print(name, *numbers, flush=True)
    Console().print(table)


if __name__ == "__main__":
    main()
