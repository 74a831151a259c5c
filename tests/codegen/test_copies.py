"""Averages over iid copies as functions of pairs."""

import tpc


def test_definitions_behind_a_formula_are_comments_too() -> None:
    """A part of a body whose formula needs a second line, where a local name is defined."""
    program = tpc.parse(
        "dim n\nvector v, x, w : n\ndef bump(q) = q * exp(-square(q))\nh = v * x\n"
        "y = mean[j](bump'(h[j] - w[j] - v))\noutput K = <y|y>\n"
    )
    source = tpc.emit(tpc.derive(program))
    body = source[source.index("def pairs_y") : source.index("return exp_h")]
    assert "# where" in body
    compile(source, "module", "exec")
