"""Limit -> a page of its own: statements of the program, each with its equations below.

The page needs nothing else: no scripts, no fonts, no images. It follows the reader's light or dark
colours and fits narrow screens and paper. Formulas have italic names, raised powers, fractions and
roots by styles of the page; names and marks are those of the Unicode text. Where a line may be
broken stands `<wbr>`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from tpc.limit.equations import Limit
from tpc.report.constants import decimal
from tpc.report.equations_in_words import (
    Relation,
    Remark,
    SourceLines,
    output_relations,
    read,
    relations,
    statements_of,
)
from tpc.report.formula import ArrayOf, BraKet, Call, Formula, Ket
from tpc.report.reading import EquationReader
from tpc.report.spelling import (
    ATOM,
    BREAK,
    LAST_BREAK,
    POWER,
    PRODUCT,
    SOFT_BREAK,
    Alphabet,
    Piece,
    spell,
)
from tpc.report.text import header

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
class Html(Alphabet):
    """The alphabet of pages."""

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

    def rate(self, operand: str, over: tuple[str, ...]) -> Piece:
        """Write a derivative as a fraction."""
        d, names = ("d", over) if len(over) == 1 else ("∂", over)
        above = f"{d}{operand}" if len(names) == 1 else f"∂<sup>2</sup>{operand}"
        below = " ".join(f"{d}{self.name(x)}" for x in names)
        return Piece(f'<span class="fraction"><span>{above}</span><span>{below}</span></span>')

    def between(self, kind: str, left: str, right: str) -> str:
        """Write the sign of multiplication between two factors."""
        return " · " if kind == "times" and right[0].isdigit() else _BETWEEN[kind]


_ALPHABET = Html()

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1b1f; --paper: #fdfdfb; --soft: #6a6a72;
  --line: #dedee3; --code: #f2f2ee; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8e8ea; --paper: #17171a; --soft: #9a9aa4; --line: #34343a; --code: #222226; }
}
body { margin: 2.5rem auto; max-width: 60rem; padding: 0 1.25rem; color: var(--ink);
  background: var(--paper); font: 1.0625rem/1.6 Cambria, "STIX Two Text", Georgia, serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
.about { color: var(--soft); margin: 0 0 2rem; padding: 0; list-style: none; font-size: .95rem; }
section { border-top: 1px solid var(--line); padding: .7rem 0 .5rem; break-inside: avoid; }
pre { margin: 0; padding: .25rem .6rem; background: var(--code); border-radius: .3rem;
  overflow-x: auto; font: .88rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
pre .number { color: var(--soft); user-select: none; margin-right: .8em; }
.equation { margin: .35rem 0 .35rem 1.2rem; padding-left: 1.6rem; text-indent: -1.6rem; }
.where { margin-left: 3rem; color: var(--soft); }
.more { margin-left: 3rem; }
i { padding-right: .05em; }
sup, sub { font-size: .72em; line-height: 0; }
.fraction { display: inline-flex; flex-direction: column; vertical-align: middle;
  text-align: center; text-indent: 0; line-height: 1.3; margin: 0 .15em; }
.fraction > span:first-child { border-bottom: 1px solid currentColor; padding: 0 .25em; }
.root > span { border-top: 1px solid currentColor; padding: 0 .12em; }
""".strip()


def to_html(limit: Limit, peak: int | None = None, pairs: int = 0) -> str:
    """Return a limit as a page.

    Args:
        limit: The limit.
        peak: How many floats a sample the evaluator holds at most, where known.
        pairs: How many for every pair of samples.
    """
    reader = read(limit)
    about = list(header(limit, peak, pairs))
    title = about.pop(0) if limit.program.title else limit.program.name.rsplit("/", 1)[-1]
    source = SourceLines(limit.program)
    sections: list[list[str]] = []
    for statement in statements_of(limit):
        number = f'<span class="number">{statement.span.line}</span>'
        sections.append([f"<pre>{number}{escape(source.text(statement.span))}</pre>"])
        if statement.heading is not None:
            sections[-1].insert(0, f"<h2>For {written(statement.heading)}</h2>")
        for equation in statement.equations:
            sections[-1] += paragraphs(relations(equation, reader))
    if limit.outputs:
        sections.append(["<h2>Outputs</h2>", *_outputs(limit, reader)])
    return page(title, about, sections)


def _outputs(limit: Limit, reader: EquationReader) -> list[str]:
    """Return paragraphs for the outputs, first those that have an equation above."""
    said = [output_relations(output, reader) for output in limit.outputs]
    above = ", <wbr>".join(written(lines[0].right) for lines in said if not lines[0].left)
    rest = [line for lines in said if lines[0].left for line in lines]
    return [*([f'<p class="equation">{above}</p>'] if above else []), *paragraphs(rest)]


def page(title: str, about: Iterable[str], sections: Iterable[Iterable[str]]) -> str:
    """Return a page.

    Args:
        title: Its title, as text.
        about: Lines of text below that.
        sections: Pieces of HTML, by sections.
    """
    body = ["\n".join(["<section>", *pieces, "</section>"]) for pieces in sections]
    return _PAGE.format(
        title=escape(title),
        style=_STYLE,
        about="\n".join(f"<li>{escape(line)}</li>" for line in about),
        body="\n".join(body),
    )


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<h1>{title}</h1>
<ul class="about">
{about}
</ul>
{body}
</body>
</html>
"""


def paragraphs(said: Iterable[Relation]) -> list[str]:
    """Return relations as paragraphs."""
    return [_paragraph(line) for line in said]


def written(formula: Formula) -> str:
    """Return a formula, its break marks and minus signs as pages have them."""
    text = re.sub(f"[{BREAK}{SOFT_BREAK}{LAST_BREAK}]", "<wbr>", spell(formula, _ALPHABET))
    text = re.sub(r"(^|[(\[ >])-(?=[\w<|√(])", r"\1−", text)
    return text.replace("<wbr>- ", "<wbr>− ")


def _paragraph(line: Relation) -> str:
    names = " = ".join(map(written, line.left))
    sides = [f"{line.sign} {written(line.right)}{_remark(line.remark)}"]
    for symbols, value in line.also:
        sides.append(" = ".join(map(written, (*symbols, value))))
    kind = "equation where" if line.local else "equation" if names else "equation more"
    words = ["where"] if line.local else []
    return (
        f'<p class="{kind}">{" ".join([*words, *([names] if names else []), ", ".join(sides)])}</p>'
    )


def _remark(remark: Remark) -> str:
    return "".join(escape(part) if isinstance(part, str) else written(part) for part in remark)
