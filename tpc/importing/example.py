"""Tensors that depend on their names alone, as those who capture make them."""

import random
from math import prod


def example_entries(name: str, shape: tuple[int, ...]) -> list[float]:
    """Return entries that depend on a name alone: of size 1 / sqrt(fan-in), or near 1/2."""
    draw = random.Random(name).gauss
    if len(shape) > 1:
        spread = prod(shape[1:]) ** -0.5
        return [spread * draw(0.0, 1.0) for _ in range(prod(shape))]
    return [0.5 + 0.3 * draw(0.0, 1.0) for _ in range(prod(shape))]
