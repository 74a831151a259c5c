r"""Limit -> LaTeX in the bra-ket notation of the paper: align* environments, amsmath alone.

Lines of source text stand as comments between the equations. A long right side is broken before an
operator; environments are short enough that pages can break between them.
"""

import re
from collections.abc import Iterable

from tpc.limit.equations import Limit
from tpc.report.equations_in_words import (
    Relation,
    Remark,
    SourceLines,
    output_relations,
    read,
    relations,
    statements_of,
)
from tpc.report.latex_alphabet import Latex, width
from tpc.report.spelling import BREAK, fill, plain, spell

WIDTH = 42
"""How many characters wide a right side may be set."""

_LONG_LEFT = 16
"""Names on the left side that take more characters stand one below the other."""

_ROWS = 24
"""How many rows an environment has at most, but for one long equation."""

_SIGNS = {"=": "=", "~": r"\sim"}


def to_latex(limit: Limit) -> str:
    """Return a limit as a fragment of LaTeX."""
    reader, alphabet = read(limit), Latex()
    source = SourceLines(limit.program)
    blocks: list[tuple[str, list[str]]] = [("", [])]
    inside = False
    for statement in statements_of(limit):
        if (statement.rounds is not None) != inside:
            inside, heading = not inside, statement.heading
            said = (
                rf"\noindent For ${alphabet.name(heading.text)}$:" if heading else r"\noindent Then"
            )
            blocks.append((f"{said}\n", []))
        comment = f"% line {statement.span.line}: {source.text(statement.span)}\n"
        for equation in statement.equations:
            first, *more = write_rows(relations(equation, reader), alphabet)
            if blocks[-1][1] and len(blocks[-1][1]) + 1 + len(more) > _ROWS:
                blocks.append(("", []))
            blocks[-1][1].extend([comment + first, *more])
            comment = ""
    outputs = [output_relations(output, reader) for output in limit.outputs]
    last = write_rows((line for lines in outputs if lines[0].left for line in lines), alphabet)
    if last:
        blocks.append(("", [f"% outputs\n{last[0]}", *last[1:]]))
    return "".join(heading + environment(rows) for heading, rows in blocks if rows)


def environments(said: Iterable[Relation], alphabet: Latex) -> str:
    """Return relations as environments that pages can break between."""
    blocks: list[list[str]] = [[]]
    for line in said:
        rows = write_rows([line], alphabet)
        if blocks[-1] and len(blocks[-1]) + len(rows) > _ROWS:
            blocks.append([])
        blocks[-1] += rows
    return "".join(map(environment, filter(None, blocks)))


def write_rows(lines: Iterable[Relation], alphabet: Latex) -> list[str]:
    """Return relations as rows of align*, without the breaks between them."""
    rows: list[str] = []
    for line in lines:
        names = [plain(spell(name, alphabet)) for name in line.left]
        where = r"\text{where } " if line.local else ""
        left = where + " = ".join(names)
        if len(names) > 1 and width(left) > _LONG_LEFT:
            first_name, *others = names
            rows += [
                f"{where}{first_name} &= {others[0]}",
                *(f"&= {other}" for other in others[1:]),
            ]
            left = ""
        right = spell(line.right, alphabet) + _remark(line.remark, alphabet)
        for symbols, value in line.also:
            sides = [spell(side, alphabet) for side in (*symbols, value)]
            right += rf", \; {BREAK}{' = '.join(sides)}"
        first, *rest = fill(right, WIDTH, width)
        rows.append(f"{left} &{_SIGNS[line.sign]} {first}".lstrip())
        rows += [rf"&\qquad {more}" for more in rest]
    return rows


def document(body: str, title: str) -> str:
    """Return a fragment as a document of its own, whose displays may break over pages."""
    escaped = re.sub(r"([_^%&#$])", r"\\\1", title)
    return _DOCUMENT.replace("TITLE", escaped).replace("BODY", body)


_DOCUMENT = r"""\documentclass{article}
\usepackage[margin=2.2cm]{geometry}
\usepackage{amsmath, amssymb}
\allowdisplaybreaks
\begin{document}
\section*{TITLE}
BODY\end{document}
"""


def environment(rows: list[str]) -> str:
    """Return rows as an environment."""
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}\n"


def _remark(remark: Remark, alphabet: Latex) -> str:
    return "".join(
        rf"\text{{{part}}}" if isinstance(part, str) else spell(part, alphabet) for part in remark
    )
