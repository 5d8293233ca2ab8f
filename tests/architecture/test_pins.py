"""One lock: environment.yml holds the same pins, and they meet pyproject.toml's ranges, without gaps."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def pins() -> list[str]:
    """The lines of requirements.lock that are not comments."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def lock() -> dict[str, str]:
    """Package -> version of requirements.lock."""
    exact = re.compile(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)( ; sys_platform == 'linux')?")
    found = [exact.fullmatch(pin) for pin in pins()]
    assert all(found), "a line is no exact pin"
    names = [pin[1] for pin in found]
    assert names == sorted(set(names))
    return {pin[1]: pin[2] for pin in found}


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def direct() -> list[Requirement]:
    """Requirements of the library, the suite and the tests, and the installer."""
    extras = project()["optional-dependencies"].values()
    return [Requirement(text) for text in [*project()["dependencies"], *(t for e in extras for t in e), "uv"]]


def closure() -> set[str]:
    """Packages that the direct requirements need, by the metadata of what is installed."""
    seen, waiting = set(), [(requirement, "") for requirement in direct()]
    while waiting:
        requirement, extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in {"", *requirement.extras}:
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                waiting += [(Requirement(text), wanted) for text in metadata.requires(name) or ()]
    return {name for name, _ in seen}


def test_conda_has_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, pip, packages = environment["dependencies"]
    assert (python, pip) == ("python =3.11", "pip")
    assert packages["pip"] == pins()


def test_lock_meets_the_ranges():
    pins = lock()
    for requirement in direct():
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement


def test_lock_is_what_is_needed_and_no_more():
    needed = {name for name in closure() if not name.startswith(("nvidia-", "cuda-"))}
    assert needed == set(lock())


def test_installed_is_what_is_locked():
    installed = {name: metadata.version(name).partition("+")[0] for name in lock()}
    assert installed == lock()


def test_one_range_of_pythons():
    """pyproject.toml and the bootstrap say the same."""
    text = (ROOT / "workflow/bootstrap.py").read_text("utf-8")
    oldest = re.search(r"OLDEST, TOO_NEW = \((\d+), (\d+)\)", text)
    assert project()["requires-python"] == f">={oldest[1]}.{oldest[2]}"
