"""Prepared data sets and trainers that the tests of learning share."""

from pathlib import Path

import prepared
import pytest


@pytest.fixture(scope="session")
def affectnet(tmp_path_factory) -> Path:
    """Single images with expressions."""
    return prepared.affectnet(tmp_path_factory.mktemp("data") / "affectnet")


@pytest.fixture(scope="session")
def afew_va(tmp_path_factory) -> Path:
    """Ten clips of twelve frames in five folds."""
    return prepared.afew_va(tmp_path_factory.mktemp("data") / "afew_va")


@pytest.fixture(autouse=True)
def _one_thread():
    import torch

    torch.set_num_threads(1)
