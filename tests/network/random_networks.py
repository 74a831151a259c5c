"""Random networks: graphs of every operation, put together at random from what fits."""

import numpy as np

from tests.network.cases import Case, batch_mean
from tests.network.sketch import NetworkSketch
from tpc.program.builder import TypeMismatch
from tpc.program.nodes import Node

SMOOTH = ("gelu", "silu", "sigmoid", "softplus", "tanh", "erf", "Phi", "sin", "cos", "square")
LARGEST = 64
"""More constant entries than this are refused."""


class Refused(Exception):
    """A step does not fit what there is."""


def random_case(seed: int) -> Case:
    """Return the network of a seed."""
    return _Writer(seed).write()


class _Writer:
    def __init__(self, seed: int) -> None:
        self.b = NetworkSketch(seed)
        self.random = np.random.default_rng([seed, 7])
        self.vectors: list[Node] = []
        self.scalars: list[Node] = []
        self.bound = 0

    def write(self) -> Case:
        b = self.b
        xi = b.input(2, 3)
        self.matrices = [b.matrix(name) for name in ("W", "A")]
        self.vectors += [b.vector("u"), b.vector("v", 3), b.vector("w", 2, 3), b.vector("z", 2)]
        self.scalars += [xi, b.scalar("g"), b.scalar("r", 3), b.scalar("c", 2, 1)]
        self.vectors.append(b.contract(b.vector("U", 3), b.transpose(xi)))
        steps = [
            self.product, self.function, self.operation, self.operation, self.contraction,
            self.axes, self.reduction, self.soft, self.inner, self.average, self.outer,
            self.mean_over_inputs, self.algebra, self.product,
        ]  # fmt: skip
        for _ in range(16):
            self.attempt(steps[self.random.integers(len(steps))])
        return Case(b, xi, self.readout())

    def attempt(self, step: object) -> None:
        """Take a step, unless nothing fits it in a few attempts."""
        assert callable(step)
        for _ in range(10):
            try:
                made: Node = step()
                if np.prod(made.shape) > LARGEST:
                    raise Refused
            except (Refused, TypeMismatch):
                continue
            (self.vectors if made.is_vector else self.scalars).append(made)
            return

    def pick(self, nodes: list[Node]) -> Node:
        """Return some node, more often a late one."""
        back = min(self.random.geometric(0.25), len(nodes))
        return nodes[len(nodes) - int(back)]

    def anything(self) -> Node:
        return self.pick(self.vectors if self.random.random() < 0.7 else self.scalars)

    def small(self, node: Node) -> Node:
        """Return something bounded."""
        return self.b.apply(str(self.random.choice(["tanh", "sin", "sigmoid"])), node)

    def readout(self) -> Node:
        """Return a vector of at most one axis that holds the last few values."""
        b = self.b
        total = b.mul(b.vector("out", 2), b.reduce("sum", self.small(self.vectors[-1])))
        for node in [*self.vectors[-5:-1], *self.scalars[-3:]]:
            total = b.add(
                total, b.mul(b.vector(f"out{len(self.b.weights)}"), b.reduce("sum", node))
            )
        return total

    # --------------------------------------------------------------------------------------- steps

    def product(self) -> Node:
        matrix = self.matrices[self.random.integers(2)]
        x = self.small(self.pick(self.vectors))
        return self.b.matmul(matrix, bool(self.random.integers(2)), x)

    def function(self) -> Node:
        x = self.anything()
        if self.random.random() < 0.2:
            return self.b.exp(self.b.neg(self.b.apply("square", x)))
        return self.b.apply(str(self.random.choice(SMOOTH)), x)

    def combined(self, x: Node, y: Node) -> Node:
        """Return some operation on two values."""
        match self.random.integers(5):
            case 0:
                return self.b.add(x, y)
            case 1:
                return self.b.sub(self.small(x), y)
            case 2:
                return self.b.div(x, self.b.add(self.b.number(1), self.b.apply("square", y)))
            case 3:
                base = self.b.add(self.b.number(0.5), self.b.apply("sigmoid", x))
                return self.b.apply("pow", base, self.small(y))
            case _:
                return self.b.mul(self.small(x), self.small(y))

    def operation(self) -> Node:
        return self.combined(self.anything(), self.anything())

    def contraction(self) -> Node:
        axes = int(self.random.integers(1, 3))
        return self.b.contract(
            self.small(self.anything()), self.small(self.pick(self.scalars)), axes
        )

    def axes(self) -> Node:
        x = self.anything()
        rank = len(x.shape)
        match self.random.integers(3):
            case 0 if rank:
                keys = [None if self.random.random() < 0.5 else size - 1 for size in x.shape]
                return self.b.take(x, tuple(keys))
            case 1 if rank > 1:
                return self.b.permute(x, tuple(int(axis) for axis in self.random.permutation(rank)))
            case 2 if rank < 3:
                return self.b.expand(x, (int(self.random.integers(rank + 1)),))
        raise Refused

    def reduction(self) -> Node:
        x = self.anything()
        if not x.shape:
            raise Refused
        axis = int(self.random.integers(len(x.shape)))
        return self.b.reduce("sum" if self.random.random() < 0.7 else "amax", x, (axis,))

    def soft(self) -> Node:
        return self.b.softmax(self.anything())

    def inner(self) -> Node:
        return self.b.inner(
            self.small(self.pick(self.vectors)), self.small(self.pick(self.vectors))
        )

    def average(self) -> Node:
        return self.b.mean(self.pick(self.vectors))

    def mean_over_inputs(self) -> Node:
        return batch_mean(self.b, self.anything())

    def algebra(self) -> Node:
        x = self.pick([x for x in self.vectors if len(x.shape) == 1])
        size = x.shape[0]
        tilt = self.b.constant(np.eye(size) + 0.3 * np.eye(size, k=1))
        gram = self.b.add(self.b.inner(self.small(x), self.small(x)), tilt)
        return self.b.linear_algebra(("inv", "trace", "det")[self.random.integers(3)], gram)

    def outer(self) -> Node:
        """Return a mean over one or two coordinates, perhaps with nothing at the free one."""
        names = [f"j{self.bound}", f"l{self.bound}"][: self.random.integers(1, 3)]
        self.bound += 1
        parts = [self.b.row(self.pick(self.vectors), name) for name in names]
        parts += [self.b.row(self.pick(self.vectors), names[0])]
        if self.random.random() < 0.8:
            parts.append(self.pick(self.vectors))
        if self.random.random() < 0.5:
            parts.append(self.pick(self.scalars))
        self.random.shuffle(parts)  # type: ignore[arg-type]
        body = parts[0]
        for part in parts[1:]:
            body = self.small(self.combined(body, part))
            if body.shape and self.random.random() < 0.3:
                body = self.b.softmax(body)
            if body.shape and self.random.random() < 0.3:
                body = self.b.reduce("sum", body, (0,))
        if np.prod(body.shape) > LARGEST:
            raise Refused
        return self.b.mean(body, tuple(names))
