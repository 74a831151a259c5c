"""Options of the whole test suite."""

import os
from collections import defaultdict
from collections.abc import Iterator

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # every core has a worker: BLAS needs no threads of its own
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden`, which accepts what the compiler writes, and `--find-slow`."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the expected texts under tests/ and the error index",
    )
    parser.addoption(
        "--thorough",
        action="store_true",
        help="run all members of large families of slow tests, not every third",
    )
    parser.addoption(
        "--find-slow",
        type=float,
        metavar="SECONDS",
        help="fail tests that are not marked slow and take more processor time than this",
    )


LARGE_FAMILY = 9
"""Of slow cases of one test, if there are more of them, every third runs by default."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Thin out large families of slow tests, unless members are named or `--thorough` is given."""
    if config.getoption("--thorough") or any("::" in argument for argument in config.args):
        return
    families = defaultdict[str, list[pytest.Item]](list)
    for item in items:
        if item.get_closest_marker("slow") is not None:
            families[item.nodeid.partition("[")[0]].append(item)
    large = (family for family in families.values() if len(family) > LARGE_FAMILY)
    left_out = {item for family in large for at, item in enumerate(family) if at % 3}
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that should be marked slow: load does not count, imports of a first test do."""
    started = sum(os.times()[:4])
    yield
    limit, taken = item.config.getoption("--find-slow"), sum(os.times()[:4]) - started
    if limit is not None and taken > limit and item.get_closest_marker("slow") is None:
        pytest.fail(f"{taken:.2f} s of processor time, and not marked slow", pytrace=False)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Return whether expected texts are rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))
