"""What all tests share."""

import os
from pathlib import Path

import pytest

# Before torch is imported: several tests run at once, and more threads than cores only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Root of the repository."""
    return ROOT
