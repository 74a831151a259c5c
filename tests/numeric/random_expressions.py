"""Random expressions, each with its value: an array computed by plain NumPy while it is written.

Nothing of the compiler is used. What has no moments to speak of is never written: denominators are
1 + x^2 or its root, and there is no `exp` or `log` of anything that is not bounded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[np.float64]

SUM, PRODUCT, SIGN, ATOM = range(4)
"""Precedences, loosest first."""

SMOOTH: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "erf": special.erf,
    "sin": np.sin,
    "cos": np.cos,
    "Phi": special.ndtr,
    "sigmoid": special.expit,
    "gelu": lambda x: x * special.ndtr(x),
    "silu": lambda x: x * special.expit(x),
    "softplus": lambda x: np.logaddexp(0, x),
    "square": np.square,
}
KINKED: dict[str, Callable[[Array], Array]] = {"relu": lambda x: np.maximum(x, 0), "abs": np.abs}
JUMPING: dict[str, Callable[[Array], Array]] = {
    "sign": np.sign,
    "step": lambda x: np.heaviside(x, 0.5),
}
DERIVATIVES: dict[str, Callable[[Array], Array]] = {
    "tanh'": lambda x: 1 - np.tanh(x) ** 2,
    "erf'": lambda x: 2 / np.sqrt(np.pi) * np.exp(-x * x),
    "Phi'": lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
    "gelu''": lambda x: (2 - x * x) * np.exp(-x * x / 2) / np.sqrt(2 * np.pi),
    "sin''": lambda x: -np.sin(x),
    "softplus'": special.expit,
    "silu'": lambda x: special.expit(x) * (1 + x * special.expit(-x)),
    "bump'": lambda x: np.exp(-x * x) * (1 - 2 * x * x),
    "square''": lambda x: 0 * x + 2,
}
BINARY: dict[str, Callable[[Array, Array], Array]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "max": np.maximum,
    "min": np.minimum,
}


class Unsuitable(Exception):
    """What was written has no moments to speak of, or does not fit."""


@dataclass(frozen=True)
class Value:
    """An expression: its text and its value, growing axes first (free, then bound by name)."""

    text: str
    array: Array
    coords: tuple[tuple[str, str], ...] = ()
    precedence: int = ATOM

    @property
    def shape(self) -> tuple[int, ...]:
        return self.array.shape[len(self.coords) :]

    def within(self, precedence: int) -> str:
        return self.text if self.precedence >= precedence else f"({self.text})"


def combine(name: str, *values: Value) -> tuple[Array, tuple[tuple[str, str], ...]]:
    """Return the operands of an elementwise function, aligned and put through it."""
    coords = tuple(sorted({pair for value in values for pair in value.coords}))
    rank = max(len(value.shape) for value in values)
    aligned = []
    for value in values:
        grown = tuple(slice(None) if pair in value.coords else None for pair in coords)
        aligned.append(value.array[grown + (None,) * (rank - len(value.shape))])
    try:
        with np.errstate(all="ignore"):
            return BINARY[name](*aligned), coords
    except ValueError:
        raise Unsuitable from None


class Expressions:
    """Writes expressions.

    Attributes:
        scalars: Those that expressions may use; grows with the program.
        constants: Static arrays.
    """

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.scalars: list[Value] = []
        self.constants: list[Value] = []

    def choose(self, items: list[Any]) -> Any:
        if not items:
            raise Unsuitable
        return items[self.random.integers(len(items))]

    def chance(self, probability: float) -> bool:
        return bool(self.random.random() < probability)

    def expression(self, atoms: list[Value], depth: int) -> Value:
        """Return an elementwise expression of atoms and scalars, with a coordinate."""
        if depth == 0 or self.chance(0.15):
            if not atoms:
                raise Unsuitable
            # Later vectors depend on more, so that transposes meet what they belong to.
            latest = self.random.beta(2.0, 1.0)
            return self.indexed(atoms[int(latest * len(atoms))])
        kind = self.random.choice(
            [
                "function",
                "product",
                "sum",
                "scaled",
                "axes",
                "two",
                "minus",
                "ratio",
                "power",
                "root",
            ],
            p=[0.28, 0.15, 0.15, 0.12, 0.12, 0.06, 0.04, 0.03, 0.03, 0.02],
        )
        x = self.expression(atoms, depth - 1)
        match kind:
            case "function":
                return self.function(x)
            case "product":
                return self.operation("*", x, self.expression(atoms, depth - 1))
            case "sum":
                sign = "+" if self.chance(0.5) else "-"
                return self.operation(sign, x, self.expression(atoms, depth - 1))
            case "scaled":
                scalar = self.scalar()
                if self.chance(0.3):
                    return self.operation("+", x, scalar)
                return self.operation("*", *([x, scalar] if self.chance(0.5) else [scalar, x]))
            case "axes":
                return self.over_axes(x)
            case "two":
                return self.of_two(x, self.expression(atoms, depth - 1))
            case "root":
                below = Value(f"sqrt(1 + square({x.text}))", np.sqrt(1 + x.array**2), x.coords)
                return self.operation("/", Value("1", np.array(1.0)), below)
            case "minus":
                return Value(f"-{x.within(SIGN)}", -x.array, x.coords, SIGN)
            case "ratio":
                y = self.expression(atoms, depth - 1)
                below = Value(f"(1 + square({y.text}))", 1 + y.array**2, y.coords)
                return self.operation("/", x, below)
            case _:
                return Value(f"{x.within(ATOM)}^2", x.array**2, x.coords, SIGN)

    def function(self, x: Value) -> Value:
        table = self.random.choice(4, p=[0.55, 0.2, 0.1, 0.15])
        functions = (SMOOTH, KINKED, JUMPING, DERIVATIVES)[table]
        name = str(self.choose(list(functions)))
        return Value(f"{name}({x.text})", functions[name](x.array), x.coords)

    def operation(self, sign: str, x: Value, y: Value) -> Value:
        array, coords = combine(sign, x, y)
        own = SUM if sign in "+-" else PRODUCT
        right = own + 1 if sign in "-/" or self.chance(0.8) else own
        if sign in "+*" and right == own and y.precedence == own:
            right = own + 1  # text is read from the left
        return Value(f"{x.within(own)} {sign} {y.within(right)}", array, coords, own)

    def of_two(self, x: Value, y: Value) -> Value:
        match self.random.integers(4):
            case 0:
                return Value(f"clip({x.text}, -0.5, 1)", x.array.clip(-0.5, 1), x.coords)
            case 1:
                slope = np.where(x.array > 0, x.array, 0.2 * x.array)
                return Value(f"leaky_relu({x.text}, 0.2)", slope, x.coords)
            case _:
                name = "max" if self.chance(0.5) else "min"
                array, coords = combine(name, x, y)
                return Value(f"{name}({x.text}, {y.text})", array, coords)

    def over_axes(self, x: Value) -> Value:
        """Return something over constant axes: a contraction, a sum, a maximum or a softmax."""
        if not x.shape:
            return x
        at = len(x.coords)
        if len(x.shape) == 2 and self.chance(0.3):
            return Value(f"{x.within(ATOM)}.T", np.swapaxes(x.array, -1, -2), x.coords)
        match self.random.integers(4):
            case 0:
                fits = [a for a in self.constants if a.shape and a.shape[0] == x.shape[-1]]
                a: Value = self.choose(fits)
                array = np.tensordot(x.array, a.array, 1)
                return Value(f"{x.within(PRODUCT)} @ {a.text}", array, x.coords, PRODUCT)
            case 1:
                e = np.exp(x.array)
                array = e / e.sum(axis=-1, keepdims=True)
                return Value(f"softmax({x.text})", array, x.coords)
            case _:
                name, reduce = ("sum", np.sum) if self.chance(0.6) else ("amax", np.max)
                if self.chance(0.4):
                    axes = tuple(range(at, x.array.ndim))
                    return Value(f"{name}({x.text})", reduce(x.array, axis=axes), x.coords)
                axis = int(self.random.integers(len(x.shape)))
                array = reduce(x.array, axis=at + axis)
                return Value(f"{name}({x.text}, axis={axis})", array, x.coords)

    def indexed(self, x: Value) -> Value:
        """Return a value or an entry of it."""
        if not x.shape or self.chance(0.7):
            return x
        keys = [int(self.random.integers(-size, size)) for size in x.shape]
        whole = [self.chance(0.4) and len(keys) > 1 for _ in keys]
        text = ", ".join(":" if all_ else str(key) for all_, key in zip(whole, keys, strict=True))
        index = tuple(slice(None) if all_ else k for all_, k in zip(whole, keys, strict=True))
        grown = (slice(None),) * len(x.coords)
        return Value(f"{x.within(ATOM)}[{text}]", x.array[grown + index], x.coords)

    def scalar(self) -> Value:
        if self.chance(0.35):
            number = float(self.random.uniform(-1.5, 1.5).__round__(2))
            return Value(str(number), np.array(number), (), ATOM if number >= 0 else SIGN)
        x: Value = self.choose(2 * self.scalars + self.constants)
        if len(x.shape) == 2 and x.shape[0] == x.shape[1] and self.chance(0.5):
            if self.chance(0.5):
                return Value(f"trace({x.text})", np.trace(x.array))
            inverse: Array = np.linalg.inv(np.eye(len(x.array)) + x.array @ x.array.T).astype(float)
            rows = str(np.eye(len(x.array)).tolist())
            return Value(f"inv({rows} + {x.text} @ {x.text}.T)", inverse)
        return self.indexed(x)
