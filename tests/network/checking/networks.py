"""Networks as text, for the tests of their checks."""

import tpc
from tpc.network.network import Network, Training, Weight

HEAD = """\
dim n
param s = 1.5
input xi[2]
const X = [[1, 0], [0, 1], [1, 1], [2, 0]]
const Y = [1, -1, 1, 1]
weight U[2] : n
weight W : n x n (mult=s)
weight g (start=0.5)
weight v : n
h = W @ tanh(U @ xi)
x = g * relu(h)
readout f = v * x
"""

SETTINGS = {
    "data": "X, Y",
    "loss": "mse",
    "optimizer": "sgd(lr=0.1)",
    "parametrization": "mup",
    "steps": "3",
}


def network_of(text: str) -> Network:
    """Check a text that describes a network."""
    found = tpc.parse(text)
    assert isinstance(found, Network)
    return found


def weight_of(line: str) -> Weight:
    """Check a network with one more weight, the last one."""
    return network_of(f"{HEAD}{line}\n").weights[-1]


def training_text(*lines: str, **settings: str) -> str:
    """Return a network with a `train` block: the usual settings, others instead, more lines."""
    said = [f"{word} {value}" for word, value in (SETTINGS | settings).items() if value]
    return f"{HEAD}train f:\n" + "".join(f"    {line}\n" for line in [*said, *lines])


def training_of(*lines: str, **settings: str) -> Training:
    """Check such a network."""
    training = network_of(training_text(*lines, **settings)).training
    assert training is not None
    return training


def codes_of(text: str) -> list[str]:
    """Return the codes of what is wrong with a text."""
    try:
        tpc.parse(text)
    except tpc.ProgramError as error:
        return [found.code for found in error.diagnostics]
    return []
