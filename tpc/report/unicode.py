"""Formulas in plain Unicode: |W x⟩^ is a hat, |W x⟩˙ a dot, |x⟩¹ an iid copy, x^2 a power."""

from dataclasses import dataclass

from tpc.report.constants import decimal
from tpc.report.formula import ArrayOf, BraKet, Call, Formula, Ket
from tpc.report.spelling import (
    ATOM,
    BREAK,
    LAST_BREAK,
    POWER,
    PRODUCT,
    SOFT_BREAK,
    Alphabet,
    Piece,
    plain,
    spell,
)

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

_ACCENTS = {"": "", "hat": "^", "dot": "˙"}

_BETWEEN = {
    "times": f" {LAST_BREAK}",
    "entrywise": f" {SOFT_BREAK}⊙ ",
    "contract": f" {SOFT_BREAK}@ ",
    "dot": " · ",
    "outer": f" {SOFT_BREAK}⊗ ",
    "braket": "",
}

_FILLED = {0.0: "zeros", 1.0: "ones"}


@dataclass(frozen=True, slots=True)
class Unicode(Alphabet):
    """The alphabet of terminals and comments."""

    def number(self, value: float) -> Piece:
        """Write a number."""
        return Piece(decimal(value))

    def name(self, text: str) -> str:
        """Write a name."""
        return "π" if text == "pi" else text

    def array(self, array: ArrayOf) -> Piece:
        """Write `array(4×3)`, `ones(4×3)` or `0.5 ones(4×3)`."""
        size = f"({'×'.join(map(str, array.shape))})"
        if array.value is None:
            return Piece("array" + size)
        if array.value in _FILLED:
            return Piece(_FILLED[array.value] + size)
        sign = "-" if array.value < 0 else ""
        return Piece(f"{sign}{decimal(abs(array.value))} ones{size}", PRODUCT)

    def space(self, shape: tuple[int, ...]) -> Piece:
        """Write R^2 or R^(4×3)."""
        size = "×".join(map(str, shape))
        return Piece(f"R^{size}" if len(shape) == 1 else f"R^({size})", POWER)

    def ket(self, ket: Ket) -> Piece:
        """Write a ket, its hat, its dot or a copy of it."""
        copy = str(ket.copy).translate(_SUPERSCRIPTS) if ket.copy else ""
        level = POWER if ket.accent or ket.copy else ATOM
        return Piece(f"|{ket.name}⟩{_ACCENTS[ket.accent]}{copy}", level)

    def braket(self, braket: BraKet) -> str:
        """Write `⟨x|y⟩` or `⟨∇ x|y⟩`."""
        return f"⟨{'∇ ' if braket.nabla else ''}{braket.left}|{braket.right}⟩"

    def expectation(self, operand: str, copies: tuple[int, ...]) -> str:
        """Write `E[x]` or `E¹[x]`."""
        mark = "E".join(str(copy).translate(_SUPERSCRIPTS) for copy in copies)
        return f"E{mark}[{operand}]"

    def call(self, call: Call, arguments: tuple[str, ...]) -> Piece:
        """Write `f(x, y)` or `sum(x, axis=0)`."""
        listed = f", {BREAK}".join(arguments)
        if call.axes:
            axes = str(call.axes[0]) if len(call.axes) == 1 else str(call.axes)
            listed = f"{listed}, {call.option}={axes}"
        return Piece(f"{call.function}({listed})")

    def indexed(self, operand: str, keys: tuple[object, ...]) -> str:
        """Write `x[0]` or `x[:, None]`."""
        shown = ["None" if key == "new" else str(key) for key in keys]
        while shown[-1] == ":":
            shown.pop()
        return f"{operand}[{', '.join(shown)}]"

    def raised(self, operand: str, mark: str) -> str:
        """Write `A.T`, `A^-1` or `A^+`."""
        return f"{operand}.T" if mark == "T" else f"{operand}^{mark}"

    def power(self, base: str, exponent: Piece) -> str:
        """Write `x^2` or `x^(-1)`."""
        simple = exponent.level == ATOM
        return f"{base}^{exponent.text if simple else self.group(exponent.text)}"

    def quotient(self, numerator: Piece, denominator: Piece) -> Piece:
        """Write `x / y`, or `1/3` without blanks."""
        above = numerator.text if numerator.level >= PRODUCT else self.group(numerator.text)
        below = denominator.text if denominator.level >= POWER else self.group(denominator.text)
        tight = above.isdigit() and below.isdigit()
        return Piece(f"{above}/{below}" if tight else f"{above} / {below}", PRODUCT)

    def contraction(self, left: str, right: str, axes: int) -> str:
        """Write `x ·₂ y`."""
        return f"{left} ·{str(axes).translate(_SUBSCRIPTS)} {right}"

    def total(self, operand: str, inclusive: bool) -> str:
        """Write a sum over the rounds before t, or up to t."""
        return f"∑[s{'≤' if inclusive else '<'}t] {operand}"

    def rate(self, operand: str, over: tuple[str, ...]) -> Piece:
        """Write `dC/dτ` or `∂²C/∂τ∂σ`."""
        if len(over) == 1:
            return Piece(f"d{operand}/d{over[0]}", PRODUCT)
        return Piece(f"∂²{operand}/{''.join(f'∂{x}' for x in over)}", PRODUCT)

    def between(self, kind: str, left: str, right: str) -> str:
        """Write the sign of multiplication; a number or an array does not stand behind a blank."""
        if kind == "times" and right[0] in "0123456789[":
            return " · "
        if kind == "braket" and left[-1] != "⟩":
            return " "
        return _BETWEEN[kind]


def write_plainly(formula: Formula) -> str:
    """Return a formula on one line of Unicode text."""
    return plain(spell(formula, Unicode()))
