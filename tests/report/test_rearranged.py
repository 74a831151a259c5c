"""Moved entries are printed as people write them."""

import pytest

import tpc

HEAD = "dim n\nvector x[6] : n\nvector y[2, 3] : n\nmatrix W, V : n x n\n"

CASES = {
    "x[1:3]": "|x⟩[1:3]",
    "x[::2]": "|x⟩[::2]",
    "y[:, 1:]": "|y⟩[:, 1:]",
    "y[1:]": "|y⟩[1:]",
    "take(x, [3, 0])": "|x⟩[[3, 0]]",
    "pad(x, [[1, 2]])": "pad(|x⟩, widths=(1, 2))",
    "pad(y, [[1, 0], [0, 0]])": "pad(|y⟩, widths=(1, 0, 0, 0))",
    "pad(x[1:], [[0, 1]])": "pad(|x⟩[1:], widths=(0, 1))",
    "reshape(x, [2, 3])": "reshape(|x⟩, shape=(2, 3))",
    "concat(x, y[0], y[1])": "concat(|x⟩, |y⟩[0], |y⟩[1], axis=0)",
    "concat(y, y, axis=1)": "concat(|y⟩, |y⟩, axis=1)",
    "stack(x, x)": "[|x⟩, |x⟩]",
    "stack(x, x, axis=1)": "stack(|x⟩, |x⟩, axis=1)",
}


@pytest.mark.parametrize("text", CASES)
def test_it_is_printed_as_written(text: str) -> None:
    limit = tpc.derive(tpc.parse(f"{HEAD}z = {text}\noutput c = avg(tanh(z) * z)\n"))
    assert f"|z⟩ = {CASES[text]}\n" in limit.to_text()
    assert limit.to_latex()


def test_what_only_looks_like_it_is_printed_as_it_is() -> None:
    sums = "x @ [[1, 1], [1, 0], [0, 0], [0, 0], [0, 0], [0, 0]]"
    text = tpc.derive(tpc.parse(f"{HEAD}z = {sums}\noutput c = avg(tanh(z) * z)\n")).to_text()
    assert "|z⟩ = |x⟩ @" in text
