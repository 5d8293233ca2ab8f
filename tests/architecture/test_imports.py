"""Who may import whom: the contracts of pyproject.toml hold, and each of them can be broken."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Contract -> a module and an import that it must not have.
VIOLATIONS = {
    "hocp-downwards": ("hocp/conv/added.py", "import hocp.networks"),
    "hocp-alone": ("hocp/learning/added.py", "import matplotlib.pyplot"),
    "contracts-light": ("hocp/contracts/added.py", "import torch"),
    "data-prep-narrow": ("data_prep/added.py", "from hocp.networks import registry"),
    "figures-light": ("figures/added.py", "import torch"),
    "readers-blind": ("data_prep/added.py", "from data_prep.lookalike import cli"),
}


def lint(folder: Path, *options: str) -> subprocess.CompletedProcess:
    """Check the import contracts of a tree."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo", *options],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_contracts_hold():
    answer = lint(ROOT)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert f"{len(VIOLATIONS)} kept, 0 broken" in answer.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The packages and their contracts, to break."""
    folder = tmp_path_factory.mktemp("imports")
    for package in ("hocp", "data_prep", "figures"):
        shutil.copytree(
            ROOT / package,
            folder / package,
            ignore=lambda _, names: {n for n in names if "." in n and not n.endswith(".py")},
        )
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_contract_can_be_broken(copy, contract):
    name, text = VIOLATIONS[contract]
    added = copy / name
    added.write_text(text + "\n", "utf-8")
    try:
        answer = lint(copy, "--contract", contract)
    finally:
        added.unlink()
    assert answer.returncode == 1, answer.stdout
    assert "0 kept, 1 broken" in answer.stdout


def test_new_room_needs_a_floor(copy):
    added = copy / "hocp" / "cellar.py"
    added.write_text("", "utf-8")
    try:
        answer = lint(copy, "--contract", "hocp-downwards")
    finally:
        added.unlink()
    assert answer.returncode != 0 and "cellar" in answer.stdout + answer.stderr


def imported(file: Path) -> set[str]:
    """Top packages, and modules of ours, that a file imports anywhere."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return names


@pytest.mark.parametrize("file", sorted((ROOT / "workflow").glob("*.py")), ids=lambda file: file.name)
def test_workflow_is_light(file):
    """It has to start at once, before and without torch; bootstrap and measure, before any package."""
    others = {name for name in imported(file) if name.partition(".")[0] not in sys.stdlib_module_names}
    if file.name in ("bootstrap.py", "measure.py"):
        assert not others
    assert {name for name in others if not name.startswith(("hocp.contracts", "workflow"))} <= {
        "yaml",
        "jsonschema",
    }
