"""The smoke scenario through `--use-conda`: environment.yml is solved, made, activated and used."""

import os
import sys
from pathlib import Path

import pytest

from tests.workflow import conda_channel, conda_stand_in, suite

pytestmark = [pytest.mark.conda, pytest.mark.timeout(2400)]


@pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info[:2] != (3, 11), reason="packs this Linux Python 3.11"
)
def test_smoke_with_conda(tmp_path, monkeypatch):
    folder = suite.copy(tmp_path / "clone")
    conda_channel.make(tmp_path / "channels")
    conda_stand_in.install(tmp_path / "conda", tmp_path / "channels")
    monkeypatch.setenv("PATH", f"{tmp_path / 'conda/bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("RATTLER_CACHE_DIR", str(tmp_path / "cache"))
    answer = suite.snakemake(folder, "--use-conda", "all", "--configfile", "config/smoke.yaml", timeout=1500)
    assert answer.returncode == 0, answer.stdout[-6000:]
    (made,) = [
        path
        for path in (folder / ".snakemake/conda").iterdir()
        if path.is_dir() and (path / "bin/python").exists()
    ]
    assert "Activating conda environment" in answer.stdout
    assert (folder / "results/smoke/report.html").stat().st_size > 100_000
    assert str(made.resolve()) in loaded_torch(made)


def loaded_torch(environment: Path) -> str:
    """Place that the environment's own Python takes torch from."""
    import subprocess

    code = "import torch; print(torch.__file__)"
    clean = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [environment / "bin/python", "-c", code], env=clean, capture_output=True, text=True, check=True
    ).stdout
