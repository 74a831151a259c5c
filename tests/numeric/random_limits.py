"""Random programs, each with the limits of its outputs by brute force.

`random_limit(seed)` writes a program statement by statement, and beside each what it is in the
limit, by `gaussian_kets`. What has no moments to speak of is thrown away and tried anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from tests.numeric.gaussian_kets import (
    Array,
    Ket,
    Process,
    SampledProcess,
    Unreachable,
    affine,
    apply,
    larger,
)

Maker = Callable[[], Process]


@dataclass(frozen=True)
class Function:
    """A function of one argument: its text, its values, its kinks."""

    text: str
    of: Callable[[Array], Array]
    points: tuple[float, ...] = ()
    singular: bool = False
    grows: bool = False


ZERO = (0.0,)
FUNCTIONS = (
    Function("relu({})", lambda x: np.maximum(x, 0), ZERO),
    Function("leaky_relu({}, 0.2)", lambda x: np.where(x > 0, x, 0.2 * x), ZERO),
    Function("elu({}, 1.3)", lambda x: np.where(x > 0, x, 1.3 * np.expm1(np.minimum(x, 0))), ZERO),
    Function("gelu({})", lambda x: x * special.ndtr(x)),
    Function("silu({})", lambda x: x * special.expit(x)),
    Function("sigmoid({})", special.expit),
    Function("softplus({})", lambda x: np.logaddexp(0, x)),
    Function("tanh({})", np.tanh),
    Function("erf({})", special.erf),
    Function("Phi({})", special.ndtr),
    Function("sin({})", np.sin),
    Function("cos({})", np.cos),
    Function("exp(0.5 * {})", lambda x: np.exp(0.5 * x), grows=True),
    Function("exp(-square({}))", lambda x: np.exp(-x * x)),
    Function("log(1 + square({}))", lambda x: np.log1p(x * x)),
    Function("sqrt(1 + square({}))", lambda x: np.sqrt(1 + x * x)),
    Function("square({})", np.square, grows=True),
    Function("({} ^ 3)", lambda x: x**3, grows=True),
    Function("abs({})", np.abs, ZERO),
    Function("sign({})", np.sign, ZERO),
    Function("step({})", lambda x: np.heaviside(x, 0.5), ZERO),
    Function("max({}, 0.3)", lambda x: np.maximum(x, 0.3), (0.3,)),
    Function("min({}, -0.2)", lambda x: np.minimum(x, -0.2), (-0.2,)),
    Function("clip({}, -0.5, 1)", lambda x: np.clip(x, -0.5, 1), (-0.5, 1.0)),
    Function("({0} / (1 + abs({0})))", lambda x: x / (1 + np.abs(x)), ZERO),
    Function("(1 / (1 + square({})))", lambda x: 1 / (1 + x * x)),
    Function("(abs({}) ^ 1.5)", lambda x: np.abs(x) ** 1.5, ZERO, True, True),
    Function("sqrt(abs({}))", lambda x: np.sqrt(np.abs(x)), ZERO, True),
    Function("tanh'({})", lambda x: 1 - np.tanh(x) ** 2),
    Function("gelu'({})", lambda x: special.ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    Function("relu'({})", lambda x: np.heaviside(x, 0.5), ZERO),
    Function("sin''({})", lambda x: -np.sin(x)),
    Function("silu'({})", lambda x: special.expit(x) * (1 + x * special.expit(-x))),
    Function("softplus'({})", special.expit),
)


@dataclass(frozen=True)
class Value:
    """An expression: its text and its limit, kets or numbers by constant axes."""

    text: str
    array: Array

    @property
    def random(self) -> bool:
        """Whether it is a vector."""
        return self.array.dtype == object


@dataclass(frozen=True)
class RandomLimit:
    """A program with what its outputs are in the limit.

    Attributes:
        text: The program.
        params: The values of its params, which are not their defaults.
        outputs: Values by output, and by part of an output that is a vector.
        errors: What these are off at most, or standard errors where they are sampled.
        sampled: Whether they are.
    """

    text: str
    params: dict[str, Any]
    outputs: dict[str, Array]
    errors: dict[str, Array]
    sampled: bool


class Unsuitable(Exception):
    """What was written has no moments to speak of, or does not fit."""


def random_limit(
    seed: int, replicates: int = 12, kind: "type[Writer] | None" = None
) -> RandomLimit:
    """Return the program of a seed, by some kind of writer."""
    kind = kind or Writer
    for attempt in range(100):
        key = [seed, attempt]
        try:
            try:
                fine, coarse = (_written(kind, key, process) for process in (_fine, _coarse))
            except Unreachable:
                if seed % 5:
                    raise
                return _sampled(kind, key, replicates)
            if fine.text != coarse.text:
                continue
            errors = {
                name: np.abs(value - coarse.outputs[name]) + 1e-14 * (1 + np.abs(value))
                for name, value in fine.outputs.items()
            }
            return RandomLimit(fine.text, fine.params, fine.outputs, errors, False)
        except (Unsuitable, Unreachable):
            continue
    raise AssertionError(f"no program has seed {seed}")


def _fine() -> Process:
    return Process()


def _coarse() -> Process:
    return Process(order=15, spacing=0.15)


def _sampled(kind: "type[Writer]", key: list[int], replicates: int) -> RandomLimit:
    """Return a program whose outputs are estimated."""
    written = []
    for replicate in range(replicates):
        random = np.random.default_rng([*key, 1 + replicate])
        written.append(_written(kind, key, lambda random=random: SampledProcess(random=random)))  # type: ignore[misc]
    first = written[0]
    if any(one.text != first.text for one in written):
        raise Unsuitable
    values = {name: np.stack([one.outputs[name] for one in written]) for name in first.outputs}
    errors = {name: array.std(axis=0, ddof=1) / np.sqrt(replicates)
              for name, array in values.items()}  # fmt: skip
    means = {name: array.mean(axis=0) for name, array in values.items()}
    return RandomLimit(first.text, first.params, means, errors, True)


def _written(kind: "type[Writer]", key: list[int], process: Maker) -> "Writer":
    writer = kind(np.random.default_rng(key), process())
    writer.write()
    return writer


class Writer:
    """Writes a program, and beside each line what it is in the limit."""

    def __init__(self, random: np.random.Generator, process: Process) -> None:
        self.random, self.process = random, process
        self.lines: list[str] = []
        self.params: dict[str, Any] = {}
        self.vectors: list[Value] = []
        self.scalars: list[Value] = []
        self.matrices: dict[str, float] = {}
        self.used: list[tuple[str, bool]] = []
        self.outputs: dict[str, Array] = {}
        self.count = 0

    def steps(self) -> list[tuple[Callable[[], None], float]]:
        """Return what may be written, with how often it is."""
        return [
            (self.product, 6), (self.bind, 3), (self.average, 2), (self.norm, 1),
            (self.loop, 1.5), (self.mean, 1.5), (self.max, 1),
        ]  # fmt: skip

    def write(self) -> None:
        self.declare()
        steps, weights = zip(*self.steps(), strict=True)
        weights = np.array(weights)
        self.product()
        for _ in range(self.random.integers(1, 5)):
            steps[self.random.choice(len(steps), p=weights / weights.sum())]()
        for _ in range(self.random.integers(1, 4)):
            self.output()
        self.text = "\n".join(self.lines) + "\n"

    def choose(self, items: list[Any]) -> Any:
        if not items:
            raise Unsuitable
        # Later ones depend on more.
        back = min(int(self.random.geometric(0.45)), len(items))
        return items[len(items) - back]

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}{self.count}"

    # ------------------------------------------------------------------------------ declarations

    def declare(self) -> None:
        self.lines.append("dim n")
        self.lines.append("const A = [[1.0, -0.5], [0.3, 0.8]]")
        if self.chance(0.4):
            self.lines.append("param q = 2")
            self.params["q"] = 1.3
            self.scalars.append(Value("q", np.array(1.3)))
        if self.chance(0.3):
            self.lines.append("scalar k -> 0.7")
            self.scalars.append(Value("k", np.array(0.7)))
        for _ in range(self.random.integers(1, 4)):
            self.vector()
        for _ in range(self.random.integers(1, 3)):
            name, variance = self.name("W"), float(self.random.choice([1.0, 0.5, 1.7]))
            law = "" if variance == 1 else f" ~ normal(0, {variance} / n)"
            self.lines.append(f"matrix {name} : n x n{law}")
            self.matrices[name] = variance

    def vector(self) -> None:
        name = self.name("v")
        wide = self.chance(0.3)
        mean, covariance = np.zeros(2), np.eye(2)
        if not wide:
            mean, covariance = np.zeros(()), np.ones(())
        law = ""
        if self.chance(0.4):
            mean = self.random.normal(0, 0.4, mean.shape).round(2)
            root = self.random.normal(0, 0.8, covariance.shape)
            covariance = (root @ root.T + 0.05 * np.eye(2) if wide else root**2 + 0.1).round(3)
            law = f" ~ normal({mean.tolist()}, {covariance.tolist()})"
        self.lines.append(f"vector {name}{'[2]' if wide else ''} : n{law}")
        self.vectors.append(Value(name, self.process.vector(mean, covariance)))

    # ------------------------------------------------------------------------------- expressions

    def expression(self, depth: int) -> Value:
        """Return an elementwise expression."""
        if depth == 0 or self.chance(0.2):
            return self.atom()
        match int(self.random.choice(7, p=[0.45, 0.15, 0.15, 0.1, 0.05, 0.05, 0.05])):
            case 0:
                return self.function(self.expression(depth - 1))
            case 1:
                x, y = self.expression(depth - 1), self.expression(depth - 1)
                sign = "-" if self.chance(0.4) else "+"
                total = x.array - y.array if sign == "-" else x.array + y.array
                return Value(f"({x.text} {sign} {y.text})", np.asarray(total, dtype=object))
            case 2:
                x, y = self.expression(depth - 1), self.expression(depth - 1)
                product = np.asarray(x.array * y.array, dtype=object)
                return Value(f"({x.text} * {y.text})", product)
            case 3:
                return self.scaled(self.expression(depth - 1))
            case 4:
                x = self.expression(depth - 1)
                if x.array.shape != (2,):
                    return x
                return Value(f"({x.text} @ A)", x.array @ np.array([[1.0, -0.5], [0.3, 0.8]]))
            case 5:
                x = self.expression(depth - 1)
                if x.array.shape != (2,):
                    return x
                return Value(f"sum({x.text})", np.asarray(x.array.sum(), dtype=object))
            case _:
                x = self.expression(depth - 1)
                return Value(f"({x.text} + 0.4)", np.asarray(x.array + 0.4, dtype=object))

    def atom(self) -> Value:
        x: Value = self.choose(self.vectors)
        if x.array.ndim and self.chance(0.4):
            return Value(f"{x.text}[1]", np.asarray(x.array[1], dtype=object))
        return x

    def scaled(self, x: Value) -> Value:
        if self.scalars and self.chance(0.6):
            c: Value = self.choose(self.scalars)
            return Value(f"({c.text} * {x.text})", np.asarray(c.array * x.array, dtype=object))
        c = float(self.random.choice([0.3, 1.8, 3.0, -0.7]))
        return Value(f"({c} * {x.text})", np.asarray(c * x.array, dtype=object))

    def function(self, x: Value) -> Value:
        f: Function = FUNCTIONS[self.random.integers(len(FUNCTIONS))]
        kets = np.ravel(x.array)
        if f.grows and not all(ket.affine is not None for ket in kets):
            raise Unsuitable
        made = [apply(f.of, ket, points=f.points, singular=f.singular) for ket in kets]
        return Value(f.text.format(x.text), _array(made, x.array.shape))

    # -------------------------------------------------------------------------------- statements

    def bound(self, name: str, value: Value) -> None:
        """Write `name = value`, unless it is too large or too spread out."""
        for ket in np.ravel(value.array):
            size = abs(ket) if not isinstance(ket, Ket) else np.sqrt(self.process.expect(ket * ket))
            if not 0.05 < size < 4:
                raise Unsuitable
            if isinstance(ket, Ket) and self.process.expect(ket * ket * ket * ket) > 40 * size**4:
                raise Unsuitable
        self.lines.append(f"{name} = {value.text}")
        known = Value(name.removeprefix("output "), value.array)
        (self.vectors if value.random else self.scalars).append(known)

    def side(self) -> tuple[str, bool]:
        if self.used and self.chance(0.6):
            name, transposed = self.choose(self.used)
            return name, not transposed
        return self.choose(list(self.matrices)), self.chance(0.3)

    def product(self) -> None:
        name, transposed = self.side()
        x = self.expression(int(self.random.integers(0, 3)))
        made = self.process.product(name, transposed, self.matrices[name], x.array)
        self.used.append((name, transposed))
        text = f"{name}{'.T' if transposed else ''} @ {x.text}"
        self.bound(self.name("h"), Value(text, made))

    def bind(self) -> None:
        self.bound(self.name("x"), self.expression(2))

    def average(self) -> None:
        x = self.expression(2)
        if x.array.ndim:
            raise Unsuitable
        self.bound(self.name("c"), Value(f"avg({x.text})", self.expected(x.array)))

    def expected(self, kets: Array) -> Array:
        flat = [self.process.expect(ket) for ket in np.ravel(kets)]
        return np.reshape(flat, kets.shape)

    def outer(self, x: Array, y: Array) -> Array:
        flat = [self.process.expect(a * b) for a in np.ravel(x) for b in np.ravel(y)]
        return np.reshape(flat, x.shape + y.shape)

    def norm(self) -> None:
        x: Value = self.choose(self.vectors)
        mean = self.expected(x.array)
        centred = [ket - m for ket, m in zip(np.ravel(x.array), np.ravel(mean), strict=True)]
        made = [ket / np.sqrt(self.process.expect(ket * ket) + 0.01) for ket in centred]
        text = f"({x.text} - avg({x.text}))"
        norm = f"{text} / sqrt(avg(square({text})) + 0.01)"
        self.bound(self.name("z"), Value(norm, _array(made, x.array.shape)))

    def loop(self) -> None:
        matrix, rounds = self.choose(list(self.matrices)), int(self.random.integers(2, 4))
        start = self.expression(1)
        name = self.name("f")
        f = FUNCTIONS[int(self.random.integers(12))]
        self.lines += [
            f"{name}[0] = {start.text}",
            f"for t in range({rounds}):",
            f"    {name}[t + 1] = {matrix} @ {f.text.format(f'{name}[t]')}",
        ]
        state = start.array
        for t in range(rounds):
            made = [apply(f.of, ket, points=f.points) for ket in np.ravel(state)]
            operand = _array(made, state.shape)
            state = self.process.product(matrix, False, self.matrices[matrix], operand)
            self.vectors.append(Value(f"{name}[{t + 1}]", state))
        self.used.append((matrix, False))

    def mean(self) -> None:
        small = [v for v in self.vectors if not v.array.ndim and len(v.array[()].hats) == 1]
        row: Value = self.choose(small)
        free: Value = self.choose(small)
        f = FUNCTIONS[int(self.random.choice([3, 5, 7, 8, 9, 10, 11, 13]))]
        scale = float(self.random.choice([0.5, 1.0, 3.0]))
        x = free.array[()]

        def body(at: Ket) -> Any:
            return apply(f.of, scale * (x * at) + 0.2 * at)

        made = self.process.mean(body, row.array[()])
        j = f"{row.text}[j]"
        inner = f.text.format(f"({scale} * {free.text} * {j} + 0.2 * {j})")
        self.bound(self.name("y"), Value(f"mean[j]({inner})", np.asarray(made, dtype=object)))

    def max(self) -> None:
        x, y = self.atom(), self.atom()
        if x.array.shape != y.array.shape:
            raise Unsuitable
        pairs = zip(np.ravel(x.array), np.ravel(y.array), strict=True)
        if self.chance(0.5):
            made = [larger(a, b) for a, b in pairs]
            text = f"max({x.text}, {y.text})"
        else:
            made = [larger(a * -1.0, b * -1.0) * -1.0 for a, b in pairs]
            text = f"min({x.text}, {y.text})"
        self.bound(self.name("m"), Value(text, _array(made, x.array.shape)))

    # ----------------------------------------------------------------------------------- outputs

    def output(self) -> None:
        name = self.name("o")
        x = self.expression(2)
        match int(self.random.integers(5)):
            case 0:
                self.write_output(f"output {name} = avg({x.text})", name, self.expected(x.array))
            case 1 | 2:
                y = self.expression(1)
                value = self.outer(x.array, y.array)
                self.write_output(f"output {name} = <{x.text}|{y.text}>", name, value)
            case 3:
                mean = self.expected(x.array)
                second = self.outer(x.array, x.array) - np.multiply.outer(mean, mean)
                self.write_output(f"output {name} = {x.text}", f"{name}.mean", mean)
                self.outputs[f"{name}.cov"] = second
            case _:
                self.lines.append(f"vector u{name} : n")
                value = self.outer(x.array, x.array)
                self.write_output(f"readout {name} = u{name} * {x.text}", name, value)

    def write_output(self, line: str, name: str, value: Array) -> None:
        if not np.all(np.isfinite(value)) or not 1e-3 < np.max(np.abs(value)) < 100:
            raise Unsuitable
        self.lines.append(line)
        self.outputs[name] = value


def _array(kets: list[Any], shape: tuple[int, ...]) -> Array:
    made = np.empty(len(kets), dtype=object)
    made[:] = [ket if isinstance(ket, Ket) else affine({}, ket) for ket in kets]
    return made.reshape(shape)
