r"""Formulas in LaTeX with amsmath, as in the paper: the hat and the dot stand over the ket's angle.

What TeX cannot break over lines (fractions, roots, exponents, \left ... \right) carries no break
marks. Names of a program are x_{1} for x1, \mathrm{dh}_{2} for dh2, h_{1,2} for h[1,2]. Two names
never look the same: where they would, as x1 and x[1], all but the first are printed upright as they
are written.
"""

import re
from dataclasses import dataclass, field

from tpc.report.constants import decimal
from tpc.report.formula import ArrayOf, BraKet, Call, Ket
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
)

_GREEK: frozenset[str] = frozenset(
    {
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
        "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi",
        "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi",
        "Omega",
    }
)  # fmt: skip

_NAME = re.compile(r"([A-Za-z]+)_?(\d*)((?:_[A-Za-z0-9]+)*)(\[[^\]]*\])?('*)")


_SIGNS = {
    "⊙": r"\odot ", "⊗": r"\otimes ", "·": r"\cdot ", "⟨": r"\langle ", "⟩": r"\rangle ",
    "π": r"\pi ", "×": r"\times ", "∞": r"\infty ",
}  # fmt: skip
"""What may stand in a bra that is no name."""


class LatexNames:
    """Spells names in LaTeX, each in its own way."""

    def __init__(self) -> None:
        self._spelled: dict[str, str] = {}
        self._used: dict[str, str] = {}

    def spell(self, name: str) -> str:
        """Return the LaTeX of a name, or of a product such as `W.T x` or `W (2)`."""
        if name == "..." or re.search("[=<]", name):  # t = 0, ..., 9
            return name.replace("...", r"\dots")
        if name.startswith("|") and name.endswith("|"):  # an operator on kets
            return rf"\lvert {self.spell(name[1:-1])} \rvert"
        if name.startswith("⟨") and name.endswith("|"):  # a bra
            return rf"\langle {self.spell(name[1:-1])} |"
        left, _, right = name.partition(" ")
        if right and not _NAME.fullmatch(name):  # x[l + 1]
            return f"{self.spell(left)} {self.spell(right)}"
        if name.endswith(".T"):
            return rf"{self.spell(name[:-2])}^{{\top}}"
        if name.startswith("("):
            return name
        called = re.fullmatch(r"([^( ]+)\((.*)\)", name)  # x(τ), C(0, σ)
        if called:
            return f"{self.spell(called[1])}({', '.join(map(self.spell, called[2].split(', ')))})"
        if name in ("τ", "σ"):
            return r"\tau" if name == "τ" else r"\sigma"
        if name not in self._spelled:
            self._spelled[name] = self._new(name)
        return self._spelled[name]

    def _new(self, name: str) -> str:
        pretty = _pretty(name)
        if pretty is None or self._used.setdefault(pretty, name) != name:
            escaped = name.replace("_", r"\_")
            for sign, command in _SIGNS.items():
                escaped = escaped.replace(sign, command)
            return rf"\mathrm{{{escaped}}}"
        return pretty


def _pretty(name: str) -> str | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    stem, digits, rest, keys, primes = match.groups()
    subscripts = [digits] if digits else []
    subscripts += [_upright(word) for word in rest.split("_") if word]
    subscripts += [keys[1:-1]] if keys else []
    below = f"_{{{','.join(subscripts)}}}" if subscripts else ""
    return _stem(stem) + below + primes


def _stem(stem: str) -> str:
    """Write a name without subscripts; derivatives dh and dLoss as in mathematics."""
    if stem == "dLoss":
        return r"d\mathcal{L}"
    if stem.startswith("d") and (len(stem) == 2 or stem[1:] in _GREEK):
        return f"d{_stem(stem[1:])}"
    return rf"\{stem}" if stem in _GREEK else _upright(stem)


def _upright(word: str) -> str:
    return word if len(word) == 1 or word.isdigit() else rf"\mathrm{{{word}}}"


_LONG_GROUP = 24
"""Brackets around more than so many characters may be broken, so are not stretched."""

_LONG_FRACTION = 90
"""A fraction whose numerator has more characters does not fit on a line."""

