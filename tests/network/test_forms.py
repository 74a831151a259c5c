"""Exponents in practice against published tables, and as the same training at finite width."""

from pathlib import Path

import numpy as np
import pytest

import tpc
from tests.network.networks import perceptron
from tests.network.optimizers.uses import use_of
from tpc.diagnostics import UsageError
from tpc.network.classification import classify
from tpc.network.criteria import shown
from tpc.network.forms import FORMS, practice
from tpc.network.named import optimizer_named, parametrization_named
from tpc.network.network import Exponents, Parametrization
from tpc.network.optimizers.every_step import joint_homogeneity
from tpc.network.optimizers.update import flags_of, known_words
from tpc.report.classification import classification_to_text


def rows(name: str, use, form: str) -> list[tuple[float, float, float]]:
    """Return (multiplier, init, rate) of layers 1, 2, 3."""
    found = classify(perceptron(2), Parametrization(name), use)
    practices = [practice(weight, found, form) for weight in found.weights]
    return [(p.multiplier, p.init, p.rate) for p in practices]


def test_mup_is_the_published_table() -> None:
    """Table 3 of arXiv:2203.03466: variances 1, 1/n, 1/n^2; rates n, 1, 1/n and 1, 1/n, 1/n."""
    sgd = rows("mup", use_of("sgd"), "multiplier 1")
    assert sgd == [(0, 0, 1), (0, -0.5, 0), (0, -1, -1)]
    adam = rows("mup", use_of("adam"), "multiplier 1")
    assert adam == [(0, 0, 0), (0, -0.5, -1), (0, -1, -1)]


def test_ntp_is_the_classical_one() -> None:
    """Multipliers n^-1/2, entries of size 1, and one learning rate for all layers."""
    sgd = rows("ntp", use_of("sgd"), "init 1")
    assert sgd == [(0, 0, 0), (-0.5, 0, 0), (-0.5, 0, 0)]


def test_sp_is_left_as_it_is() -> None:
    assert rows("sp", use_of("adam"), "multiplier 1") == [(0, 0, 0), (0, -0.5, 0), (0, -0.5, 0)]


@pytest.mark.parametrize("use", [use_of("sgd"), use_of("adam", eps=0.1), use_of("lion")])
@pytest.mark.parametrize("name", ["mup", "ntp", "sp"])
def test_both_forms_make_the_same_first_update(use, name: str) -> None:
    """W = multiplier w moves by multiplier rate Q(multiplier g, eps), in either form."""
    n, g = 64.0, 0.37
    found = classify(perceptron(2), Parametrization(name), use)
    options = dict(use.options)
    for weight in found.weights:
        moves, sizes = [], []
        for form in FORMS:
            p = practice(weight, found, form)
            scale = n**p.multiplier
            eps = 0.1 * n ** (p.eps or 0.0) if "eps" in options else 0.0
            seen = scale * g
            q = {"sgd": seen, "lion": np.sign(seen)}.get(use.name)
            q = seen / np.sqrt(seen**2 + eps**2) if q is None else q
            moves.append(scale * n**p.rate * q)
            sizes.append(scale * n**p.init)
        assert moves[0] == pytest.approx(moves[1], rel=1e-12)
        assert sizes[0] == pytest.approx(sizes[1], rel=1e-12)


def test_normalised_updates_have_larger_rates_and_clipped_ones_larger_thresholds() -> None:
    plain = rows("mup", use_of("adam"), "multiplier 1")
    normal = rows("mup", use_of("adam", normalize=True), "multiplier 1")
    assert [b[2] - a[2] for a, b in zip(plain, normal, strict=True)] == [0.5, 1, 0.5]
    found = classify(perceptron(2), Parametrization("mup"), use_of("adam", clip=1.0))
    clipped = [practice(weight, found, "multiplier 1") for weight in found.weights]
    assert [p.threshold for p in clipped] == [0.5, 1, 0.5]
    assert [p.rate for p in clipped] == [row[2] for row in plain]


def test_gradients_and_eps_scale_together() -> None:
    for name in ("adam", "adamax", "nadam", "rmsprop", "adagrad", "signsgd", "adafactor"):
        assert joint_homogeneity(use_of(name, eps=0.1)) == 0
    assert joint_homogeneity(use_of("adam", eps_outside=True)) == 0
    assert joint_homogeneity(use_of("adadelta")) == 1  # its rate has the unit of its updates
    assert joint_homogeneity(use_of("momentum")) == 1


