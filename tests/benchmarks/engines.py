"""Time and memory of dense and matrix-free runs, each in a process of its own.

    python -m tests.benchmarks.engines [LARGEST]

The program has ten products with W and ten with its transpose. Prints the table of
docs/finite_width.md, measured in one run; a dense run is left out where it takes over 3 GB.
"""

import os
import resource
import subprocess
import sys
import time

PROGRAM = """
dim n
vector v : n
matrix W : n x n
x[0] = v
for t in range(10):
    h[t] = W @ x[t]
    y[t] = W.T @ tanh(h[t])
    x[t + 1] = tanh(y[t])
output K = <x[10]|x[10]>
output B = <v|y[9]>
"""

WIDTHS = (10**3, 10**4, 10**5, 10**6, 10**7)
MOST_BYTES = 3e9


def measure(engine: str, width: int) -> None:
    """Run once in this process, print seconds and the growth of its memory in megabytes."""
    import tpc

    program = tpc.parse(PROGRAM)
    tpc.simulate(program, width=8, trials=1, engine=engine)  # type: ignore[arg-type]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    tpc.simulate(program, width=width, trials=1, engine=engine)  # type: ignore[arg-type]
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{seconds} {(after - before) / 1000}")


def run(engine: str, width: int) -> str:
    """Return the cells of one run."""
    if engine == "dense" and 8 * width**2 > MOST_BYTES:
        return f"| - | needs {8 * width**2 / 1e9:,.0f} GB |"
    words = [sys.executable, "-m", "tests.benchmarks.engines", engine, str(width)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    seconds, megabytes = map(float, done.stdout.split())
    return f"| {seconds:.3g} s | {megabytes:,.0f} MB |"


def main(largest: int) -> None:
    """Print the table."""
    print("| n | dense: time | memory | matrix-free: time | memory |")
    print("|---|---|---|---|---|")
    for width in WIDTHS:
        if width <= largest:
            cells = run("dense", width) + run("matrix-free", width)[1:]
            print(f"| {width:,} {cells}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else WIDTHS[-1])
