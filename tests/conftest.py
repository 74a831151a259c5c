"""Options of the whole test suite."""

import os
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
        "--find-slow",
        type=float,
        metavar="SECONDS",
        help="fail tests that are not marked slow and take more processor time than this",
    )


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
