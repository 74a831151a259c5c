"""Averages over iid copies as functions of pairs."""

import pytest

import tpc


@pytest.mark.slow
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


@pytest.mark.slow
def test_local_names_hide_no_scalar_of_the_body() -> None:
    """`x_j` is a scalar, and what the row x[j] would be called in the function of pairs."""
    program = tpc.parse(
        "dim n\nvector x : n\nx_j = avg(abs(x) * square(tanh(x)))\n"
        "y = mean[j](tanh(x * x[j] + x_j))\noutput c = avg(y)\n"
    )
    limit = tpc.evaluator(program).evaluate(samples=16384)
    finite = tpc.simulate(program, width=1024, trials=16)
    allowed = 4 * (limit.stderr["c"] + finite.stderr["c"])
    assert abs(limit["c"] - finite["c"]) < allowed < 0.05
