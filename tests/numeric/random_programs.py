"""Random valid programs, each with what plain NumPy makes of it at one small width.

`random_program(seed)` writes a program statement by statement. Every expression is computed while
it is written, straight from its meaning (language.md, 3) on the draws of one trial, so that the
text can be held against a second implementation; what is infinite or heavy-tailed is thrown away
and tried anew, so that averages of the program have usable standard errors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from tests.numeric.random_expressions import PRODUCT, SIGN, Array, Expressions, Unsuitable, Value
from tpc.simulation.streams import Stream, stream
from tpc.simulation.vectors import draw_vector

WIDTH = 24
SEED = 0

DIMS = {"n": ("", Fraction(1)), "m": ("2 * n", Fraction(2)), "p": ("0.5*n", Fraction(1, 2))}


@dataclass(frozen=True)
class Matrix:
    """A matrix with its draw; `entries` have their variance."""

    name: str
    rows: str
    columns: str
    entries: Array


@dataclass(frozen=True)
class RandomProgram:
    """A program's text, with what its outputs are at width `WIDTH` in the first trial of `SEED`.

    Attributes:
        text: The program.
        params: The values of its params, which are not their defaults.
        finite: Values of scalar outputs; (rows, shape) arrays of vector outputs and readouts.
        coordinates: How many the body of an average has at most.
    """

    text: str
    params: dict[str, Any]
    finite: dict[str, Array]
    coordinates: int


def random_program(seed: int) -> RandomProgram:
    """Return the program of a seed."""
    for attempt in range(100):
        try:
            return _Writer(np.random.default_rng([seed, attempt])).write()
        except Unsuitable:
            continue
    raise AssertionError(f"no program has seed {seed}")


class _Writer:
    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.expressions = Expressions(random)
        self.choose, self.chance = self.expressions.choose, self.expressions.chance
        self.lines: list[str] = []
        self.vectors: list[Value] = []
        self.matrices: list[Matrix] = []
        self.finite: dict[str, Array] = {}
        self.params: dict[str, Any] = {}
        self.used: list[tuple[Matrix, bool]] = []
        self.count = 0
        self.coordinates = 0

    def write(self) -> RandomProgram:
        self.declare()
        steps = [
            (self.product, 6), (self.bind, 4), (self.average, 2), (self.layer_norm, 1),
            (self.family, 1), (self.mean, 1), (self.sum_of_products, 1),
        ]  # fmt: skip
        weights = np.array([weight for _, weight in steps], dtype=float)
        self.attempt(self.product)
        for _ in range(self.random.integers(4, 9)):
            self.attempt(steps[self.random.choice(len(steps), p=weights / weights.sum())][0])
        for _ in range(self.random.integers(2, 4)):
            self.attempt(self.output)
        self.attempt(self.readout)
        if not self.finite:
            raise Unsuitable
        text = "\n".join(self.lines) + "\n"
        return RandomProgram(text, self.params, self.finite, self.coordinates)

    def attempt(self, step: Callable[[], None]) -> None:
        """Take a step; one that does not work out is tried a few times, then left out."""
        lists: list[list[Any]] = [self.lines, self.vectors, self.expressions.scalars]
        before = [len(written) for written in lists]
        for _ in range(20):
            try:
                return step()
            except Unsuitable:
                for written, length in zip(lists, before, strict=True):
                    del written[length:]

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    def bound(self, name: str, value: Value) -> Value:
        """Write `name = value` and return the name's value."""
        self.lines.append(f"{name} = {value.text}")
        return self.known(Value(name, value.array, value.coords))

    def known(self, value: Value) -> Value:
        """Let later expressions use a value, unless it is too large or too spread out."""
        size = np.sqrt(np.mean(value.array**2))
        if not np.isfinite(size) or not 0.02 < size < 5:
            raise Unsuitable
        if value.coords and np.mean(value.array**4) > 30 * size**4:
            raise Unsuitable
        (self.vectors if value.coords else self.expressions.scalars).append(value)
        return value

    # ------------------------------------------------------------------------------ declarations

    def declare(self) -> None:
        self.dims = ["n"]
        self.lines.append("dim n")
        for dim in ("m", "p"):
            if self.chance(0.4):
                self.dims.append(dim)
                self.lines.append(f"dim {dim} = {DIMS[dim][0]}")
        self.lines.append("const A = [[1.0, -0.5], [0.3, 0.8], [-0.6, 0.4]]")
        self.array = np.array([[1.0, -0.5], [0.3, 0.8], [-0.6, 0.4]])
        self.expressions.constants += [
            Value("A", self.array),
            Value("A.T", self.array.T),
            Value("A[:, 0]", self.array[:, 0]),
            Value("A[1]", self.array[1]),
            Value("A[2, -1]", self.array[2, 1]),
        ]
        self.lines.append("def bump(x) = x * exp(-square(x))")
        for text, value in (("a -> 0.7", 0.7), ("b[2] -> [0.5, -1]", [0.5, -1.0])):
            if self.chance(0.4):
                self.lines.append(f"scalar {text}")
                self.expressions.scalars.append(Value(text[0], np.array(value)))
        for text, value in (("q = 2", 1.2), ("r = [0, 0, 0]", [0.4, 1.0, -0.8])):
            if self.chance(0.4):
                self.lines.append(f"param {text}")
                self.expressions.scalars.append(Value(text[0], np.array(value)))
                self.params[text[0]] = value
        for _ in range(self.random.integers(2, 5)):
            self.vector()
        for _ in range(self.random.integers(1, 4)):
            self.matrix()

    def size(self, dim: str) -> int:
        return int(DIMS[dim][1] * WIDTH)

    def vector(self) -> None:
        name = self.name("v")
        dim = str(self.choose(self.dims))
        shape = [(), (2,), (3,), (2, 3)][self.random.choice(4, p=[0.4, 0.3, 0.15, 0.15])]
        axes = str(list(shape)) if shape else ""
        mean, covariance, law = None, np.array(1.0), ""
        if self.chance(0.4):
            mean = self.random.normal(0, 0.4, shape).round(2)
            if self.chance(0.5) or len(shape) > 1:
                covariance = np.array(float(self.random.uniform(0.3, 1.5).__round__(2)))
            else:
                root = self.random.normal(0, 0.8, (int(np.prod(shape)), 2))
                covariance = np.reshape((root @ root.T).round(3), shape + shape)
                covariance = covariance + 0.01 * np.eye(int(np.prod(shape))).reshape(shape + shape)
            law = f" ~ normal({mean.tolist()}, {covariance.tolist()})"
        self.lines.append(f"vector {name}{axes} : {dim}{law}")
        random = stream(SEED, WIDTH, 0, name)
        drawn = draw_vector(Stream(random), name, self.size(dim), shape, mean, covariance)
        self.vectors.append(Value(name, drawn, (("", dim),)))

    def matrix(self) -> None:
        name = self.name("W")
        rows, columns = str(self.choose(self.dims)), str(self.choose(self.dims))
        over, variance, law = columns, 1.0, ""
        if self.chance(0.6):
            over = str(self.choose(self.dims))
            variance = float(self.random.uniform(0.4, 2.0).__round__(2))
            law = f" ~ normal(0, {variance} / {over})"
        self.lines.append(f"matrix {name} : {rows} x {columns}{law}")
        drawn = stream(SEED, WIDTH, 0, name).standard_normal((self.size(rows), self.size(columns)))
        entries = drawn * np.sqrt(variance / self.size(over))
        self.matrices.append(Matrix(name, rows, columns, entries))

    # -------------------------------------------------------------------------------- statements

    def operand(self, dim: str, depth: int = 2) -> Value:
        """Return a vector expression."""
        return self.expressions.expression(
            [v for v in self.vectors if v.coords == (("", dim),)], depth
        )

    def multiplied(self, matrix: Matrix, transposed: bool, depth: int = 2) -> Value:
        x = self.operand(matrix.rows if transposed else matrix.columns, depth)
        entries = matrix.entries.T if transposed else matrix.entries
        dim = matrix.columns if transposed else matrix.rows
        symbol = f"{matrix.name}{'.T' if transposed else ''}"
        array = np.asarray(np.tensordot(entries, x.array, 1), dtype=np.float64)
        scale = self.random.integers(10)
        numbers = [c for c in self.expressions.scalars if not c.shape and abs(c.array) > 0.3]
        if scale < 3 and numbers:
            c = self.choose(numbers)
            if scale:
                symbol, array = f"{c.text} * {symbol}", c.array * array
            else:
                symbol, array = f"{symbol} / {c.text}", array / c.array
        elif scale == 3:
            symbol, array = f"-{symbol}", -array
        elif scale == 4:
            symbol, array = f"{symbol} / 2", array / 2
        elif scale == 5:
            symbol, array = f"1.5 * {symbol}", 1.5 * array
        return Value(f"{symbol} @ {x.within(SIGN)}", array, (("", dim),), PRODUCT)

    def side(self) -> tuple[Matrix, bool]:
        """Return a matrix side, usually one whose other side has been used."""
        if self.used and self.chance(0.6):
            matrix, transposed = self.choose(self.used)
            return matrix, not transposed
        return self.choose(self.matrices), self.chance(0.5)

    def product(self) -> None:
        side = self.side()
        self.bound(self.name("h"), self.multiplied(*side))
        self.used.append(side)

    def sum_of_products(self) -> None:
        matrix, transposed = self.side()
        pair = [self.multiplied(matrix, transposed, 1) for _ in range(2)]
        self.bound(self.name("h"), self.expressions.operation("-", *pair))

    def bind(self) -> None:
        self.bound(self.name("x"), self.operand(str(self.choose(self.dims)), 3))

    def average(self) -> None:
        dim = str(self.choose(self.dims))
        self.bound(self.name("c"), self.averaged(dim, self.chance(0.5)))

    def averaged(self, dim: str, inner: bool) -> Value:
        x = self.operand(dim)
        if not inner:
            return Value(f"avg({x.text})", x.array.mean(axis=0))
        y = self.operand(dim)
        if x.array.ndim + y.array.ndim > 5:
            raise Unsuitable
        return Value(f"<{x.text}|{y.text}>", np.tensordot(x.array, y.array, (0, 0)) / len(x.array))

    def layer_norm(self) -> None:
        x: Value = self.choose(self.vectors)
        centred = x.array - x.array.mean(axis=0)
        text = f"{x.text} - avg({x.text})"
        array: Array = centred / np.sqrt((centred**2).mean(axis=0) + 0.01)
        norm = f"({text}) / sqrt(avg(square({text})) + 0.01)"
        self.bound(self.name("z"), Value(norm, array, x.coords))

    def family(self) -> None:
        square = [m for m in self.matrices if m.rows == m.columns]
        matrix: Matrix = self.choose(square)
        dim = matrix.rows
        start = self.operand(dim, 1)
        name = self.name("f")
        self.lines.append(f"{name}[0] = {start.text}")
        transposed = self.chance(0.4)
        symbol = f"{matrix.name}{'.T' if transposed else ''}"
        back = f"{matrix.name}{'' if transposed else '.T'}"
        self.lines += ["for t in range(2):", f"    {name}[t + 1] = {symbol} @ tanh({name}[t])"]
        self.lines += ["    if t > 0:", f"        {name}[-t] = {back} @ {name}[t + 1]"]
        entries = matrix.entries.T if transposed else matrix.entries
        state = start.array
        for t in range(2):
            state = np.tensordot(entries, np.tanh(state), 1)
            self.known(Value(f"{name}[{t + 1}]", state, (("", dim),)))
        returned = np.tensordot(entries.T, state, 1)
        self.known(Value(f"{name}[-1]", returned, (("", dim),)))

    def mean(self) -> None:
        """Bind a `mean` over one or two coordinates, of bodies that separate or not."""
        names = [self.name("j") for _ in range(2 if self.chance(0.25) else 1)]
        small = [v for v in self.vectors if len(v.shape) < 2]
        dim = str(self.choose(self.dims))
        free = [v for v in small if v.coords == (("", dim),)] if self.chance(0.8) else []
        rows = []
        for name in names:
            at = str(self.choose(self.dims))
            rows += [
                Value(f"{v.text}[{name}]", v.array, ((name, at),))
                for v in small
                if v.coords == (("", at),)
            ]
        body = self.expressions.expression(free + rows, 3)
        if {name for name, _ in body.coords} - {""} != set(names) or body.array.ndim > 4:
            raise Unsuitable
        axes = tuple(i for i, (name, _) in enumerate(body.coords) if name)
        coords = tuple(pair for pair in body.coords if not pair[0])
        text = f"mean[{', '.join(names)}]({body.text})"
        self.bound(self.name("y"), Value(text, body.array.mean(axis=axes), coords))
        self.coordinates = max(self.coordinates, len(body.coords))

    # ----------------------------------------------------------------------------------- outputs

    def output(self) -> None:
        name = self.name("o")
        match self.random.integers(3):
            case 0:
                value = self.averaged(str(self.choose(self.dims)), True)
            case 1:
                x: Value = self.choose(self.vectors[2:])
                dim = x.coords[0][1]
                y = self.operand(dim, 1)
                product = np.tensordot(x.array, y.array, (0, 0)) / len(x.array)
                value = Value(f"<{x.text}|{y.text}>", product)
            case _:
                value = self.operand(str(self.choose(self.dims)), 1)
                if value.array.ndim > 2:
                    raise Unsuitable
        if value.array.ndim > 4:
            raise Unsuitable
        self.bound(f"output {name}", value)
        (
            self.vectors if value.coords else self.expressions.scalars
        ).pop()  # a name without `output`
        self.finite[name] = value.array

    def readout(self) -> None:
        dim = str(self.choose(self.dims))
        fresh = self.name("u")
        self.lines.append(f"vector {fresh} : {dim}")
        drawn = draw_vector(
            Stream(stream(SEED, WIDTH, 0, fresh)), fresh, self.size(dim), (), None, np.array(1.0)
        )
        x = self.operand(dim, 1)
        if x.array.ndim > 2:
            raise Unsuitable
        value = self.expressions.operation("*", Value(fresh, drawn, (("", dim),)), x)
        name = self.name("r")
        self.lines.append(f"readout {name} = {value.text}")
        self.finite[name] = value.array
