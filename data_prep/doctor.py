"""Which data sets lie in a folder, in which release and layout, and whether they are whole.

Nothing here knows a data set: readers are asked in turn, and what they recognise is looked into.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from data_prep import doctor_findings, expected, limits
from data_prep.doctor_findings import Finding
from data_prep.doctor_look import Look, Plan, Tolerant, look
from data_prep.prepare import READERS
from data_prep.record import Release, Unrecognised
from data_prep.tree import Tree

FOLDERS = 50  # below a folder that holds several releases; more are clips or images
STATEMENT = "lookalike.json"


class Attempt(NamedTuple):
    """What one reader says of a folder: a release, what is wrong with it, or that it is none of its own."""

    dataset: str
    tree: Tolerant
    options: argparse.Namespace
    release: Release | None = None
    fault: str = ""
    foreign: bool = False

    @property
    def reader(self) -> ModuleType:
        """Module that reads the data set."""
        return READERS[self.dataset]


@dataclass(frozen=True)
class Diagnosis:
    """What was found out about one release.

    Attributes
    ----------
    dataset : str
    folder : Path
    release : Release or None
        None where its files are there, but not enough of them.
    generated : bool
        Whether it says itself that it is a look-alike.
    look : Look
    findings : list of Finding
        Worst first.
    """

    dataset: str
    folder: Path
    release: Release | None
    generated: bool
    look: Look = field(default_factory=Look)
    findings: list[Finding] = field(default_factory=list)

    @property
    def status(self) -> int:
        """0 fine, 1 usable with findings, 2 not usable as it is."""
        return doctor_findings.exit_status(self.findings)

    @property
    def counts(self) -> list[dict[str, Any]]:
        """Numbers found beside those expected: ``what``, ``found``, ``expected``, ``source``, ``same``."""
        name, found = self.release.name if self.release else "", self.look.counts
        known = {one.what: one for one in expected.numbers(name) if one.what in found}
        wrong = {one["what"] for one in expected.deviations(name, found)}
        compared = [
            {
                "what": what,
                "found": found[what],
                "expected": one.number,
                "source": one.source,
                "same": None if self.generated else what not in wrong,
            }
            for what, one in known.items()
        ]
        others = {"expected": None, "source": None, "same": None}
        return compared + [
            {"what": what, "found": found[what], **others} for what in found if what not in known
        ]


class Report(NamedTuple):
    """What was found in a folder.

    Attributes
    ----------
    folder : Path
    found : list of Diagnosis
        One a release.
    reasons : dict
        Data set -> why nothing of it was recognised; only where no release was.
    archives : dict
        Archive -> what is wrong with it; only where no release was recognised.
    """

    folder: Path
    found: list[Diagnosis]
    reasons: dict[str, str]
    archives: dict[str, str]

    @property
    def status(self) -> int:
        """Exit status: the worst of the releases; 2 where nothing was recognised."""
        return max((one.status for one in self.found), default=2)


def examine(folder: str | Path, plan: Plan, changes: Mapping[str, float] | None = None) -> Report:
    """
    Look at a folder that holds a release, or several.

    Parameters
    ----------
    folder : path
    plan : Plan
        How much to look at.
    changes : mapping, optional
        Limits other than the defaults: status -> share.

    Raises
    ------
    ValueError
        If there is no such folder.
    """
    tries = list(_attempts(Path(folder)))
    own = [one for one in _homes(Path(folder), tries) if not one.foreign]
    if own:
        return Report(Path(folder), [_diagnose(one, plan, changes or {}) for one in own], {}, {})
    reasons: dict[str, str] = {}
    for one in tries:
        reasons.setdefault(one.dataset, one.fault)
    return Report(Path(folder), [], reasons, dict(tries[0].tree.faults))


def _attempts(folder: Path) -> Iterator[Attempt]:
    """Ask every reader, for each release that it knows to tell apart by an option."""
    tree = Tolerant(folder)
    for dataset, reader in READERS.items():
        for change in getattr(reader, "ALTERNATIVES", ({},)):
            options = argparse.ArgumentParser()
            reader.add_options(options)
            chosen = options.parse_args([])
            vars(chosen).update(change)
            try:
                yield Attempt(dataset, tree, chosen, release=reader.locate(tree, chosen))
            except (ValueError, OSError) as error:
                foreign = isinstance(error, Unrecognised) or " recognised" in str(error)
                yield Attempt(dataset, tree, chosen, fault=str(error), foreign=foreign)


def _homes(folder: Path, here: list[Attempt]) -> list[Attempt]:
    """
    The folders that hold one release each.

    Readers search by pattern, so a parent of several releases is recognised as each of them at once, or, if
    two are of one data set, as none. Then the folders in it are asked one by one.
    """
    own = [one for one in here if not one.foreign]
    several = len({one.dataset for one in own}) > 1
    inside = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    if not own or len(inside) > FOLDERS or not (several or any(one.fault for one in own)):
        return own
    below = [one for path in inside for one in _homes(path, list(_attempts(path)))]
    names = Counter(one.release.name for one in below if one.release)
    whole = sum(one.release is not None for one in own)
    gained = names.total() > whole or (several and names.total() == whole)
    once = all(
        number == 1 for number in names.values()
    )  # else parts of one release, such as folders of clips
    return below if gained and once else own


def _diagnose(one: Attempt, plan: Plan, changes: Mapping[str, float]) -> Diagnosis:
    root = one.tree.root
    generated = any(
        path.rpartition("/")[2] == STATEMENT for path in one.tree.files
    )  # perhaps in a folder below
    archives = doctor_findings.of_archives(one.tree.faults, fatal=bool(one.tree.faults) and _stops(one))
    if one.release is None:
        found = [Finding("incomplete", "stops", one.fault), *archives]
        return Diagnosis(one.dataset, root, None, generated, findings=found)
    try:
        seen = look(one.tree, one.reader, one.release, one.options, plan)
    except (ValueError, OSError) as error:
        found = [Finding("incomplete", "stops", str(error)), *archives]
        return Diagnosis(one.dataset, root, one.release, generated, findings=found)
    found = doctor_findings.of_release(
        one.release,
        seen,
        reader=one.reader,
        dataset=one.dataset,
        generated=generated,
        shares=limits.shares(one.dataset, changes),
    )
    return Diagnosis(one.dataset, root, one.release, generated, seen, [*archives, *found])


def _stops(one: Attempt) -> bool:
    """Whether preparation, which forgives no broken archive, would not even begin."""
    try:
        one.reader.locate(Tree(one.tree.root), one.options)
    except (ValueError, OSError):
        return True
    return False
