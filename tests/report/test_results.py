"""The JSON object of a result has the form that scripts rely on; the table has its numbers."""

import io
import json
from dataclasses import dataclass, field

import numpy as np
import pytest

import tpc
from tpc.network.network import Network
from tpc.report.results import print_kernels, print_results, to_json
from tpc.simulation.result import Result


@dataclass
class Evaluated:
    """What a generated evaluator returns, for a scalar, a vector and a readout."""

    values: dict[str, object] = field(default_factory=lambda: {
        "K": np.array([[1.0, 0.5], [0.5, 2.0]]),
        "h": {"mean": np.array(0.25), "cov": np.array(1.5)},
        "f": np.array(3.0),
    })  # fmt: skip
    stderr: dict[str, object] = field(default_factory=lambda: {
        "K": np.full((2, 2), 0.01),
        "h": {"mean": np.array(0.02), "cov": np.array(np.nan)},
        "f": np.array(0.0),
    })  # fmt: skip
    method: str = "mc"
    methods: dict[str, str] = field(default_factory=lambda: {"K": "mc", "h": "mc", "f": "exact"})
    samples: int = 65536
    seed: int = 7
    params: dict[str, object] = field(
        default_factory=lambda: {"sw": 1.5, "C": np.eye(2), "l": [1.0]}
    )


EXPECTED = {
    "program": "a.tp",
    "command": "run",
    "method": "mc",
    "samples": 65536,
    "seed": 7,
    "params": {"sw": 1.5, "C": [[1.0, 0.0], [0.0, 1.0]], "l": [1.0]},
    "outputs": {
        "K": {
            "value": [[1.0, 0.5], [0.5, 2.0]],
            "stderr": [[0.01, 0.01], [0.01, 0.01]],
            "method": "mc",
        },
        "h": {"mean": 0.25, "cov": 1.5, "stderr": {"mean": 0.02, "cov": None}, "method": "mc"},
        "f": {"cov": 3.0, "stderr": 0.0, "method": "exact"},
    },
}
SIMULATED = {
    name: {part: array for part, array in output.items() if part != "method"}
    for name, output in EXPECTED["outputs"].items()  # type: ignore[attr-defined]
}


def test_json_of_an_evaluator() -> None:
    assert json.loads(json.dumps(to_json(Evaluated(), "a.tp", "run", {"f"}))) == EXPECTED


def test_json_of_a_simulation_adds_the_width() -> None:
    e = Evaluated()
    result = Result(e.values, e.stderr, "dense", 8, 7, {"sw": np.array(1.5)}, width=64)  # type: ignore[arg-type]
    found = to_json(result, "a.tp", "simulate", {"f"})
    assert found == {
        **EXPECTED, "command": "simulate", "method": "dense", "samples": 8, "width": 64,
        "params": {"sw": 1.5}, "outputs": SIMULATED,
    }  # fmt: skip


def shown(result: Evaluated) -> list[str]:
    """Return the lines of the table."""
    file = io.StringIO()
    print_results(result, {"f"}, file)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_table_tells_outputs_of_another_method() -> None:
    found = shown(Evaluated(method="auto", methods={"K": "qmc", "h": "quadrature", "f": "exact"}))
    last = [line.split()[-1] for line in found]
    assert last == ["qmc", "2.000(10)]]", "quadrature", "quadrature", "exact", "[1]"]
    found = shown(Evaluated())
    assert [line.endswith(("mc", "exact")) for line in found] == [*[False] * 4, True, False]


def test_table_of_exact_numbers_has_neither_samples_nor_seed() -> None:
    found = shown(Evaluated(methods=dict.fromkeys("Khf", "exact")))
    assert found[-1].startswith("exact, sw = 1.5, C = ")
    assert not any(line.endswith("exact") for line in found)


def test_table_shows_every_part() -> None:
    file = io.StringIO()
    print_results(Evaluated(), {"f"}, file)
    text = file.getvalue()
    for words in ("K", "1.000(10)", "h mean", "0.250(20)", "h cov", "f cov", "3", "mc", "65536",
                  "seed 7", "sw = 1.5", "C = [[1 0] [0 1]]"):  # fmt: skip
        assert words in text
    assert "\x1b" not in text  # no colours where no terminal is


SHARED = "dim n\ninput xi[2, 3]\nweight U[3], v : n\nreadout f = v * relu(U @ xi.T)\n"
APART = "dim n\ninput xi[2, 3]\nweight U[3] : n\nweight V[5] : n\nreadout f = V * relu(U @ xi[0])\n"


@pytest.mark.slow
def test_kernels_of_outputs_that_share_nothing_are_printed_once() -> None:
    """K ⊗ I is printed as K; where outputs share their weight it is not of that form."""
    for text, said in ((SHARED, False), (APART, True)):
        network = tpc.parse(text)
        assert isinstance(network, Network)
        result = tpc.kernel(network, np.arange(18.0).reshape(3, 2, 3) ** 0.5)
        shown = io.StringIO()
        print_kernels(result, file=shown)
        for kind in ("nngp", "ntk"):
            words = f"{kind} is K ⊗ I with this K: its 5 outputs share nothing"
            assert (words in shown.getvalue()) == said
        assert (len(shown.getvalue().splitlines()) < 12) == said
