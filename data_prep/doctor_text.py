"""The doctor's report, for people and for programs."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from data_prep.doctor import Diagnosis, Report
from data_prep.doctor_consequences import CONSEQUENCES, LIKE_FOR_LIKE
from data_prep.doctor_findings import Finding
from data_prep.summary import rows
from hocp.contracts.manifest import STATUSES

SCHEMA = "hocp-doctor-1"
WIDTH = 108
VERDICTS = ("fine", "usable, with findings", "not usable as it is")


def text(report: Report) -> str:
    """Describe what was found in a folder, for a person."""
    if not report.found:
        return "\n".join(_nothing(report))
    parts = ["\n".join(_release(one)) for one in report.found]
    return "\n\n".join([*parts, f"{report.folder}: {VERDICTS[report.status]} (exit status {report.status})"])


def _nothing(report: Report) -> Iterator[str]:
    yield f"{report.folder}: no data set recognised (exit status 2)"
    yield from (
        _entry(dataset, reason.removeprefix(f"{report.folder}: "))
        for dataset, reason in report.reasons.items()
    )
    yield from (_entry("archive", fault) for fault in report.archives.values())
    yield _entry("so", CONSEQUENCES["unknown"])
    yield _entry(
        "ask", "python -m data_prep check DATASET=DIR says where to ask for a data set, and what to put where"
    )


def _release(one: Diagnosis) -> Iterator[str]:
    name = one.release.name if one.release else f"{one.dataset}, incomplete"
    yield f"{name}{' (generated data)' if one.generated else ''}"
    yield _entry("folder", str(one.folder))
    if one.release:
        matched = one.release.matched
        yield _entry("layout", "; ".join(matched.variants) or "as published")
        yield from (_entry("list", f"{what}: {path}") for what, path in matched.lists.items())
        yield _entry("read", _extent(one))
        yield from _table(_count_rows(one))
        yield from _table(_status_rows(one))
    yield from _findings(one.findings)


def _extent(one: Diagnosis) -> str:
    look = one.look
    listed = f"all {look.listed.items:,} items in lists and names; " if look.listed.items else ""
    units = "all" if look.units == look.all_units else f"{look.units:,} of {look.all_units:,}"
    return f"{listed}{look.decoded.items:,} items decoded, of {units} units"


def _table(body: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if len(body) > 1:
        yield ""
        yield from (f"  {line}" for line in rows(body[0], list(body[1:])))


def _count_rows(one: Diagnosis) -> list[tuple[str, ...]]:
    """Totals, and what differs; classes that are as they should be would only be long."""
    head = ("found", "expected", "source", "what")
    shown = [count for count in one.counts if "," not in count["what"] or count["same"] is False]
    return [head, *((f"{c['found']:,}", _wanted(c), c["source"] or "", c["what"]) for c in shown)]


def _wanted(count: dict[str, Any]) -> str:
    if count["expected"] is None:
        return ""
    mark = {True: "same", False: f"{count['expected']:,}, differs", None: f"({count['expected']:,})"}
    return mark[count["same"]]


def _status_rows(one: Diagnosis) -> list[tuple[str, ...]]:
    listed, decoded = one.look.listed, one.look.decoded
    seen = [status for status in STATUSES if listed.counts.get(status) or decoded.counts.get(status)]
    head = ("decoded", *(["in lists"] if listed.items else []), "status", "meaning")
    return [
        head,
        *(
            (
                f"{decoded.counts.get(status, 0):,}",
                *([f"{listed.counts.get(status, 0):,}"] if listed.items else []),
                status,
                STATUSES[status],
            )
            for status in seen
        ),
    ]


def _findings(found: Iterable[Finding]) -> Iterator[str]:
    yield ""
    found = list(found)
    if not found:
        yield _entry("fine", LIKE_FOR_LIKE)
    for one in found:
        yield _entry(one.severity, f"{one.code}: {one.text}" if one.code in STATUSES else one.text)
        if one.examples:
            yield _entry("", f"e.g. {', '.join(one.examples)}")
        yield _entry("", one.consequence)


def _entry(name: str, content: str) -> str:
    return textwrap.fill(
        content, WIDTH, initial_indent=f"  {name:<8} ", subsequent_indent=" " * 11, break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def document(report: Report) -> dict[str, Any]:
    """Give the report as a JSON object; data_prep/README.md describes its keys."""
    return {
        "schema": SCHEMA,
        "folder": str(report.folder),
        "exit": report.status,
        "releases": [_object(one) for one in report.found],
        "unrecognised": report.reasons,
        "archives": report.archives,
    }


def _object(one: Diagnosis) -> dict[str, Any]:
    matched, look = one.release.matched if one.release else None, one.look
    return {
        "dataset": one.dataset,
        "folder": str(one.folder),
        "release": one.release.name if one.release else None,
        "generated": one.generated,
        "exit": one.status,
        "layout": {
            "variants": list(matched.variants) if matched else [],
            "lists": dict(matched.lists) if matched else {},
        },
        "counts": one.counts,
        "units": {"all": look.all_units, "decoded": look.units},
        "items": {
            "listed": {status: n for status, n in look.listed.counts.items() if n},
            "decoded": {status: n for status, n in look.decoded.counts.items() if n},
        },
        "findings": [
            {
                **finding._asdict(),
                "examples": list(finding.examples),
                "consequence": finding.consequence,
            }
            for finding in one.findings
        ],
    }