_ANGLES = {"": r"\rangle", "hat": r"\mathclose{\hat{\rangle}}", "dot": r"\mathclose{\dot{\rangle}}"}

_BETWEEN = {
    "times": rf"\, {LAST_BREAK}",
    "entrywise": rf" {SOFT_BREAK}\odot ",
    "contract": rf"\, {LAST_BREAK}",
    "dot": r" \cdot ",
    "outer": rf" {SOFT_BREAK}\otimes ",
    "braket": "",
}

_COMMANDS = frozenset({"tanh", "sin", "cos", "sinh", "cosh", "exp", "log", "max", "min", "det"})

_SYMBOLS = {
    "N": r"\mathcal{N}", "Phi": r"\Phi", "delta": r"\delta", "trace": r"\operatorname{tr}",
    "acos": r"\arccos", "asin": r"\arcsin", "atan": r"\arctan", "owens_t": "T",
    "Q_t": "Q_{t}", "∫∫": r"\iint ", "Sigma": r"\Sigma", "Theta": r"\Theta",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Latex(Alphabet):
    """The alphabet of papers and notebooks."""

    names: LatexNames = field(default_factory=LatexNames)

    def group(self, text: str) -> str:
        """Write parentheses."""
        return bracketed("(", text, ")")

    def number(self, value: float) -> Piece:
        """Write a number, powers of ten as such."""
        text = decimal(value)
        if text in ("inf", "nan"):
            return Piece(r"\infty" if text == "inf" else r"\mathrm{nan}")
        mantissa, _, exponent = text.partition("e")
        if not exponent:
            return Piece(text)
        power = f"10^{{{int(exponent)}}}"
        if mantissa == "1":
            return Piece(power, POWER)
        return Piece(rf"{mantissa} \cdot {power}", PRODUCT)

    def name(self, text: str) -> str:
        """Write a name."""
        return self.names.spell(text)

    def array(self, array: ArrayOf) -> Piece:
        """Write an array by its shape."""
        size = _size(array.shape)
        if array.value is None:
            return Piece(rf"\mathrm{{array}}_{{{size}}}")
        if array.value in (0, 1):
            return Piece(rf"\mathbf{{{int(array.value)}}}_{{{size}}}")
        sign = "-" if array.value < 0 else ""
        number = self.number(abs(array.value)).text
        return Piece(rf"{sign}{number}\, \mathbf{{1}}_{{{size}}}", PRODUCT)

    def space(self, shape: tuple[int, ...]) -> Piece:
        """Write R^shape."""
        return Piece(rf"\mathbf{{R}}^{{{_size(shape)}}}", POWER)

    def ket(self, ket: Ket) -> Piece:
        """Write a ket, its hat, its dot or a copy of it."""
        text = f"|{self.name(ket.name)}{_ANGLES[ket.accent]}{_copy('^', ket.copy)}"
        return Piece(text, POWER if ket.accent or ket.copy else ATOM)

    def braket(self, braket: BraKet) -> str:
        """Write an inner product, or a generalised bra applied to a ket."""
        left, right = self.name(braket.left), self.name(braket.right)
        bra = rf"\nabla_{{{left}}}" if braket.nabla else left
        return rf"\langle {bra} | {right}\rangle"

    def expectation(self, operand: str, copies: tuple[int, ...]) -> str:
        """Write an expectation."""
        marks = "".join(_copy("_", copy) for copy in copies[:1])
        marks += "".join(rf"\operatorname{{E}}{_copy('_', copy)}" for copy in copies[1:])
        return bracketed(rf"\operatorname{{E}}{marks}[", operand, "]")

    def call(self, call: Call, arguments: tuple[str, ...]) -> Piece:
        """Write a function of its arguments."""
        if call.function == "sqrt":
            return Piece(rf"\sqrt{{{plain(arguments[0])}}}")
        function = _function(call.function)
        if call.axes:
            function += f"_{{{','.join(map(str, call.axes))}}}"
        return Piece(function + self.group(f", {BREAK}".join(arguments)))

    def indicator(self, left: str, right: str) -> str:
        """Write 1 where two values are equal."""
        return bracketed("[", f"{left} = {right}", "]")

    def indexed(self, operand: str, keys: tuple[object, ...]) -> str:
        """Write an array at some indices; a new axis is a star."""
        shown = ",".join(r"\ast" if key == "new" else str(key) for key in keys)
        if keys == ("s",) and (named := re.fullmatch(r"(.*)_\{([^{}]*)\}", operand)):
            return f"{named[1]}_{{{named[2]},s}}"  # the number of an earlier round
        return f"{{{operand}}}_{{{shown}}}"

    def raised(self, operand: str, mark: str) -> str:
        """Write a transposed, inverted or pseudo-inverted operand."""
        shown = r"\top" if mark == "T" else mark
        return f"{operand}^{{{shown}}}"

    def power(self, base: str, exponent: Piece) -> str:
        """Write a power."""
        return f"{base}^{{{plain(exponent.text)}}}"

    def quotient(self, numerator: Piece, denominator: Piece) -> Piece:
        """Write a fraction, or a product with a slash where it is too long for one line."""
        if width(numerator.text) > _LONG_FRACTION:
            above = numerator.text if numerator.level >= PRODUCT else self.group(numerator.text)
            below = denominator.text if denominator.level >= POWER else self.group(denominator.text)
            return Piece(f"{above} / {below}", PRODUCT)
        return Piece(rf"\frac{{{plain(numerator.text)}}}{{{plain(denominator.text)}}}", POWER)

    def contraction(self, left: str, right: str, axes: int) -> str:
        """Write a tensordot over several axes."""
        return rf"{left} \cdot_{{{axes}}} {right}"

    def total(self, operand: str, inclusive: bool) -> str:
        """Write a sum over the rounds before t, or up to t."""
        sign = r"\le" if inclusive else "<"
        return rf"\sum_{{s {sign} t}} {operand}"

    def rate(self, operand: str, over: tuple[str, ...]) -> Piece:
        """Write a derivative as a fraction."""
        names = [self.name(x) for x in over]
        if len(names) == 1:
            return Piece(rf"\frac{{d{operand}}}{{d{names[0]}}}", PRODUCT)
        below = " ".join(rf"\partial {x}" for x in names)
        return Piece(rf"\frac{{\partial^{{2}} {operand}}}{{{below}}}", PRODUCT)

    def between(self, kind: str, left: str, right: str) -> str:
        """Write the sign of multiplication between two factors."""
        return r" \cdot " if kind == "times" and right[0].isdigit() else _BETWEEN[kind]


def bracketed(opening: str, text: str, closing: str) -> str:
    r"""Write brackets; around fractions they are stretched, or large where they may be broken."""
    if r"\frac" not in text and r"\sqrt" not in text:
        return f"{opening}{text}{closing}"
    head, bracket = opening[:-1], opening[-1]
    if width(text) <= _LONG_GROUP:
        return rf"{head}\left{bracket}{plain(text)}\right{closing}"
    return rf"{head}\Bigl{bracket}{text}\Bigr{closing}"


def width(text: str) -> int:
    """Estimate how many characters wide a formula is set."""
    words = r"\\(?:operatorname|mathrm|mathbf|mathcal|text|texttt)\{([^{}]*)\}"
    text = re.sub(words, r"\1", plain(text))
    text = re.sub(r"\\(?:left|right|Bigl|Bigr|mathclose|hat|dot|,)", "", text)
    text = re.sub(r"\\frac", "", text)
    return len(re.sub(r"[{}^_&\s]", "", re.sub(r"\\[A-Za-z]+", "x", text)))


def _size(shape: tuple[int, ...]) -> str:
    return r" \times ".join(map(str, shape))


def _copy(side: str, copy: int) -> str:
    return f"{side}{{({copy})}}" if copy else ""


def _function(name: str) -> str:
    if name in _SYMBOLS:
        return _SYMBOLS[name]
    if name in _COMMANDS:
        return rf"\{name}"
    if len(name) == 1:
        return name
    escaped = name.replace("_", r"\_")
    return rf"\operatorname{{{escaped}}}"
