"""How one weight is updated: its optimizer with its learning rate.

    w <- (1 - lambda) w - eta lr Q_t(g_0, ..., g_t)

where eta is the optimizer's learning rate and lr the weight's own factor.

Reference:
    Tensor Programs IVb, equation (2.50).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from tpc.network.network import OptimizerUse, Weight
from tpc.network.optimizers.every_step import is_linear, linear_coefficients
from tpc.network.optimizers.rule import Facing, positive
from tpc.network.optimizers.update import (
    advance,
    decay,
    decays,
    flags_of,
    folded,
    initial_states,
    is_bounded,
    kept_by_step,
    learning_rate,
    numeric_options,
    starting_norm,
)
from tpc.program.builder import Builder
from tpc.program.nodes import Node


class Descent:
    """The updates of one weight.

    Attributes:
        decays: Whether there is weight decay.
        is_linear: Whether Q is linear in the gradients, but for a norm that divides it.
    """

    def __init__(
        self, b: Builder, use: OptimizerUse, weight: Weight, steps: int, facing: Facing
    ) -> None:
        self._b = b
        self._facing = facing
        self._use = use
        self._weight = weight
        self._steps = steps
        self.decays = decays(use)
        self._plain = without_bounds(use)
        self.is_linear = is_linear(self._plain)

    def kept(self, value: Node, step: int) -> Node:
        """Return what is left of an earlier value after a step, (1 - lambda) of it."""
        return shrunk(self._b, decay(self._b, self._use, self._weight, step), value)

    def left(self, step: int) -> Node:
        """Return what decay has left of a weight before a step."""
        b, use, weight = self._b, self._use, self._weight
        share = decay(b, use, weight, 0)
        if use.time is None and share is not None:
            return b.pow(b.sub(b.number(1), share), b.number(step))
        return folded(b, b.take(kept_by_step(b, use, weight, step + 1), (step,)))

    @property
    def initial_states(self) -> tuple[Node, ...]:
        """The optimizer's states before the first step."""
        return initial_states(self._b, self._use)

    def update(
        self, gradient: Node, states: tuple[Node, ...], step: int, factor: Node | None
    ) -> tuple[Node, tuple[Node, ...]]:
        """Return eta lr Q_t, and the states after the step."""
        norm, facing = starting_norm(self._b, self._use, self._weight), self._facing
        direction, after = advance(
            self._b, self._use, gradient, states, step, None, factor, facing, norm
        )
        return self._b.mul(self._rate(step), direction), after

    def linear_update(self, step: int, norm_sq: Callable[[Sequence[Node]], Node]) -> list[Node]:
        """Return the factors of g_0, ..., g_t in eta lr Q_t.

        Args:
            step: t.
            norm_sq: Gives E ||X||^2 of a combination X of the gradients, for clip and normalize.
        """
        b = self._b
        factors = list(self._coefficients[step])
        scale = self._rate(step)
        if is_bounded(self._use):
            norm = b.apply("sqrt", norm_sq(factors))
            if flags_of(self._use)["normalize"]:
                scale = b.div(scale, positive(b, norm))
                norm = b.div(norm, positive(b, norm))
            if "clip" in dict(self._use.options):
                theta = numeric_options(b, self._use, step)["clip"]
                scale = b.div(scale, b.apply("max", b.number(1), b.div(norm, theta)))
        return [b.mul(scale, factor) for factor in factors]

    def _rate(self, step: int) -> Node:
        return learning_rate(self._b, self._use, self._weight, step)

    @cached_property
    def _coefficients(self) -> tuple[tuple[Node, ...], ...]:
        return linear_coefficients(self._b, self._plain, self._steps)


def shrunk(b: Builder, decay: Node | None, value: Node) -> Node:
    """Return (1 - lambda) times a value."""
    return value if decay is None else b.mul(b.sub(b.number(1), decay), value)


def without_bounds(use: OptimizerUse) -> OptimizerUse:
    """Return a use that neither clips nor normalises its updates."""
    kept = tuple((name, value) for name, value in use.options if name not in ("clip", "normalize"))
    return replace(use, options=kept)
