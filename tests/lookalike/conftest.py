"""Small releases, generated once for all tests of this folder."""

import json
from pathlib import Path

import pytest
from release_making import write


@pytest.fixture(scope="session")
def releases(tmp_path_factory) -> dict[str, Path]:
    """One folder a release."""
    root = tmp_path_factory.mktemp("releases")
    return {name: write(name, root / name) for name in ("affectnet", "affectnet_2021", "afew_va", "sewa")}


@pytest.fixture(scope="session")
def statements(releases) -> dict[str, dict]:
    """What every release says of itself."""
    return {
        name: json.loads((folder / "lookalike.json").read_text("utf-8")) for name, folder in releases.items()
    }
