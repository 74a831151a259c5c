"""Equations under headings -> text, LaTeX, HTML, JSON: what a network's limits are printed as."""

import re
from dataclasses import dataclass
from html import escape

from tpc.report.equations_in_words import Relation
from tpc.report.html import paragraphs
from tpc.report.latex import environments
from tpc.report.latex_alphabet import Latex
from tpc.report.numbers import Json
from tpc.report.text import write_lines

_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Section:
    """Equations under one heading."""

    title: str
    relations: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """Sections, and lines of text that stand above them."""

    about: tuple[str, ...]
    sections: tuple[Section, ...]

    def to_text(self) -> str:
        """Write them as text."""
        lines = [*self.about, ""]
        for section in self.sections:
            lines += [section.title, *(_INDENT + x for x in write_lines(section.relations)), ""]
        return "\n".join(lines).rstrip("\n") + "\n"

    def to_latex(self) -> str:
        """Write them as LaTeX, a paragraph for each section."""
        alphabet, written = Latex(), list[str]()
        for section in self.sections:
            words, _, code = section.title.partition(": ")
            code = re.sub(r"([_^%&#])", r"\\\1{}", code)
            title = _sentence(words).replace("Q", "$Q_t$").replace("steps s", "steps $s$")
            title += f": \\texttt{{{code}}}" if code else ""
            written += [f"\\paragraph{{{title}}}\n"]
            written += [environments(section.relations, alphabet)]
        return "".join(written)

    def to_html(self) -> list[list[str]]:
        """Return them as sections of a page."""
        first, *more = self.about
        head = [
            f"<h2>{escape(_sentence(first))}</h2>",
            *(f"<p>{escape(line)}</p>" for line in more),
        ]
        return [head] + [
            [f"<h2>{escape(_sentence(section.title))}</h2>", *paragraphs(section.relations)]
            for section in self.sections
        ]

    def to_json(self) -> dict[str, Json]:
        """Return them as what `json.dumps` takes: `about` them, and `sections` of equations."""
        alphabet = Latex()
        return {
            "about": list[Json](self.about),
            "sections": [
                {
                    "title": section.title,
                    "equations": list[Json](write_lines(section.relations)),
                    "latex": environments(section.relations, alphabet),
                }
                for section in self.sections
            ],
        }


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]
