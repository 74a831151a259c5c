"""Models that are refused, each with a message of its own that names the module."""

from dataclasses import replace
from pathlib import Path

import pytest

from tpc.driver.imported import import_capture
from tpc.importing import faults
from tpc.importing.capture import read
from tpc.importing.faults import ImportRefused

HERE = Path(__file__).parent
BROKEN = sorted((HERE / "broken").glob("*.json"))
PAGE = HERE.parents[1] / "docs" / "import.md"


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_message(path: Path, update_golden: bool) -> None:
    with pytest.raises(ImportRefused) as refused:
        import_capture(read(path))
    golden = path.with_suffix(".txt")
    if update_golden:
        golden.write_text(f"{refused.value}\n", encoding="utf-8")
    assert f"{refused.value}\n" == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["attention", "fused_attention"])
def test_attention_may_be_rescaled(name: str) -> None:
    """Logits over the root of the head size become the same at the first width."""
    found = import_capture(read(HERE / "broken" / f"{name}.json"), attention="mup")
    assert found.difference < 1e-13


def test_the_page_lists_every_fault() -> None:
    page = PAGE.read_text(encoding="utf-8")
    kinds = [value for value in vars(faults).values() if hasattr(value, "code")]
    assert len(kinds) > 10
    for kind in kinds:
        assert f"| {kind.code} |" in page


@pytest.mark.parametrize("arguments", [(), (5,), ("x", "y"), (None, None)])
def test_arguments_of_another_kind_name_the_operation(arguments: tuple[object, ...]) -> None:
    capture = read(HERE / "captures" / "mlp.json")
    first, *others = capture.operations
    odd = replace(capture, operations=(replace(first, arguments=arguments), *others))
    with pytest.raises(ImportRefused, match=r"TP712.*fc1.*no rule for `linear`"):
        import_capture(odd)
