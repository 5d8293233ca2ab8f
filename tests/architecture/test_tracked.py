"""What may not stand in a file of the project: places of one machine, unknown hosts; files out of measure."""

import re

from tests.architecture import tracked
from tests.architecture.tracked import ROOT

#: Where links of the project may lead: the paper, the data sets' own pages, the schemas' dialect.
KNOWN_HOSTS = (
    "arxiv.org",
    "doi.org",
    "json-schema.org",
    "mohammadmahoor.com",
    "ibug.doc.ic.ac.uk",
    "db.sewaproject.eu",
)
#: Links elsewhere, this checkout's own place, people's folders; written so that they do not match here.
FORBIDDEN = re.compile(
    "|".join(
        [
            "https?:/" + rf"/(?!{'|'.join(map(re.escape, KNOWN_HOSTS))})[\w-]+\.[\w.-]+",
            re.escape(f"{ROOT}/"),
            *(f"(?<![\\w.])/{folder}/" + r"[\w.]+" for folder in ("home", "root", "Users")),
        ]
    )
)

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


def test_no_name_of_a_machine_or_unknown_host():
    assert found(tracked.texts()) == []


def test_the_test_can_fail():
    texts = {
        "a.py": "x = 1\nurl = 'https:/" + "/index.example/simple'\n",
        "b.md": f"see {ROOT}/x",
        "c.md": "in /ro" + "ot/data, as https://arxiv.org/abs/1906.06196 says",
    }
    assert [hit.split(": ")[0] for hit in found(texts)] == ["a.py:2", "b.md:1", "c.md:1"]


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
