"""How long the commands take that a person waits for: seconds of whole processes.

python tests/benchmarks/startup.py [--repeats R]
"""

import argparse
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.table import Table

EXAMPLE = Path(__file__).parents[2] / "examples" / "relu_nngp.tp"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    commands = {
        "python -c pass": ["-c", "pass"],
        "tpc --help": ["-m", "tpc", "--help"],
        "tpc inspect": ["-m", "tpc", "inspect", str(EXAMPLE)],
        "tpc run": ["-m", "tpc", "run", str(EXAMPLE)],
    }
    table = Table("command", "seconds, best", "over an empty process")
    empty = 0.0
    for title, words in commands.items():
        best = min(_seconds(words) for _ in range(options.repeats))
        empty = empty or best
        table.add_row(title, f"{best:.3f}", f"{best - empty:.3f}")
    Console().print(table)


def _seconds(words: list[str]) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start


if __name__ == "__main__":
    main()
