"""What all tests share."""

import os
from pathlib import Path

import pytest

# Before torch is imported: several tests run at once, and more threads than cores only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Which form a layer takes must not hang on what was tuned here, and no test may write to the user's file.
os.environ["HOCP_TUNING"] = ""

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Root of the repository."""
    return ROOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the longest file, so that one worker runs it while the others do the rest."""
    items.sort(key=lambda item: item.path.name != "test_smoke.py")
