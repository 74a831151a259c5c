"""What a limit says its scalars to be: expectations of kets, never of kets made of them."""

import pytest

import tpc
from tpc.program.nodes import Node, operands

BEGIN = "dim n\nvector v, w : n\nvector u[3] : n\nmatrix W : n x n\nc = <cos(u)|cos(w)>\n"

PROGRAMS = {
    "a mean": "output K = <tanh(v + c[0])|v * tanh(v)>\n",
    "the mean of a product": "h = W @ v\ng = W.T @ tanh(h)\noutput K = <gelu(g + c[0])|v>\n",
    "a covariance": "y = v * c[0]\noutput K = <tanh(y)|v>\n",
    "a moment": "y = v * (c[0] + 1)\noutput K = <y|v * tanh(y)>\n",
}


@pytest.mark.parametrize("title", PROGRAMS)
def test_a_scalar_is_no_moment_of_kets_made_of_it(title: str) -> None:
    limit = tpc.derive(tpc.parse(BEGIN + PROGRAMS[title]))
    for known in (limit.moments, limit.covariances):
        for scalar, kets in known.items():
            assert scalar not in below(kets)
    assert "c[0]" in limit.to_text()
    assert limit.to_latex()


def below(roots: tuple[Node, ...]) -> set[Node]:
    """Return everything that nodes are made of."""
    found: set[Node] = set()
    pending = list(roots)
    while pending:
        node = pending.pop()
        if node not in found:
            found.add(node)
            pending.extend(operands(node))
    return found
