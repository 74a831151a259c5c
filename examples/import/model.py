"""A model of PyTorch, for `tpc import`; it is captured in `mlp.json`.

    tpc import examples/import/model.py:make --sample examples/import/model.py:sample

Run as a script, it trains the model at two widths with learning rates of the base width.
"""

import torch
from torch import nn

import tpc

BASE_WIDTH = 128


def make(n):
    """Return the model of width n."""
    return nn.Sequential(nn.Linear(5, n), nn.ReLU(), nn.Linear(n, n), nn.ReLU(), nn.Linear(n, 1))


def sample(rows):
    """Return an input of so many rows."""
    return torch.randn(rows, 5)


def trained(width, lr=3e-3, steps=20):
    """Return the losses of a model that trains as one of the base width would."""
    net = tpc.from_torch(make, sample)
    torch.manual_seed(0)
    model = make(width)
    net.init_(model, base_width=BASE_WIDTH)
    optimizer = torch.optim.Adam(net.param_groups(model, lr, base_width=BASE_WIDTH))
    x = sample(64)
    y = torch.sin(x.sum(1, keepdim=True))
    losses = []
    for _ in range(steps):
        loss = ((model(x) - y) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return losses


if __name__ == "__main__":
    for width in (128, 512, 2048):
        print(width, trained(width)[-1])
