"""Marks on some cases of a parametrized test."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest


def slow_where(slow: Callable[[Any], bool], cases: Iterable[Any]) -> list[Any]:
    """Return the cases of a test, those marked slow that are."""
    return [pytest.param(case, marks=pytest.mark.slow) if slow(case) else case for case in cases]
