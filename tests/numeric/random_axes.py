"""Random programs over constant axes, each with the limits of its outputs by brute force.

Those of `random_limits.py`, whose vectors have more axes, and whose lines move, join and add
entries, take softmaxes of them, and multiply by arrays of matrices, or all columns by one matrix.
What is done to entries is done by NumPy to arrays of kets, one ket for each entry.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.numeric.gaussian_kets import apply, larger
from tests.numeric.random_limits import RandomLimit, Unsuitable, Value, Writer, random_limit

Array = np.ndarray
Form = tuple[str, Callable[[Array], Array]]

MIX = np.array([[0.5, -0.3, 0.2], [0.1, 0.4, -0.6]])

MOVES: dict[tuple[int, ...], list[Form]] = {
    (2,): [
        ("{}[::-1]", lambda x: x[::-1]),
        ("cumsum({})", lambda x: np.cumsum(x)),
        ("concat({0}, {0}[:1])", lambda x: np.concatenate([x, x[:1]])),
        ("pad({}, [1, 0])", lambda x: np.array([0.0, *x], dtype=object)),
        ('einsum("ij,i->j", B, {})', lambda x: MIX.T @ x),
        ("amean({})", lambda x: x.sum() * 0.5),
        ("{}[None] @ A", lambda x: (x @ np.array([[1.0, -0.5], [0.3, 0.8]]))[None]),
    ],
    (3,): [
        ("{}[1:]", lambda x: x[1:]),
        ("take({}, [2, 0])", lambda x: x[[2, 0]]),
        ("cumsum({})", lambda x: np.cumsum(x)),
        ("B @ {}", lambda x: MIX @ x),
        ("where([1, 0, 1], {0}, 0.5 * {0})", lambda x: x * np.array([1.0, 0.5, 1.0])),
        ("sum({})", lambda x: np.asarray(x.sum())),
        ('einsum("i,i->i", [0.3, -1, 0.8], {})', lambda x: x * np.array([0.3, -1.0, 0.8])),
    ],
    (2, 2): [
        ("{}.T", lambda x: x.T),
        ("{}[:, 0]", lambda x: x[:, 0]),
        ("reshape({}, 4)[1:3]", lambda x: x.reshape(4)[1:3]),
        ("permute({}, 1, 0)", lambda x: x.T),
        ("avgpool({}, [2, 1])", lambda x: x.sum(axis=0, keepdims=True) * 0.5),
        ("cumsum({}, axis=0)", lambda x: np.cumsum(x, axis=0)),
        ("amean({}, axis=0)", lambda x: x.sum(axis=0) * 0.5),
        ('einsum("ii->i", {})', lambda x: np.array([x[0, 0], x[1, 1]], dtype=object)),
        ('einsum("ij->j", {})', lambda x: x.sum(axis=0)),
    ],
}
"""By shape: a form of the language, and the same for an array of kets."""


class AxesWriter(Writer):
    """Writes programs whose vectors have constant axes."""

    def steps(self) -> list[tuple[Callable[[], None], float]]:
        """Return what may be written, with how often it is."""
        return [
            *super().steps(), (self.move, 6), (self.softmax, 2), (self.pool, 1),
            (self.joined, 1.5), (self.mixed, 2),
        ]  # fmt: skip

    def declare(self) -> None:
        """Declare what programs have, vectors with axes, and an array of matrices."""
        super().declare()
        self.lines.append(f"const B = {MIX.tolist()}")
        for shape in ((3,), (2, 2)):
            if self.chance(0.6):
                name = self.name("v")
                self.lines.append(f"vector {name}{list(shape)} : n")
                size = int(np.prod(shape))
                made = self.process.vector(np.zeros(size), np.eye(size))
                self.vectors.append(Value(name, made.reshape(shape)))
        self.lines.append("matrix M[2, 2] : n x n ~ normal(0, 0.6 / n)")

    def expression(self, depth: int) -> Value:
        """Return an elementwise expression of vectors whose axes fit."""
        try:
            return super().expression(depth)
        except (ValueError, IndexError):
            raise Unsuitable from None

    def choose_with(self, *shapes: tuple[int, ...]) -> Value:
        """Return a vector of one of some shapes."""
        found: Value = self.choose([x for x in self.vectors if x.array.shape in shapes])
        return found

    def kept(self, stem: str, text: str, kets: Array) -> None:
        """Write a line, where it leaves vectors that have no more than three entries."""
        if np.size(kets) > 4:
            raise Unsuitable
        self.bound(self.name(stem), Value(text, np.asarray(kets, dtype=object)))

    def move(self) -> None:
        """Move, join or add up entries."""
        x = self.choose_with(*MOVES)
        forms = MOVES[x.array.shape]
        text, of = forms[int(self.random.integers(len(forms)))]
        self.kept("a", text.format(x.text), of(x.array))

    def softmax(self) -> None:
        """Take a softmax over the last axis."""
        x = self.choose_with((2,), (3,), (2, 2))
        rows = x.array.reshape(-1, x.array.shape[-1])
        made = [
            apply(lambda *e, i=i: np.exp(e[i]) / sum(map(np.exp, e)), *row)
            for row in rows
            for i in range(len(row))
        ]
        self.kept("s", f"softmax({x.text})", _kets(made).reshape(x.array.shape))

    def pool(self) -> None:
        """Take the largest or the smallest entry."""
        x = self.choose_with((2,))
        one, two = x.array
        if self.chance(0.5):
            self.kept("p", f"amax({x.text})", np.asarray(larger(one, two), dtype=object))
        else:
            made = larger(one * -1.0, two * -1.0) * -1.0
            self.kept("p", f"amin({x.text})", np.asarray(made, dtype=object))

    def joined(self) -> None:
        """Stack two vectors without axes."""
        x, y = self.choose_with(()), self.choose_with(())
        self.kept("j", f"stack({x.text}, {y.text})", _kets([x.array[()], y.array[()]]))

    def mixed(self) -> None:
        """Multiply by an array of matrices: y_i = sum_j M[i, j] x_j."""
        x = self.choose_with((2,))
        made: list[Any] = []
        for i in range(2):
            terms = [
                self.process.product(
                    f"M[{i},{j}]", False, 0.6, np.asarray(x.array[j], dtype=object)
                )
                for j in range(2)
            ]
            made.append(terms[0][()] + terms[1][()])
        row = ", ".join(f"M[{i}, 0] @ {x.text}[0] + M[{i}, 1] @ {x.text}[1]" for i in range(2))
        self.kept("c", f"stack({row})", _kets(made))


def random_axes(seed: int) -> RandomLimit:
    """Return the program of a seed."""
    return random_limit(seed, kind=AxesWriter)


def _kets(kets: list[Any]) -> Array:
    made = np.empty(len(kets), dtype=object)
    made[:] = kets
    return made
