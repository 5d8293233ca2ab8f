"""What may not stand in a file of the project: names of one machine or registry; and files out of measure."""

import re

from tests.architecture import tracked

#: Put together here, so that this file does not hold what it looks for.
HOSTS = [
    ".".join(parts)
    for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "com"), ("debian", "org"))
]
PLACES = [
    "/" + "/".join(parts) for parts in (("work", "main"), ("work", "shared"), ("root", ""), ("home", "[a-z]"))
]
FORBIDDEN = re.compile("|".join([*map(re.escape, HOSTS), *PLACES]))

#: Kind of file -> most lines.
MEASURE = {".py": 300, ".smk": 150}


def found(texts: dict[str, str]) -> list[str]:
    """Lines that hold a forbidden name, as file:line: match."""
    return [
        f"{name}:{number}: {match.group()}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        for match in FORBIDDEN.finditer(line)
    ]


def test_no_name_of_a_machine_or_registry():
    assert found(tracked.texts()) == []


def test_the_test_can_fail():
    texts = {"a.py": "x = 1\nurl = 'https://" + HOSTS[0] + "/simple'\n", "b.md": "see /" + "work/main/x"}
    assert [hit.rpartition(":")[0] for hit in found(texts)] == ["a.py:2", "b.md:1"]


def test_files_are_small():
    """1 MB in git is a data set or a mistake."""
    assert [str(path) for path in tracked.files() if path.stat().st_size > 1_000_000] == []


def test_sources_have_one_purpose():
    """Past these lengths a file has more than one; tests may be longer."""
    lengths = {
        name: text.count("\n") for name, text in tracked.texts().items() if not name.startswith("tests/")
    }
    long = {name: n for name, n in lengths.items() if n > MEASURE.get("." + name.rpartition(".")[2], 10**9)}
    assert long == {}
