"""Findings: what is wrong with a release, how badly, and what that does to comparability with the paper."""

from collections.abc import Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

from data_prep import expected, limits
from data_prep.doctor_consequences import CONSEQUENCES
from data_prep.doctor_look import Look
from data_prep.limits import Tally
from data_prep.record import Release
from hocp.contracts.manifest import STATUSES

#: From harmless to fatal. Only findings and what stops preparation count in the exit status.
SEVERITIES = ("remark", "finding", "stops")

#: Word in a release's name, or in a variant of its layout -> remark of the table of consequences.
_RELEASES = {"automatic": "automatic", "2021": "release_2021"}
_KINDS = ("video", "landmarks", "valence", "arousal", "labels")
_VARIANTS = {"136 landmark columns": "spreadsheet"}


class Finding(NamedTuple):
    """One finding.

    Attributes
    ----------
    code : str
        A key of `CONSEQUENCES`.
    severity : str
        One of `SEVERITIES`.
    text : str
        What was found, for a person.
    examples : tuple of str
        Names of items, where it concerns items.
    """

    code: str
    severity: str
    text: str
    examples: tuple[str, ...] = ()

    @property
    def consequence(self) -> str:
        """What it does to comparability with the paper."""
        return CONSEQUENCES[self.code]


def of_release(
    release: Release,
    look: Look,
    *,
    reader: ModuleType,
    dataset: str,
    generated: bool,
    shares: Mapping[str, float],
) -> list[Finding]:
    """Everything found in a release that was recognised, worst first."""
    found = [
        *_items(look, dataset, shares),
        *_scale(reader, look),
        *(Finding("gap", "finding", gap) for gap in (*release.matched.gaps, *_lacking(release))),
        *(Finding("note", "remark", note) for note in release.notes),
        *([] if generated else _counts(release, look)),
        *_remarks(release, generated),
    ]
    return sorted(found, key=lambda finding: -SEVERITIES.index(finding.severity))


def _items(look: Look, dataset: str, shares: Mapping[str, float]) -> Iterator[Finding]:
    """One finding a status; from the lists where they tell it, else from what was decoded."""
    for status in STATUSES:
        where = "in the lists" if look.listed.counts.get(status) else "decoded"
        tally = look.listed if look.listed.counts.get(status) else look.decoded
        if status != "ok" and (count := tally.counts.get(status, 0)):
            severity = _severity(tally, status, dataset, shares)
            limit = f", more than the limit of {shares[status]:.1%}" if severity == "stops" else ""
            share = f"{count:,} of {tally.items:,} items {where} ({count / tally.items:.2%}{limit})"
            yield Finding(status, severity, share, tuple(tally.examples[status]))


def _severity(tally: Tally, status: str, dataset: str, shares: Mapping[str, float]) -> str:
    if status in tally.exceeded(shares):
        return "stops"
    usual = (*limits.UNLIMITED, *limits.OF_DATASET.get(dataset, {}))
    return "remark" if status in usual else "finding"


def _lacking(release: Release) -> Iterator[str]:
    """Say which kinds of files some segments or recordings lack; labels of AVEC's Test are withheld."""
    units = release.units if isinstance(release.units, Sequence) else ()
    own = [one for one in units if hasattr(one, "files") and not one.name.startswith("Test")]
    for kind in _KINDS:
        lost = [one.name for one in own if kind not in one.files]
        if 0 < len(lost) < len(own):
            yield f"{len(lost)} of {len(own)} have no {kind}, e.g. {lost[0]}"


def _scale(reader: ModuleType, look: Look) -> Iterator[Finding]:
    if look.extremes:
        try:
            reader.scale(look.extremes)
        except ValueError as error:
            yield Finding("scale", "stops", str(error))


def _counts(release: Release, look: Look) -> Iterator[Finding]:
    wrong = expected.deviations(release.name, look.counts)
    if wrong:
        texts = ("{what}: {found:,} found, {expected:,} expected [{source}]".format(**one) for one in wrong)
        yield Finding("count", "finding", "; ".join(texts))


def _remarks(release: Release, generated: bool) -> Iterator[Finding]:
    known = [(release.name, _RELEASES), *((variant, _VARIANTS) for variant in release.matched.variants)]
    for text, words in known:
        yield from (Finding(code, "remark", text) for word, code in words.items() if word in text)
    if generated:
        yield Finding("generated", "remark", "lookalike.json says that this release was generated")


def of_archives(faults: Mapping[str, str], *, fatal: bool) -> list[Finding]:
    """Archives that cannot be opened."""
    return [Finding("archive", "stops" if fatal else "finding", fault) for fault in faults.values()]


def exit_status(found: Sequence[Finding]) -> int:
    """0 fine, 1 usable with findings, 2 preparation would stop."""
    return max((SEVERITIES.index(finding.severity) for finding in found), default=0)
