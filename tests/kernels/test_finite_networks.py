"""Kernels of every example against finite networks, extrapolated in 1/n from small widths.

`tests/benchmarks/finite_kernels.py` does the same at full size.
"""

from pathlib import Path

import pytest

import tpc
from tests.benchmarks.finite_kernels import NETWORKS, compare
from tpc.network.network import Network


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(NETWORKS.glob("*.tp")), ids=lambda path: path.stem)
def test_kernels_are_those_of_wide_networks(path: Path) -> None:
    network = tpc.load(path)
    assert isinstance(network, Network)
    _, found = compare(path.stem, network, (32, 64, 128), trials=16, samples=2**13, most=5)
    wrong = [one.output for one in found.comparisons if not one.agrees.all()]
    assert not wrong
