"""Formulas in HTML: italic names, raised powers, fractions and roots by styles of the page.

Names and marks are those of the Unicode text. Where a line may be broken stands `<wbr>`.
"""

from dataclasses import dataclass
from html import escape

from tpc.report.constants import decimal
from tpc.report.formula import ArrayOf, BraKet, Call, Ket
from tpc.report.spelling import ATOM, BREAK, LAST_BREAK, POWER, PRODUCT, SOFT_BREAK, Piece

_ACCENTS = {"": "", "hat": "<sup>^</sup>", "dot": "<sup>•</sup>"}

_BETWEEN = {
    "times": f"&nbsp;{LAST_BREAK}",
    "entrywise": f" {SOFT_BREAK}⊙ ",
    "contract": f" {SOFT_BREAK}@ ",
    "dot": " · ",
    "outer": f" {SOFT_BREAK}⊗ ",
    "braket": "",
}

_SYMBOLS = {"Phi": "Φ", "delta": "δ", "trace": "tr", "owens_t": "T", "N": "𝒩"}


@dataclass(frozen=True, slots=True)
class Html:
    """The alphabet of pages."""

    def group(self, text: str) -> str:
        """Write parentheses."""
        return f"({text})"

    def number(self, value: float) -> Piece:
        """Write a number, powers of ten as such."""
        text = decimal(value)
        mantissa, _, exponent = text.partition("e")
        if not exponent:
            return Piece("∞" if text == "inf" else text)
        power = f"10<sup>{int(exponent)}</sup>"
        if mantissa == "1":
            return Piece(power, POWER)
        return Piece(f"{mantissa} · {power}", PRODUCT)

    def name(self, text: str) -> str:
        """Write a name."""
        return "π" if text == "pi" else f"<i>{escape(text)}</i>"

    def array(self, array: ArrayOf) -> Piece:
        """Write an array by its shape."""
        size = "×".join(map(str, array.shape))
        if array.value is None:
            return Piece(f"array<sub>{size}</sub>")
        if array.value in (0, 1):
            return Piece(f"<b>{int(array.value)}</b><sub>{size}</sub>")
        sign = "−" if array.value < 0 else ""
        number = self.number(abs(array.value)).text
        return Piece(f"{sign}{number}&nbsp;<b>1</b><sub>{size}</sub>", PRODUCT)

    def space(self, shape: tuple[int, ...]) -> Piece:
        """Write R to the power of a shape."""
        return Piece(f"<b>R</b><sup>{'×'.join(map(str, shape))}</sup>", POWER)

    def listing(self, items: tuple[str, ...]) -> str:
        """Write the items of an array in a row."""
        return f"[{', '.join(items)}]"

    def ket(self, ket: Ket) -> Piece:
        """Write a ket, its hat, its dot or a copy of it."""
        copy = f"<sup>({ket.copy})</sup>" if ket.copy else ""
        level = POWER if ket.accent or ket.copy else ATOM
        return Piece(f"|{self.name(ket.name)}⟩{_ACCENTS[ket.accent]}{copy}", level)

    def braket(self, braket: BraKet) -> str:
        """Write an inner product, or a generalised bra applied to a ket."""
        left, right = self.name(braket.left), self.name(braket.right)
        bra = f"∇<sub>{left}</sub>" if braket.nabla else left
        return f"⟨{bra}|{right}⟩"

    def expectation(self, operand: str, copies: tuple[int, ...]) -> str:
        """Write an expectation."""
        marks = "".join(f"E<sub>({copy})</sub>" for copy in copies) or "E"
        return f"{marks}[{operand}]"

    def call(self, call: Call, arguments: tuple[str, ...]) -> Piece:
        """Write a function of its arguments."""
        if call.function == "sqrt":
            return Piece(f'<span class="root">√<span>{arguments[0]}</span></span>')
        function = _SYMBOLS.get(call.function, escape(call.function))
        if call.axes:
            function += f"<sub>{','.join(map(str, call.axes))}</sub>"
        return Piece(function + self.group(f", {BREAK}".join(arguments)))

    def indicator(self, left: str, right: str) -> str:
        """Write 1 where two values are equal."""
        return f"[{left} = {right}]"

    def indexed(self, operand: str, keys: tuple[object, ...]) -> str:
        """Write an array at some indices; a new axis is a star."""
        shown = ["∗" if key == "new" else str(key) for key in keys]
        return f"{operand}<sub>{','.join(shown)}</sub>"

    def raised(self, operand: str, mark: str) -> str:
        """Write a transposed, inverted or pseudo-inverted operand."""
        return f"{operand}<sup>{'⊤' if mark == 'T' else mark}</sup>"

    def power(self, base: str, exponent: Piece) -> str:
        """Write a power."""
        return f"{base}<sup>{exponent.text}</sup>"

    def quotient(self, numerator: Piece, denominator: Piece) -> Piece:
        """Write a fraction."""
        parts = f"<span>{numerator.text}</span><span>{denominator.text}</span>"
        return Piece(f'<span class="fraction">{parts}</span>', POWER)

    def contraction(self, left: str, right: str, axes: int) -> str:
        """Write a tensordot over several axes."""
        return f"{left} ·<sub>{axes}</sub> {right}"

    def total(self, operand: str, inclusive: bool) -> str:
        """Write a sum over the rounds before t, or up to t."""
        return f"∑<sub>s {'≤' if inclusive else '&lt;'} t</sub> {operand}"

    def between(self, kind: str, left: str, right: str) -> str:
        """Write the sign of multiplication between two factors."""
        return " · " if kind == "times" and right[0].isdigit() else _BETWEEN[kind]
