"""Options of the whole test suite."""

import os

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # every core has a worker: BLAS needs no threads of its own
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden`, which accepts what the compiler writes as what is expected."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the expected texts under tests/ and the error index",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Return whether expected texts are rewritten instead of compared."""
    return bool(request.config.getoption("--update-golden"))
