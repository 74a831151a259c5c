"""Models without a width limit as they stand, each for its own reason."""

from collections.abc import Callable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

Forward = Callable[..., Tensor]


class Model(nn.Module):
    """Layers by name, and what is done with them."""

    def __init__(self, forward: Forward, **layers: nn.Module) -> None:
        super().__init__()
        self._run = forward
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self._run(self, *inputs)


def ends(n: int) -> dict[str, nn.Module]:
    """Return a first and a last layer."""
    return {"embed": nn.Linear(3, n), "head": nn.Linear(n, 2)}


def attention(n: int) -> nn.Module:
    """Logits over the root of a head size that grows."""

    def forward(self: Model, x: Tensor) -> Tensor:
        h = self.embed(x)
        weights = (self.q(h) @ self.k(h).transpose(1, 2) / n**0.5).softmax(-1)
        return self.head(weights @ h)

    layers = {name: nn.Linear(n, n, bias=False) for name in "qk"}
    return Model(forward, **ends(n), **layers)


def fused_attention(n: int) -> nn.Module:
    """The same as one operation, which scales so by default."""

    def forward(self: Model, x: Tensor) -> Tensor:
        h = self.embed(x)
        return self.head(F.scaled_dot_product_attention(h, h, h))

    return Model(forward, **ends(n))


def bottleneck(n: int) -> nn.Module:
    """Three units in the middle."""
    return nn.Sequential(
        nn.Linear(3, n), nn.ReLU(), nn.Linear(n, 3), nn.ReLU(), nn.Linear(3, n), nn.Linear(n, 2)
    )


def drawn(spread: Callable[[int], float]) -> Callable[[int], nn.Module]:
    """Return what draws a hidden layer with entries of some size."""

    def make(n: int) -> nn.Module:
        layer = nn.Linear(n, n)
        nn.init.normal_(layer.weight, std=spread(n))
        return nn.Sequential(nn.Linear(3, n), nn.ReLU(), layer, nn.ReLU(), nn.Linear(n, 2))

    return make


def unscaled_sum(n: int) -> nn.Module:
    """A sum over units inside a function."""

    def forward(self: Model, x: Tensor) -> Tensor:
        h = self.embed(x)
        return self.head(h * torch.tanh((h * h).sum(-1, keepdim=True)))

    return Model(forward, **ends(n))


def outer_product(n: int) -> nn.Module:
    """Activations with two axes of the width."""

    def forward(self: Model, x: Tensor) -> Tensor:
        h = self.embed(x)
        return self.head((h[:, :, None] * h[:, None, :]).mean(1))

    return Model(forward, **ends(n))


def mixed_reshape(n: int) -> nn.Module:
    """Tokens and units flattened, and cut where no head ends."""

    def forward(self: Model, x: Tensor) -> Tensor:
        h = self.embed(x)
        return self.head(h.reshape(h.shape[0], 2, 3 * n // 2)[..., :n])

    return Model(forward, **ends(n))


def two_inputs(n: int) -> nn.Module:
    """A model of two tensors."""
    return Model(lambda self, x, y: self.head(self.embed(x) + self.embed(y)), **ends(n))


def hidden_output(n: int) -> nn.Module:
    """A model that returns its features."""
    return nn.Sequential(nn.Linear(3, n), nn.ReLU())


def squashed_output(n: int) -> nn.Module:
    """A model that ends in a function."""
    return nn.Sequential(nn.Linear(3, n), nn.ReLU(), nn.Linear(n, 2), nn.Tanh())


def odd_width(n: int) -> nn.Module:
    """A layer of one more unit."""
    return nn.Sequential(nn.Linear(3, n + 1), nn.ReLU(), nn.Linear(n + 1, 2))


def sorted_units(n: int) -> nn.Module:
    """An operation without a rule."""
    return Model(lambda self, x: self.head(torch.sort(self.embed(x)).values), **ends(n))


def softmax_of_units(n: int) -> nn.Module:
    """A softmax over the width."""
    return Model(lambda self, x: self.head(self.embed(x).softmax(-1)), **ends(n))


def evaluated(n: int) -> nn.Module:
    """Batch norm with its running statistics."""
    return nn.Sequential(nn.Linear(3, n), nn.BatchNorm1d(n), nn.ReLU(), nn.Linear(n, 2)).eval()


def dropped(n: int) -> nn.Module:
    """Dropout in training mode."""
    return nn.Sequential(nn.Linear(3, n), nn.Dropout(0.1), nn.ReLU(), nn.Linear(n, 2))


def _rows(*shape: int) -> Callable[[int], Tensor]:
    return lambda rows: torch.ones(rows, *shape)


BROKEN: dict[str, tuple[Callable[[int], nn.Module], Callable[[int], object]]] = {
    "attention": (attention, _rows(4, 3)),
    "fused_attention": (fused_attention, _rows(4, 3)),
    "bottleneck": (bottleneck, _rows(3)),
    "constant_size": (drawn(lambda n: 0.02), _rows(3)),
    "vanishing_size": (drawn(lambda n: 1 / n), _rows(3)),
    "no_power": (drawn(lambda n: 1 / (n + 10)), _rows(3)),
    "unscaled_sum": (unscaled_sum, _rows(3)),
    "outer_product": (outer_product, _rows(3)),
    "mixed_reshape": (mixed_reshape, _rows(3, 3)),
    "two_inputs": (two_inputs, lambda rows: (torch.ones(rows, 3), torch.ones(rows, 3))),
    "hidden_output": (hidden_output, _rows(3)),
    "squashed_output": (squashed_output, _rows(3)),
    "odd_width": (odd_width, _rows(3)),
    "sorted_units": (sorted_units, _rows(3)),
    "softmax_of_units": (softmax_of_units, _rows(3)),
    "evaluated": (evaluated, _rows(3)),
    "dropped": (dropped, _rows(3)),
}
"""For each name a model and an input; `broken/NAME.txt` is the message that it gets."""
