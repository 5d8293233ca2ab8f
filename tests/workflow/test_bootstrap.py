"""The environment is made from the lock, once; what goes wrong is said and repaired by the same command."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from workflow import bootstrap

ROOT = Path(__file__).resolve().parents[2]


def wheel(folder: Path, name: str, version: str) -> None:
    """The smallest wheel that pip takes: one module that knows its version."""
    info = f"{name}-{version}.dist-info"
    texts = {
        f"{name}.py": f"VERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {path: hashlib.sha256(text.encode()).digest() for path, text in texts.items()}
    rows = [f"{p},sha256={base64.urlsafe_b64encode(d).rstrip(b'=').decode()}," for p, d in digests.items()]
    texts[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in texts.items():
            archive.writestr(path, text)


@pytest.fixture
def clone(tmp_path) -> Path:
    """A clone whose lock asks for a package of this test's own."""
    (tmp_path / "workflow").mkdir()
    (tmp_path / "wheels").mkdir()
    shutil.copy(ROOT / "workflow/bootstrap.py", tmp_path / "workflow")
    (tmp_path / "requirements.lock").write_text("# toy\ntoypackage==1.0\n")
    wheel(tmp_path / "wheels", "toypackage", "1.0")
    wheel(tmp_path / "wheels", "toypackage", "2.0")
    return tmp_path


def install(clone: Path, *, offline: bool = False) -> subprocess.CompletedProcess:
    """Run the bootstrap with no index but the clone's own wheels; `offline`: without those too."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
    env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
    env |= {} if offline else {"PIP_FIND_LINKS": str(clone / "wheels")}
    command = [sys.executable, "workflow/bootstrap.py", "install"]
    return subprocess.run(
        command, cwd=clone, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def installed(clone: Path) -> str:
    """Version of the toy package that the environment imports."""
    code = "import toypackage; print(toypackage.VERSION)"
    return subprocess.run(
        [clone / ".venv/bin/python", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_made_once_then_offline_then_anew_for_another_lock(clone):
    first = install(clone)
    assert first.returncode == 0, first.stdout
    assert installed(clone) == "1.0" and "ready" in first.stdout and "WARNING" not in first.stdout
    again = install(clone, offline=True)
    assert (again.returncode, again.stdout) == (0, "")
    (clone / "requirements.lock").write_text("toypackage==2.0\n")
    assert install(clone).returncode == 0
    assert installed(clone) == "2.0"


def test_interrupted_installation_is_repaired_by_the_same_command(clone):
    assert install(clone).returncode == 0
    (clone / ".venv/installed").unlink()  # it comes last: this is what a kill leaves
    next((clone / ".venv/lib").rglob("toypackage.py")).unlink()
    assert install(clone).returncode == 0
    assert installed(clone) == "1.0"


def test_no_network_is_said_with_the_remedy(clone):
    answer = install(clone, offline=True)
    assert answer.returncode == 1 and "Traceback" not in answer.stdout
    for words in ("toypackage", "could not be installed", "package index", "Run the same command again"):
        assert words in answer.stdout
    assert not (clone / ".venv/installed").exists()
    assert install(clone).returncode == 0


def test_no_venv_module_is_said_with_the_package(clone):
    broken = clone / "broken" / "venv.py"
    broken.parent.mkdir()
    broken.write_text("import sys; sys.exit('The virtual environment was not created successfully')\n")
    command = [sys.executable, "workflow/bootstrap.py", "install"]
    env = os.environ | {"PYTHONPATH": str(broken.parent)}
    answer = subprocess.run(
        command, cwd=clone, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert answer.returncode == 1 and "Traceback" not in answer.stdout
    assert f"apt-get install python{sys.version_info[0]}.{sys.version_info[1]}-venv" in answer.stdout


def test_old_python_looks_for_another(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit):
        bootstrap.main(["test"])
    said = capsys.readouterr().err
    assert "Python 3.9 is running" in said and "python3.11 workflow/bootstrap.py test" in said
    called = []
    monkeypatch.setattr(
        bootstrap.shutil, "which", lambda name: f"/bin/{name}" if name == "python3.12" else None
    )
    monkeypatch.setattr(bootstrap.subprocess, "call", lambda command: called.append(command) or 0)
    assert bootstrap.main(["test"]) == 0
    assert [command[0] for command in called] == ["/bin/python3.12"]


def test_settings_of_pip_reach_uv(monkeypatch):
    said = "global.find-links='/a /b'\n:env:.index-url='file:///c'\nglobal.timeout='3'\n"
    answer = subprocess.CompletedProcess([], 0, stdout=said)
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda *args, **kwargs: answer)
    monkeypatch.delenv("UV_FIND_LINKS", raising=False)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "mine")
    env = bootstrap._uv_environment()
    assert env["UV_FIND_LINKS"] == "/a,/b" and env["UV_DEFAULT_INDEX"] == "mine"


def test_unknown_command_shows_the_commands(capsys):
    assert bootstrap.main(["reproduc"]) == 2
    assert "reproduce [SNAKEMAKE OPTIONS]" in capsys.readouterr().out
