"""Closed form -> instructions in order, for evaluators that share and schedule their steps.

relu_moment(1, 1, q1, q2, c, gram(q1, q2, c)) / 2
-> %3 = gram(q1, q2, c)   %4 = relu_moment(1, 1, q1, q2, c, %3)   %5 = mul(%4, 0.5)
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from sympy import Expr, Symbol

from tpc.functions import FUNCTIONS
from tpc.gaussian.numpy_text import function_text
from tpc.gaussian.trees import Numeral, Operation, Tree, Variable, factors, read_tree

Operand: TypeAlias = int | float
"""The number of a symbol or of an earlier instruction, behind the symbols; or a number itself."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One operation.

    Attributes:
        function: One of `tpc.functions`; `np.` and the name of a function of NumPy; or the name of
            one in the arithmetic of closed forms.
        operands: Integers number values, floats are numbers.
    """

    function: str
    operands: tuple[Operand, ...]


@cache
def to_instructions(
    expression: Expr, symbols: tuple[Symbol, ...]
) -> tuple[tuple[Instruction, ...], Operand]:
    """Return a closed form as instructions, and which value or number is its result.

    Args:
        expression: What `expect` returned.
        symbols: Its symbols, which have the numbers 0, 1, ...

    Raises:
        ValueError: A function that NumPy and the runtime lack.
    """
    writer = _Writer(symbols)
    result = writer.value(read_tree(expression))
    return tuple(writer.instructions), result


class _Writer:
    def __init__(self, symbols: tuple[Symbol, ...]) -> None:
        self._numbers: dict[Tree, Operand] = {Variable(s.name): i for i, s in enumerate(symbols)}
        self._first = len(symbols)
        self._known: dict[tuple[object, ...], int] = {}
        self.instructions: list[Instruction] = []

    def value(self, tree: Tree) -> Operand:
        """Return the number of a value, after the instructions that compute it; or a number."""
        if isinstance(tree, Numeral):
            return float(tree.value)
        if tree not in self._numbers:
            self._numbers[tree] = self._computed(tree)
        return self._numbers[tree]

    def _computed(self, tree: Tree) -> Operand:
        match tree:
            case Operation(name="pi" | "e" as name):
                return float(getattr(math, name))
            case Operation(name="add", parts=(first, *rest)):
                total = self.value(first)
                for term in rest:
                    total = self._added(total, term)
                return total
            case Operation(name="neg", parts=(part,)):
                return self._product(part, -1.0)
            case Operation(name="mul" | "div"):
                return self._product(tree, 1.0)
            case Operation(name="pow", parts=(base, exponent)):
                return self._power(self.value(base), self.value(exponent))
            case Operation(name=name, parts=parts):
                return self._make(_function(name), *map(self.value, parts))
            case _:
                raise ValueError(f"no value of {tree}")

    def _make(self, function: str, *operands: Operand) -> Operand:
        if function in _NUMBERS and all(isinstance(operand, float) for operand in operands):
            return _NUMBERS[function](*operands)
        # The value of number 2 and the number 2.0 are equal to Python.
        key = (function, *((type(operand), operand) for operand in operands))
        if key not in self._known:
            self._known[key] = self._first + len(self.instructions)
            self.instructions.append(Instruction(function, operands))
        return self._known[key]

    def _added(self, total: Operand, term: Tree) -> Operand:
        match term:
            case Operation(name="neg", parts=(part,)):
                return self._make("sub", total, self.value(part))
            case _:
                return self._make("add", total, self.value(term))

    def _product(self, tree: Tree, number: float) -> Operand:
        """Multiply by all numbers at once, then divide."""
        above, below = ([self.value(part) for part in side] for side in factors(tree))
        number *= math.prod(value for value in above if isinstance(value, float))
        number /= math.prod(value for value in below if isinstance(value, float))
        top = self._multiplied([value for value in above if isinstance(value, int)])
        bottom = self._multiplied([value for value in below if isinstance(value, int)])
        if top is None:
            top = number
        elif number != 1:
            top = self._make("neg", top) if number == -1 else self._make("mul", top, number)
        return top if bottom is None else self._make("div", top, bottom)

    def _multiplied(self, values: list[int]) -> Operand | None:
        product: Operand | None = None
        for value in values:
            product = value if product is None else self._make("mul", product, value)
        return product

    def _power(self, value: Operand, exponent: Operand) -> Operand:
        if exponent == 2.0 and isinstance(exponent, float):
            return self._make("mul", value, value)
        return self._make("pow", value, exponent)


_NUMBERS: dict[str, Callable[..., float]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "pow": math.pow,
    "sqrt": math.sqrt,
}
"""What is computed at once where all operands are numbers."""


def _function(name: str) -> str:
    return name if name in FUNCTIONS else function_text(name).removesuffix("({})")
