"""Shapes of what training records: rows first, where there are any."""

import numpy as np

import tpc
from tpc.network.forward_backward import BatchPass, differentiate
from tpc.network.network import Network
from tpc.program.builder import Builder

TEXT = """
dim n
input xi[2]
weight U[2] : n
weight v : n
h = U @ xi
mu = batchmean(h)
size = batchmean(<h|h>)
x = tanh(h - mu)
readout f = v * x
train f:
    data [[1, 0], [0, 1], [1, 2]], [1, 2, 3]
    loss mse
    optimizer sgd(lr=0.1)
    parametrization mup
    steps 1
    track K = <x|x>
    track m = <mu|mu>
    track c = <x|mu>
    track s = size * avg(x)
    track w = <v|v>
"""


def test_what_all_rows_share_has_no_axis_of_rows() -> None:
    """As a pass over the batch makes it: batch means are one value, like weights."""
    network = tpc.parse(TEXT)
    assert isinstance(network, Network) and network.training is not None
    shapes = {track.name: track.node.shape for track in network.training.tracks}
    assert shapes == {"K": (3, 3), "m": (), "c": (3,), "s": (3,), "w": ()}
    b = Builder()
    one = differentiate(b, network)
    run = BatchPass(b, one, b.constant(np.zeros((3, 2))))
    for track in network.training.tracks:
        for stand_in, node in track.uses:
            assert run.image(node).shape == stand_in.shape