# ------------------------------------------------------------------------------------------ names


def test_optimizers_and_parametrizations_by_name() -> None:
    use = optimizer_named("adam(lr=0.2, normalize=true)")
    assert [name for name, _ in use.options] == ["lr", "normalize"]
    assert flags_of(use)["normalize"]
    assert parametrization_named("uniform(0.25)").s == 0.25
    custom = parametrization_named("custom(matrix=[0, 0.5, 1, 1], vector=[0, 0, 0, 1], out=1)")
    assert custom.matrix == Exponents(0, 0.5, 1, 1)
    assert custom.out == 1


@pytest.mark.parametrize(
    "text", ["adams", "adam(0.2)", "adam(lr=x)", "adam(beta=1)", "adam(", "adam(lr=true)", "1", ""]
)
def test_wrong_optimizers_are_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"optimizer|options|takes"):
        optimizer_named(text)


OUT_OF_RANGE = (
    "sgd(lr=0)", "sgd(lr=-1)", "sgd(decay=1)", "sgd(decay=-0.1)", "sgd(clip=0)", "momentum(beta=1)",
    "nesterov(beta=-0.5)", "rmsprop(a=1.2)", "rmsprop(alpha=1)", "adagrad(eps=-1e-8)",
    "adam(beta1=1)", "adam(beta2=1)", "nadam(beta1=1)", "adamax(beta1=1)", "lion(beta2=1)",
    "adafactor(beta2=1)", "adadelta(eps=0)", "adadelta(rho=1)", "adadelta(a=2)",
    "adam(clip=1, normalize=true)", "signsgd(eps=-1)", "muon(momentum=1.5)", "lars(momentum=1)",
    "scion(momentum=0)", "scion(radius=-1)", "lars(trust=0)", "muon(steps=2.5)", "muon(steps=0)",
    "shampoo(exponent=-1)", "muon(coefficients=[1, 2])", "muon(coefficients=[])",
)  # fmt: skip


@pytest.mark.parametrize("text", OUT_OF_RANGE)
def test_options_have_ranges(text: str) -> None:
    """Wherever they are written: on the command line and in `train` blocks."""
    with pytest.raises(UsageError, match="the option"):
        optimizer_named(text)
    file = f"""\
dim n
input xi
weight v : n
readout f = v * tanh(v * xi)
train f:
    data [1], [1]
    loss mse
    optimizer {text}
    parametrization mup
    steps 2
"""
    with pytest.raises(tpc.ProgramError) as refusal:
        tpc.parse(file)
    assert {found.code for found in refusal.value.diagnostics} == {"TP266"}


@pytest.mark.parametrize("text", ["adam(beta1=0)", "adam(eps=0)", "sgd(decay=0)", "sgd(clip=9)"])
def test_ends_of_ranges_are_in_or_out(text: str) -> None:
    assert optimizer_named(text).options


@pytest.mark.parametrize(
    "text", ["mu", "uniform", "uniform(a)", "mup(1)", "custom", "custom(matrix=[1])", "custom(x=1)"]
)
def test_wrong_parametrizations_are_told(text: str) -> None:
    with pytest.raises(UsageError):
        parametrization_named(text)


@pytest.mark.parametrize(
    ("name", "options", "rates"),
    [
        ("muon", {"scale": "none"}, (0.5, 0, -0.5)),
        ("muon", {"scale": "spectral"}, (0, 0, 0)),
        ("muon", {"scale": "original"}, (0, 0, -0.5)),
        ("muon", {"scale": "match_rms"}, (0, -0.5, -1)),
        ("shampoo", {"exponent": 0.5}, (0, 0, 0)),
        ("shampoo", {"graft": "sgd"}, (1, 0, -1)),
        ("lars", {}, (0, -0.5, 0)),
        ("lamb", {"bound": 10.0}, (0.5, 0, 0)),
        ("scion", {}, (0, 0, 0)),
    ],
)
def test_operators_have_exponents_of_their_norms(
    name: str, options: dict[str, object], rates: tuple[float, ...]
) -> None:
    found = rows("mup", use_of(name, **options), "multiplier 1")
    assert tuple(rate for _, _, rate in found) == rates


# --------------------------------------------------------------------- the practitioners' page

