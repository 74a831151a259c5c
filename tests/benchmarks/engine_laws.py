"""Dense and matrix-free runs of width 64 have the same law: two-sample tests on every output.

    python -m tests.benchmarks.engine_laws [TRIALS]

Prints, for each of eight programs, the least p-value of a Kolmogorov-Smirnov test over the entries
of its outputs, times the number of all entries (Bonferroni). The tests do the same with fewer
trials.
"""

import sys
import time

import numpy as np
from scipy import stats

import tpc
from tests.simulation.test_engines import PROGRAMS, WIDTH, columns
from tpc.program.program import Program
from tpc.simulation.runs import run_trials
from tpc.simulation.simulate import ProgramRuns


def entries_of(program: Program, engine: str, seed: int, trials: int) -> dict[str, np.ndarray]:
    """Return a row for each trial of every output."""
    found = run_trials(ProgramRuns(program), WIDTH, trials, seed, None, None, engine)  # type: ignore[arg-type]
    return {o.name: columns([trial[o.name] for trial in found]) for o in program.outputs}


def main(trials: int) -> None:
    """Run and compare."""
    least: dict[str, list[tuple[float, str]]] = {}
    for name, text in PROGRAMS.items():
        start = time.perf_counter()
        program = tpc.parse(text)
        assert isinstance(program, Program)
        dense = entries_of(program, "dense", 11, trials)
        free = entries_of(program, "matrix-free", 12, trials)
        least[name] = [
            (float(stats.ks_2samp(a, b).pvalue), output)
            for output in dense
            for a, b in zip(dense[output].T, free[output].T, strict=True)
            if np.ptp(a) > 1e-9 or np.ptp(b) > 1e-9
        ]
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
    total = sum(map(len, least.values()))
    print(f"width {WIDTH}, {trials} trials, {total} entries of outputs")
    for name, found in least.items():
        p, output = min(found)
        print(f"{name:24} {len(found):3} entries, least p {p:.4f} ({output}), x {total}: "
              f"{min(1.0, p * total):.3f}")  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
