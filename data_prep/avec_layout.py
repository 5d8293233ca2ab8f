"""Where the recordings of AVEC lie, and of which year they are: recognised by names, not by a fixed root."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from data_prep import avec_report, video
from data_prep.archive import is_zip
from data_prep.tree import Tree

Found = Mapping[int, Mapping[str, Mapping[str, str]]]  # year -> recording -> kind -> path
_NAME = r"(?:Train|Devel|Test)(?P<culture>_(?:DE|HU|CN))?_\d\d"
_FILE = re.compile(rf"(?P<home>(?:.*/)?)(?P<folder>[^/]+)/(?P<name>{_NAME})\.(?P<form>\w+)")
_YEAR = re.compile(r"AVEC[ _-]?(201[89])", re.IGNORECASE)


def found(tree: Tree) -> Found:
    """
    Recordings by the names of their files, apart by year: several releases may lie side by side.

    Names without a culture are of 2017. Between 2018 and 2019 a folder's name decides, or else what only 2019
    has: Hungarians in Train and Devel, Chinese in Test, a header in the tables of labels.
    """
    homes: dict[tuple[str, bool], dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for path in _paths(tree):
        match = _FILE.fullmatch(path)
        kind = match and _kind(match["folder"], f".{match['form'].lower()}")
        if kind:
            home = re.sub(r"[^/]*\.zip/$", "", match["home"], flags=re.IGNORECASE)
            homes[home, bool(match["culture"])][match["name"]].setdefault(kind, path)
    releases: dict[int, dict[str, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for (home, cultured), recordings in sorted(homes.items()):
        year = _year(tree, home, recordings) if cultured else 2017
        for name, kinds in recordings.items():
            releases[year][name] = kinds | releases[year][name]
    return {
        year: names for year, names in releases.items() if any("video" in kinds for kinds in names.values())
    }


def _paths(tree: Tree) -> Iterator[str]:
    """Files, and members of the archives whose names promise videos or labels of a whole part."""
    for path in tree.files:
        yield path
        if is_zip(path) and re.search(r"(^|/)(video|label|avec)[^/]*$", path, re.IGNORECASE):
            yield from (f"{path}/{member}" for member in tree.members(path))


def _kind(folder: str, form: str) -> str:
    """What a file is; tables of features, turns and words have the names of the labels, but other folders."""
    if form in video.FORMS:
        return "video"
    return "labels" if form == ".csv" and folder.lower().startswith("label") else ""


def _year(tree: Tree, home: str, recordings: Mapping[str, Mapping[str, str]]) -> int:
    if years := _YEAR.findall(f"{tree.root.name}/{home}"):
        return int(years[-1])
    later = any(re.match(r"Train_HU|Devel_HU|\w+_CN", name) for name in recordings)
    tables = (kinds["labels"] for kinds in recordings.values() if "labels" in kinds)
    return 2019 if later or any("header" in avec_report.form(tree, path) for path in tables) else 2018
