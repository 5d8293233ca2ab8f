"""Commands and modules that must start without torch, seen from a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Modules that the commands load by name, out of sight of the import contracts, among them.
LIGHT = [
    "hocp",
    "hocp.__main__",
    *(f"hocp.contracts.{path.stem}" for path in sorted((ROOT / "hocp/contracts").glob("[a-z]*.py"))),
    *(f"hocp.audit.{path.stem}" for path in sorted((ROOT / "hocp/audit").glob("[a-z]*.py"))),
    *(f"hocp.statistics.{path.stem}" for path in sorted((ROOT / "hocp/statistics").glob("[a-z]*.py"))),
    *(f"data_prep.{path.stem}" for path in sorted((ROOT / "data_prep").glob("[a-z]*.py"))),
    "data_prep.__main__",
    "data_prep.lookalike.cli",
    *(f"figures.{path.stem}" for path in sorted((ROOT / "figures").glob("[a-z]*.py"))),
    *(f"workflow.{path.stem}" for path in sorted((ROOT / "workflow").glob("[a-z]*.py"))),
]


def loads(modules: list[str], package: str) -> set[str]:
    """The first of `modules` after whose import `package` is loaded, in one interpreter; none: empty."""
    code = (
        "import importlib, sys\n"
        f"for name in {modules!r}:\n"
        "    importlib.import_module(name)\n"
        f"    if {package!r} in sys.modules:\n"
        "        print('LOADED BY', name); break\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return {line.split()[-1] for line in answer.stdout.splitlines() if line.startswith("LOADED BY")}


def test_no_torch():
    assert loads(LIGHT, "torch") == set()


def test_the_test_can_fail():
    assert loads(["json", "hocp.conv"], "torch") == {"hocp.conv"}


@pytest.mark.parametrize("command", ["hocp", "data_prep"])
def test_help_is_light(command):
    code = (
        f"import runpy, sys; sys.argv = [{command!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_module({command!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "assert not {'torch', 'pandas', 'matplotlib'} & set(sys.modules)\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert "COMMAND" in answer.stdout
