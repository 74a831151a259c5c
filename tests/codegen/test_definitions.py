"""What the functions of a module share: no function twice, and none that says nothing."""

import re

import tpc


def emitted(text: str) -> str:
    source = tpc.emit(tpc.derive(tpc.parse(text)))
    return source[source.index("\ndef limit") :]


def test_equal_forms_are_one_function() -> None:
    text = "dim n\nconst X = [[1.0, 0.5], [-0.4, 0.9]]\nvector U[2], v : n\nx = relu(U @ X.T)\n"
    source = emitted(f"{text}output K = <x|x>\nreadout f = v * x\n")
    # E[z1^2 relu(z2) relu(z3)] is E[relu(z1) relu(z2)] in other symbols.
    assert source.count("def mean_of") == 1
    assert '"""Return E[relu(z1)*relu(z2)],' in source


def test_arithmetic_stands_where_it_is_used() -> None:
    text = "dim n\nparam s = 2.0\nvector x, y : n ~ normal(0, s)\n"
    source = emitted(f"{text}output c = avg((x + y) ^ 2 * x * y)\n")
    assert "def moment" not in source
    assert re.search(r"^    c = .*s", source, re.MULTILINE)


def test_equal_series_are_one_function_for_both_readings() -> None:
    text = "dim n\nvector x, y : n\noutput a = avg(tanh(x))\noutput b = avg(tanh(2 * y + 1))\n"
    source = emitted(f"{text}output c = avg(tanh(x) ^ 2) + avg(tanh(y) ^ 2)\n")
    names = re.findall(r"^def (\w+)", source, re.MULTILINE)
    assert len(set(names)) == len(names)
    assert source.count("def mean_of_tanh_squared(") == 1


def test_arrays_are_named_as_in_the_program() -> None:
    text = "dim n\nconst X = [[1.0, 0.5], [-0.4, 0.9]]\nvector U[2] : n\nh = U @ X.T\nx = relu(h)\n"
    source = tpc.emit(tpc.derive(tpc.parse(f"{text}output H = <h|h>\noutput K = <x|x>\n")))
    assert "\nH = np.array(" in source
    assert '("H", "value"): H,' in source
