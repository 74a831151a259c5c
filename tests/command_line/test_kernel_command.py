"""`tpc kernel`: files in, files and JSON out, and what is said of mistakes."""

import json
from pathlib import Path

import numpy as np
import pytest

import tpc
from tpc.command_line.cli import main

NETWORK = """dim n
input xi[2]
weight U[2] : n
weight v : n
readout f = v * relu(U @ xi)
"""
X = np.array([[1.0, 0.5], [-0.4, 0.9], [0.3, 0.3]])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("net.tp").write_text(NETWORK)
    np.save("X.npy", X)
    np.savetxt("X.csv", X[:2], delimiter=",")
    np.savez("two.npz", a=X, b=X[:1])
    np.savez("one.npz", a=X)
    return tmp_path


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["kernel", "net.tp", *words])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.slow
def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "--inputs", "X.csv", "--inputs2", "two.npz:a", "--json")
    assert status == 0
    shown = json.loads(out)
    assert (shown["program"], shown["command"], shown["method"]) == ("net.tp", "kernel", "auto")
    wanted = tpc.kernel(tpc.load("net.tp"), X[:2], X)
    for kind in ("nngp", "ntk"):
        np.testing.assert_array_equal(shown["outputs"][kind]["value"], wanted[kind])
        assert not np.any(shown["outputs"][kind]["stderr"])
        assert shown["outputs"][kind]["method"] == "exact"


@pytest.mark.slow
def test_table_and_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--inputs", "one.npz", "--kind", "ntk", "-o", "K.npz", "--assume-gia")
    status, out, _ = call(capsys, *words)
    assert status == 0
    assert "ntk" in out
    assert "assuming gradient independence, ntk is off by up to 0" in " ".join(out.split())
    with np.load("K.npz") as kernels:
        assert sorted(kernels.files) == ["ntk", "ntk_gia"]
        assert kernels["ntk"].shape == (3, 3)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("--inputs", "none.npy"), 2, "cannot read none.npy: no such file or directory"),
        (("--inputs", "net.tp"), 2, "cannot read net.tp: its name ends in none of"),
        (("--inputs", "two.npz"), 2, 'it has "a", "b": write two.npz:KEY'),
        (("--inputs", "two.npz:c"), 2, 'it has no key "c"'),
        (("--inputs", "X.npy", "--kind", "nngp,k"), 2, "there is no kernel 'k'"),
        (("--inputs", "X.npy", "-o", "K.csv"), 2, "the name must end in .npz"),
        (("--inputs", "X.npy", "-o", "none/K.npz"), 2, "there is no folder none"),
        (("--inputs", "X.npy", "--set", "sw=1"), 2, "no parameter `sw`"),
        ((), 2, "the following arguments are required: --inputs"),
    ],
)
def test_mistakes(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    found, _, err = call(capsys, *words)
    assert found == status
    assert message in err
    assert "Traceback" not in err


def test_inputs_that_do_not_suit_the_network(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("wide.npy", np.ones((3, 4)))
    status, _, err = call(capsys, "--inputs", "wide.npy")
    assert status == 1
    assert "net.tp:2:7: error[TP281]: inputs of shape (3, 4) for `xi`" in err
    np.save("infinite.npy", np.full((3, 2), np.inf))
    status, _, err = call(capsys, "--inputs", "infinite.npy")
    assert (status, "inputs must be finite" in err) == (2, True)


@pytest.mark.slow
def test_exact_refuses_what_has_no_closed_form(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("net.tp").write_text(NETWORK.replace("relu", "tanh"))
    status, _, err = call(capsys, "--inputs", "X.npy", "--method", "exact")
    assert status == 1
    assert "tpc kernel: --method exact" in err


@pytest.mark.slow
def test_methods_agree(folder: Path) -> None:
    network = tpc.parse(NETWORK.replace("relu", "tanh"))
    series = tpc.kernel(network, X)
    assert set(series.methods.values()) == {"series"}
    for method in ("mc", "qmc"):
        found = tpc.kernel(network, X, method=method, samples=2**14)
        assert set(found.methods.values()) == {method}
        for kind in ("nngp", "ntk"):
            gap = np.abs(found[kind] - series[kind])
            assert (gap <= 6 * found.stderr[kind] + 1e-12).all()


@pytest.mark.slow
def test_gradient_independence_costs_nothing_where_outputs_are_gaussian() -> None:
    """Backward passes are odd in the output weights: no dot of them meets the forward pass."""
    text = NETWORK.replace("weight v", "weight W : n x n\nweight v")
    one_way = tpc.parse(text.replace("relu(U @ xi)", "relu(W @ relu(U @ xi))"))
    found = tpc.kernel(one_way, X, assume_gia=True)
    np.testing.assert_allclose(found.shortcut["ntk"], found["ntk"], rtol=1e-12)
    tied = tpc.parse(text.replace("relu(U @ xi)", "tanh(W.T @ tanh(W @ (U @ xi)))"))
    found = tpc.kernel(tied, X, kind="ntk", samples=2**14, assume_gia=True)
    gap = np.abs(found.shortcut["ntk"] - found["ntk"])
    assert (gap <= 8 * found.stderr["ntk"]).all()
