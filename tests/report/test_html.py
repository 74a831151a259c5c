"""Pages of limits and networks: well-formed, whole, and needing nothing else."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest

import tpc
from tpc.limit.equations import Limit
from tpc.report.html import to_html

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.tp"))

VOID = {"meta", "wbr"}

TEXT = """program "A < B & its <tags>"
dim n
param s = 0.5
vector x[2] : n
vector v : n
matrix W : n x n ~ normal(0, s^2 / n)
h = W @ tanh(x)
g = W.T @ (v + relu(h[0]))
output K = <relu(h)|relu(h)>
output c = <g|x> - 1e-12 * sqrt(avg(square(g)))
"""


class Page(HTMLParser):
    """Reads a page: its text, its tags, and whether they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onload"}
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def page(limit_of: Callable[..., Limit]) -> str:
    return to_html(limit_of(TEXT), 7)


def test_a_page_is_whole_and_needs_nothing_else(page: str) -> None:
    read = Page(page)
    assert page.startswith("<!DOCTYPE html>") and page.endswith("</html>\n")
    assert {"html", "head", "title", "style", "body", "h1", "section", "p"} <= read.tags
    assert not read.tags & {"script", "link", "img", "iframe"}
    assert "url(" not in page and "http" not in page


def test_statements_stand_above_their_equations(page: str) -> None:
    text = Page(page).text
    assert "A < B & its <tags>" in text
    assert "dialect netsort+" in text or "dialect netsort" in text
    assert "7 floats a sample" in text
    order = ["h = W @ tanh(x)", "|h⟩", "g = W.T @ (v + relu(h[0]))", "|g⟩", "Outputs"]
    places = [text.index(piece) for piece in order]
    assert places == sorted(places)


def test_formulas(page: str) -> None:
    text = Page(page).text
    assert "⟨∇" in text and "π" in text and "√" in text and "10−12" in text
    assert 'class="fraction"' in page and "<sup>^</sup>" in page
    # A sign is a minus, never a hyphen.
    assert " - " not in text.split("Outputs")[1]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_has_a_page(example: Path) -> None:
    assert Page(tpc.derive(tpc.load(example)).to_html()).text


def test_a_network_has_a_page() -> None:
    text = (
        "dim n\ninput xi[3]\nweight U[3] : n\nweight W : n x n (mult=0.5)\nweight v : n\n"
        "h = tanh(U @ xi)\nreadout f = v * relu(W @ h)\n"
    )
    read = Page(tpc.parse(text).to_html())
    assert "matrix-like" in read.text and "readout" in read.text.lower() and "table" in read.tags
