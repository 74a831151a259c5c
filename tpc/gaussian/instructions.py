"""Closed form -> instructions in order, for evaluators that share and schedule their steps.

relu_moment(1, 1, q1, q2, c, gram(q1, q2, c)) / 2
-> %3 = gram(q1, q2, c)   %4 = relu_moment(1, 1, q1, q2, c, %3)   %5 = mul(%4, 0.5)
"""

from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from sympy import Add, Expr, Integer, Mul, Pow, Symbol
from sympy.core.function import Application

from tpc.gaussian.algebra import computed_as
from tpc.gaussian.numpy_text import function_name

Operand: TypeAlias = int | float
"""The number of a symbol or of an earlier instruction, behind the symbols; or a number itself."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One operation.

    Attributes:
        function: `add`, `sub`, `mul`, `div`, `pow`, `sqrt`, `neg`; `np.` and the name of a
            function of NumPy; or the name of one in the arithmetic of closed forms.
        operands: Integers number values, floats are numbers.
    """

    function: str
    operands: tuple[Operand, ...]


@cache
def to_instructions(
    expression: Expr, symbols: tuple[Symbol, ...], others: frozenset[str] = frozenset()
) -> tuple[tuple[Instruction, ...], Operand]:
    """Return a closed form as instructions, and which value or number is its result.

    Args:
        expression: What `expect` returned.
        symbols: Its symbols, which have the numbers 0, 1, ...
        others: Functions that whoever runs the instructions has, by the names that they have here.

    Raises:
        ValueError: A function that NumPy and the arithmetic of closed forms lack.
    """
    writer = _Writer(symbols, others)
    result = writer.value(expression)
    return tuple(writer.instructions), result


class _Writer:
    def __init__(self, symbols: tuple[Symbol, ...], others: frozenset[str]) -> None:
        self._others = others
        self._numbers: dict[Expr, Operand] = {s: i for i, s in enumerate(symbols)}
        self._first = len(symbols)
        self._known: dict[tuple[object, ...], int] = {}
        self.instructions: list[Instruction] = []

    def value(self, expression: Expr) -> Operand:
        """Return the number of a value, after the instructions that compute it."""
        if expression not in self._numbers:
            self._numbers[expression] = self._computed(expression)
        return self._numbers[expression]

    def _computed(self, expression: Expr) -> Operand:
        match expression:
            case computed_as(args=(_, value)):
                return self.value(value)
            case _ if expression.is_number and not expression.has(Application):
                return float(expression)
            case Add():
                return self._sum(expression)
            case Mul() | Pow():
                return self._product(expression)
            case Application():
                name = type(expression).__name__
                name = name if name in self._others else function_name(expression)
                return self._make(name, *(self.value(arg) for arg in expression.args))
            case _:
                raise ValueError(f"no instructions for {expression}")

    def _make(self, function: str, *operands: Operand) -> int:
        # The value of number 2 and the number 2.0 are equal to Python.
        key = (function, *((type(operand), operand) for operand in operands))
        if key not in self._known:
            self._known[key] = self._first + len(self.instructions)
            self.instructions.append(Instruction(function, operands))
        return self._known[key]

    def _sum(self, expression: Expr) -> Operand:
        total: Operand | None = None
        for term in expression.as_ordered_terms():
            negative = term.could_extract_minus_sign()
            value = self.value(-term if negative else term)
            if total is None:
                total = self._make("neg", value) if negative else value
            else:
                total = self._make("sub" if negative else "add", total, value)
        assert total is not None
        return total

    def _product(self, expression: Expr) -> Operand:
        coefficient, rest = expression.as_coeff_Mul()
        number = float(coefficient)
        above: list[Operand] = []
        below: list[Operand] = []
        for factor in Mul.make_args(rest):
            base, power = factor.args if isinstance(factor, Pow) else (factor, Integer(1))
            if factor.is_number and not factor.has(Application):
                number *= float(factor)
            elif power.could_extract_minus_sign():
                below.append(self._power(base, -power))
            else:
                above.append(self._power(base, power))
        if not above:
            top: Operand = number
        else:
            top = self._multiplied(above)
            top = self._make("mul", top, number) if number != 1 else top
        return self._make("div", top, self._multiplied(below)) if below else top

    def _multiplied(self, factors: list[Operand]) -> Operand:
        product, *rest = factors
        for factor in rest:
            product = self._make("mul", product, factor)
        return product

    def _power(self, base: Expr, power: Expr) -> Operand:
        value = self.value(base)
        if power == 1:
            return value
        if power.is_Rational and power.q == 2:
            value, power = self._make("sqrt", value), Integer(power.p)
        if power == 1:
            return value
        if power == 2:
            return self._make("mul", value, value)
        return self._make("pow", value, self.value(power))
