"""Networks trained by optimizers of operators, with the numbers of another implementation.

A case has f of the data rows and of a test row, H = <h2|h2> and perhaps X1 = <x1|x1> of the data
rows at every step, as limits by Sobol nodes with their standard errors, each confirmed by finite
networks of widths 128 to 8192.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import tpc

REFERENCE = Path(__file__).parents[1] / "reference" / "matrix_optimizers.json"

TEXT = """
dim n
input xi[{inputs}]
weight U[{inputs}] : n
weight W : n x n
weight v : n{start}
x1 = {act}(U @ xi)
h2 = W @ x1
x2 = {act}(h2)
readout f = v * x2
train f:
    data {data}, {targets}
    test {test}
    loss mse
    parametrization mup
    steps {steps}
    track H = <h2|h2>
    track X1 = <x1|x1>
"""


class Agreement(NamedTuple):
    """How a limit compares with a case.

    Attributes:
        share: The largest difference, over 4 combined standard errors plus 5e-4.
        difference: The largest difference.
        error: The largest standard error of f.
    """

    share: float
    difference: float
    error: float


def read_cases(path: Path = REFERENCE) -> dict[str, dict[str, Any]]:
    """Return the cases of a file that are trained networks, by name."""
    cases = json.loads(path.read_text())
    networks = [case for case in cases if "lines" in case["network"]]
    return {case["id"]: case for case in networks if isinstance(case["network"], dict)}


def text_of(network: dict[str, Any]) -> str:
    """Return the text of a case."""
    start = " (init=0)" if network.get("readout_start", "").startswith("0") else ""
    text = TEXT.format(inputs=len(network["data"][0]), start=start, **network)
    return text + "".join(f"    {line.strip()}\n" for line in network["lines"].split(";"))


def agreement(case: dict[str, Any], samples: int) -> Agreement:
    """Train the network of a case at infinite width and compare all that it has at every step."""
    found = tpc.train(tpc.parse(text_of(case["network"])), samples, method="qmc")
    rows = len(case["network"]["data"])
    worst = Agreement(0.0, 0.0, float(np.max(found.stderr["f"])))
    for name in case["error"]:
        wanted = np.array(case["expected"][name])
        place = (...,) if name == "f" else (slice(None), slice(rows), slice(rows))
        errors = np.hypot(found.stderr[name][place], case["error"][name])
        off = np.abs(found[name][place] - wanted)
        share = float((off / (4 * errors + 5e-4)).max())
        worst = Agreement(
            max(worst.share, share), max(worst.difference, float(off.max())), worst.error
        )
    return worst
