"""Make the suite's own environment from requirements.lock, then run Snakemake or pytest in it.

Standard library only, so that nothing but Python and a network (the first time) is needed::

    python3 workflow/bootstrap.py reproduce [SNAKEMAKE OPTIONS]   every table and figure, scenario demo
    python3 workflow/bootstrap.py test [PYTEST OPTIONS]           all tests
    python3 workflow/bootstrap.py test-conda                      the smoke scenario through --use-conda
    python3 workflow/bootstrap.py snakemake ARGUMENTS             any Snakemake command
    python3 workflow/bootstrap.py install                         only make the environment

The environment is a function of the lock and the Python version: a stamp holds the hash of both. Where it
does not match, the environment is made anew, so that an interrupted installation needs no cleaning up.
"""

# The syntax stays that of Python 3.6: an old one must still be able to say that it is too old.
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST, TOO_NEW = (3, 11), (3, 14)  # requirements.lock has no wheels for 3.14
ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "installed"

COMMANDS = {
    "install": None,
    "reproduce": ["-m", "snakemake", "--cores", "all", "all"],
    "test": ["-m", "pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "-m", "not conda"],
    "test-conda": ["-m", "pytest", "-m", "conda", "-s", "tests/workflow"],
    "snakemake": ["-m", "snakemake"],
}

# pip's own settings that uv, which reads none of them, has to be told.
UV_SETTINGS = {
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
}


def main(argv):
    """Run one command; the exit status is that of Snakemake or pytest."""
    if not argv or argv[0] not in COMMANDS:
        print(__doc__.strip())
        return 0 if argv[:1] in (["-h"], ["--help"]) else 2
    if not OLDEST <= sys.version_info[:2] < TOO_NEW:
        return _with_other_python(argv)
    if not _is_installed():
        _install()
    command = COMMANDS[argv[0]]
    return subprocess.call([str(PYTHON), *command, *argv[1:]], cwd=str(ROOT)) if command else 0


def _with_other_python(argv):
    """Start again with a Python of the right version, if the machine has one."""
    wanted = [f"python3.{minor}" for minor in range(OLDEST[1], TOO_NEW[1])]
    found = [path for path in map(shutil.which, wanted) if path]
    if not found:
        _fail(
            f"Python {_version(2)} is running; this suite needs one of {', '.join(wanted)}, and none is on "
            f"the PATH.\nInstall one and run it by name: {wanted[0]} workflow/bootstrap.py {' '.join(argv)}"
        )
    return subprocess.call([found[0], __file__, *argv])


def _wanted_stamp():
    """Hash of all that decides the environment."""
    return hashlib.sha256(LOCK.read_bytes() + _version(3).encode()).hexdigest() + "\n"


def _version(parts):
    return ".".join(map(str, sys.version_info[:parts]))


def _is_installed():
    return STAMP.exists() and STAMP.read_text() == _wanted_stamp() and PYTHON.exists()


def _install():
    """Make the environment from nothing; the stamp comes last: half of one is never taken for whole."""
    print(f"Making the environment {VENV.name} from {LOCK.name} (once; 1.9 GB) ...", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if made.returncode != 0:
        _fail(
            "python -m venv failed (see above). On Debian and Ubuntu the module is a package of its own:\n"
            f"    apt-get install python{_version(2)}-venv"
        )
    if not (_with_uv() or _with_pip()):
        _fail(
            "the packages of requirements.lock could not be installed (see above).\n"
            "The first run needs a package index; a proxy or a mirror is taken from pip's settings\n"
            "(pip config list). Run the same command again: it begins anew, nothing has to be removed."
        )
    STAMP.write_text(_wanted_stamp())
    print("The environment is ready.", flush=True)


def _with_uv():
    """Install with uv, ten times as fast as pip; False where uv is not to be had or fails."""
    pins = [line for line in LOCK.read_text().split() if line.startswith("uv==")]
    if not pins or not _pip(pins[0]):
        return False
    # Compiled now, once: a dry run then takes two seconds instead of five.
    command = [str(PYTHON), "-m", "uv", "pip", "install", "-q", "--compile-bytecode"]
    command += ["--python", str(PYTHON), "-r", str(LOCK)]
    return subprocess.run(command, env=_uv_environment()).returncode == 0


def _with_pip():
    print("Installing with pip (minutes) ...", flush=True)
    return _pip("-r", str(LOCK))


def _pip(*what):
    """Install quietly; what pip says is shown only where it fails."""
    command = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", *what]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        print(done.stdout.rstrip(), file=sys.stderr)
    return done.returncode == 0


def _uv_environment():
    """This environment, with pip's settings under uv's names; what the user set for uv stays."""
    env = dict(os.environ)
    env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # as pip: all indexes count alike
    asked = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], stdout=subprocess.PIPE, text=True)
    for line in asked.stdout.splitlines():  # global.find-links='/some/folder /another'
        key, _, value = line.partition("=")
        name = UV_SETTINGS.get(key.rpartition(".")[2])
        if name:
            separator = "," if name == "UV_FIND_LINKS" else " "
            env.setdefault(name, separator.join(value.strip("'\"").split()))
    return env


def _fail(message):
    print("bootstrap: " + message, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # Snakemake or pytest got the signal too and has said its word
        sys.exit(130)