PAGE = Path(__file__).parents[2] / "docs" / "matrix_optimizers.md"
OPTIMIZERS = (
    "sgd", "adam", "muon(scale=spectral)", "muon(scale=original)", "muon(scale=match_rms)",
    "muon(scale=none)", "muon(scale=none, dual=true)", "schatten(p=0.5)", "shampoo",
    "shampoo(exponent=0.5)", "shampoo(graft=sgd)", "shampoo(graft=adam)", "soap",
    "normuon", "scion", "scion(norm=sign)", "scion(norm=rows)", "scion(norm=columns)",
    "sgd(spectral_normalize=true)", "sgd(normalize=true)", "lars", "lamb", "lamb(bound=10)",
)  # fmt: skip
"""Those of the table, with their scale conventions."""


def exponents(text: str, form: str, layout: str = "") -> list[tuple[float, float | None]]:
    """Return the exponents of the rates and eps of U, W, v."""
    has_layout = "layout" in known_words(optimizer_named(text))
    if layout and has_layout:
        text = text.replace("(", "(layout=transposed, ") if "(" in text else f"{text}({layout})"
    found = classify(perceptron(2), Parametrization("mup"), optimizer_named(text))
    practices = [practice(weight, found, form) for weight in found.weights]
    return [(p.rate, p.eps) for p in practices]


def table_row(text: str) -> str:
    (u, w, v), (*_, scaled) = exponents(text, "multiplier 1"), exponents(text, "init 1")
    table = exponents(text, "multiplier 1", "layout=transposed")[0]
    eps = [found[1] for found in (w, u, v, scaled)]
    cells = [shown(found[0]) for found in (w, u, table, v, scaled)]
    known = ", ".join(shown(x) for x in eps if x is not None)
    return f"| `{text}` | {' | '.join(cells)} | {known} |".replace("|  |", "| |")


@pytest.mark.slow
def test_the_table_of_exponents_is_what_classify_finds(update_golden: bool) -> None:
    page = PAGE.read_text(encoding="utf-8")
    head = (
        "| | hidden n x n | input n x d | table V x n | output, mult 1 | output, mult 1/n | eps |\n"
    )
    before, _, behind = page.partition(head)
    rule, _, behind = behind.partition("\n")
    table, _, rest = behind.partition("\n\n")
    wanted = "\n".join(map(table_row, OPTIMIZERS))
    if update_golden:
        PAGE.write_text(f"{before}{head}{rule}\n{wanted}\n\n{rest.lstrip()}", encoding="utf-8")
    assert table == wanted or update_golden


@pytest.mark.slow
def test_exponents_are_those_of_the_published_theory() -> None:
    """Hidden, input, output with multiplier 1 and 1/n, by the degree of functions of operators."""
    for text, wanted in {
        "sgd": (0, 1, -1, 1),
        "adam": (-1, 0, -1, 0),
        "muon(scale=spectral)": (0, 0, 0, 1),
        "muon(scale=original)": (0, 0, -0.5, 0.5),
        "muon(scale=match_rms)": (-0.5, 0, -1, 0),
        "muon(scale=none)": (0, 0.5, -0.5, 0.5),
        "shampoo(exponent=0.5)": (0, 0, 0, 0),
        "shampoo(graft=sgd)": (0, 1, -1, 1),
        "shampoo(graft=adam)": (-1, 0, -1, 0),
        "soap": (0, 0.5, -0.5, 0.5),
        "lars": (-0.5, 0, 0, 0),
        "lamb(bound=10)": (0, 0.5, 0, 0.5),
    }.items():
        (u, w, v), (*_, scaled) = exponents(text, "multiplier 1"), exponents(text, "init 1")
        assert tuple(found[0] for found in (w, u, v, scaled)) == wanted, text
    tables = {"spectral": 1, "original": 0.5, "match_rms": 0, "none": 0.5}
    for scale, rate in tables.items():
        found = exponents(f"muon(scale={scale})", "multiplier 1", "layout=transposed")
        assert found[0][0] == rate


def test_what_goes_wrong_at_a_constant_rate_is_named() -> None:
    found = classify(
        perceptron(2), Parametrization("mup"), optimizer_named("muon(scale=match_rms)")
    )
    text = classification_to_text(found)
    assert "(match_rms) n^1/2 too large, v (match_rms) n too large" in text
    spectral = classify(perceptron(2), Parametrization("mup"), optimizer_named("muon"))
    first = classification_to_text(spectral).partition("with init 1")[0]
    assert "At a constant learning rate" not in first
