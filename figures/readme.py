"""Tables in the README, rewritten between markers from a scenario's CSV files, or checked against them.

``python -m figures.readme --readme README.md --tables results/demo/tables --scenario demo [--check]``

``<!-- table:headline -->`` ... ``<!-- /table -->`` holds the claims that matter, ``<!-- table:tab_sewa -->``
one table: paper, ours, verdict, ``<!-- table:claims -->`` every claim by its verdict,
``<!-- table:tab_conformance -->`` the outcomes of probes, counted, and
``<!-- table:speed -->`` how many times quicker, from the timings of ``--speed``,
``<!-- table:speed_gpu -->`` the same from those of ``--speed-gpu``.
"""

import argparse
import csv
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from figures import speed, tab_speed_claim, verdicts
from figures.emotion_tables import QUOTED
from figures.labels import HEADLINE, label, ordered
from figures.tables import Block, Column, markdown
from hocp.contracts import published
from hocp.contracts.files import publish

MARKERS = re.compile(r"(<!-- table:(\w+) -->\n)(.*?)(<!-- /table -->)", re.DOTALL)
EMOTION = published.EMOTION
Rows = list[dict[str, str]]
Reader = Callable[[str], Rows]
Timings = Mapping[str, pd.DataFrame | None]  # of each marker of speed


def main(argv: Sequence[str] | None = None) -> int:
    """Rewrite the README, or with --check only compare; status 1 when it differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--readme", required=True, type=Path, metavar="MD")
    parser.add_argument("--tables", required=True, type=Path, metavar="DIR", help="folder of tab_*.csv")
    parser.add_argument("--scenario", required=True, help="where the numbers come from, for the reader")
    parser.add_argument("--speed", metavar="CSV", help="timings; without them the speed block says `not run`")
    parser.add_argument("--speed-gpu", metavar="CSV", help="the same of a GPU")
    parser.add_argument("--published", metavar="YAML", help="default: results/published/paper.yaml")
    parser.add_argument(
        "--check", action="store_true", help="change nothing, fail when a table is out of date"
    )
    args = parser.parse_args(argv)
    text = args.readme.read_text("utf-8")
    known = published.load(args.published)
    try:
        places = {"speed": args.speed, "speed_gpu": args.speed_gpu}
        timings = {name: None if path is None else speed.read(path) for name, path in places.items()}
        renewed = renew(text, lambda stem: read(args.tables, stem), known, args.scenario, timings)
    except (ValueError, FileNotFoundError) as error:
        print(f"figures.readme: {args.readme}: {error}", file=sys.stderr)
        return 2
    if args.check:
        stale = [name for name, old, new in differences(text, renewed) if old != new]
        if stale:
            print(f"{args.readme}: out of date: {', '.join(stale)}; run this command without --check")
        return bool(stale)
    if renewed != text:
        with publish(args.readme) as scratch:
            scratch.write_text(renewed, "utf-8")
    return 0


def read(folder: Path, stem: str) -> Rows:
    """Rows of one table's long form."""
    with (folder / f"{stem}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def renew(text: str, rows_of: Reader, known: published.Published, scenario: str, timings: Timings) -> str:
    """The README with every marked table made anew.

    Raises
    ------
    ValueError
        If there is no marker, or one names no table.
    """
    if not MARKERS.search(text):
        raise ValueError("no marker; put <!-- table:headline --> and <!-- /table --> where a table belongs")
    return MARKERS.sub(lambda m: f"{m[1]}{_table(m[2], rows_of, known, scenario, timings)}{m[4]}", text)


def differences(old: str, new: str) -> list[tuple[str, str, str]]:
    """Name, old and new text of each marked table."""
    return [(a[2], a[3], b[3]) for a, b in zip(MARKERS.finditer(old), MARKERS.finditer(new), strict=True)]


def _table(name: str, rows_of: Reader, known: published.Published, scenario: str, timings: Timings) -> str:
    """One table as Markdown, without its title: the README has words of its own around it."""
    if name in timings and timings[name] is None:
        return "Not run: there is no record of timings yet.\n"
    if name in timings:
        blocks = [tab_speed_claim.claim(timings[name])]
    elif name == "headline":
        blocks = headline(rows_of, known, scenario)
    elif name.removeprefix("tab_") in EMOTION:
        blocks = [_emotion(rows_of(name), known, scenario)]
    elif name in ("tab_sizes", "tab_cifar"):
        blocks = [_claims([_claim(row) for row in rows_of(name) if row["verdict"] != verdicts.NOT_PUBLISHED],
                          rows_of(name), known)]  # fmt: skip
    elif name == "claims":
        blocks = [_verdicts(rows_of("tab_claims"))]
    elif name == "tab_conformance":
        blocks = [_conformance(rows_of(name))]
    else:
        legal = [
            "headline",
            "claims",
            *timings,
            "tab_sizes",
            "tab_cifar",
            "tab_conformance",
            *(f"tab_{dataset}" for dataset in EMOTION),
        ]
        raise ValueError(f"marker table:{name}: expected one of {', '.join(legal)}")
    return "\n".join(markdown(block, title=False) for block in blocks)


def headline(rows_of: Reader, known: published.Published, scenario: str) -> list[Block]:
    """What does not depend on data, and the concordance on the three data sets."""
    sizes, cifar = rows_of("tab_sizes"), rows_of("tab_cifar")
    reported = [row for row in sizes if row["part"] == "sizes"] + [
        row for row in cifar if row["part"] == "cifar"
    ]
    bars = [row for row in sizes if row["part"] == "flop_figure"]
    lines = [_claim(row) for row in reported] + [_bars(bars)]
    emotion = [row for d in EMOTION for row in rows_of(f"tab_{d}") if row["method"] in HEADLINE[d]]
    first, second = _claims(lines, [], known), _emotion(emotion, known, scenario)
    legend = _legend([*reported, *bars, *emotion], known)  # one below both
    return [first, replace(second, notes=[legend, *second.notes[1:]])]


def _claims(lines: list[list[str]], rows: Rows, known: published.Published) -> Block:
    columns = [Column(name="Follows from definitions"), Column(name="paper", align="r"),
               Column(name="ours", align="r"), Column(name="verdict")]  # fmt: skip
    return Block(
        title="", columns=columns, rows=lines, notes=[note] if (note := _legend(rows, known)) else []
    )


def _claim(row: dict[str, str]) -> list[str]:
    """A line of one number with its unit."""
    unit = {"millions": " M", "1": "", "%": " %", "10^9": " G", "GFLOPs": " GFLOPs"}[row["unit"]]
    ours = f"{row['ours']}{unit}" if row["ours"] else ""
    name = f"{row['name']}, {row['quantity']}"
    return [name, verdicts.marked(row["published"] + unit, row["confidence"]), ours, row["verdict"]]


def _bars(bars: Rows) -> list[str]:
    """All bars of the FLOP figure in one line."""
    low, high = (f"{bound(float(row['published']) for row in bars):.2f}" for bound in (min, max))
    good = sum(row["verdict"] == verdicts.REPRODUCED for row in bars)
    said = verdicts.REPRODUCED if good == len(bars) else f"{good} of {len(bars)} reproduced"
    paper = verdicts.marked(f"{low} to {high} GFLOPs", bars[0]["confidence"])
    return [f"{len(bars)} bars of the FLOP figure", paper, f"{good} equal to 5 decimals", said]


def _conformance(rows: Rows) -> Block:
    """Outcomes of the probes by group, a column for each library."""
    libraries = ordered("libraries", {row["library"] for row in rows})
    columns = [Column(name="Group"), Column(name="probes", align="r")]
    columns += [Column(name=label("libraries", library).name) for library in libraries]
    lines = []
    for name in [*dict.fromkeys(row["group"] for row in rows), "All"]:
        of_group = [row for row in rows if name in (row["group"], "All")]
        counts = [Counter(row["outcome"] for row in of_group if row["library"] == lib) for lib in libraries]
        said = [
            ", ".join(f"{count[o]} {label('outcomes', o).name}" for o in ordered("outcomes", count))
            for count in counts
        ]
        lines.append([name, str(counts[0].total()), *said])
    return Block(title="", columns=columns, rows=lines, notes=[])


def _verdicts(rows: Rows) -> Block:
    """Every claim of the paper, gathered by its verdict; a mechanism on generated data says so."""
    order = list(verdicts.MEANINGS)
    said: dict[str, dict[str, list[str]]] = {}
    for row in sorted(rows, key=lambda row: order.index(row["verdict"])):
        scope = " on generated data" if row["data"] == "generated" else ""
        why = f"{row['reason']}: " if row["verdict"] == verdicts.NOT_RUN else ""
        detail = f" ({row['reason']})" if scope and row["reason"] else ""
        said.setdefault(row["verdict"] + scope, {}).setdefault(why, []).append(row["short"] + detail)
    lines = [
        [verdict, str(sum(map(len, claims.values()))), "; ".join(w + ", ".join(c) for w, c in claims.items())]
        for verdict, claims in said.items()
    ]
    columns = [Column(name="Verdict"), Column(name="", align="r"), Column(name="Claims of the paper")]
    return Block(title="", columns=columns, rows=lines, notes=[])


def _shown(row: dict[str, str]) -> bool:
    """Whether a row of an emotion table goes into the README: concordance of what the paper trained."""
    return row["metric"] == "ccc" and row["published"] != "" and row["reason"] != QUOTED


def _emotion(rows: Rows, known: published.Published, scenario: str) -> Block:
    """Concordance a line a method: published on real data, ours on the data of this scenario."""
    rows = [row for row in rows if _shown(row)]
    kinds = sorted({row["data"] for row in rows if row["data"]})
    heading = f"ours, {' and '.join(kinds) or 'no'} data"
    columns = [
        Column(name="CCC, valence / arousal"),
        Column(name="paper, real data", align="r"),
        Column(name=heading, align="r"),
        Column(name="verdict"),
    ]
    lines: list[list[str]] = []
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        of_dataset = [row for row in rows if row["dataset"] == dataset]
        for setting, method in dict.fromkeys((row["setting"], row["method"]) for row in of_dataset):
            pair = [row for row in of_dataset if (row["setting"], row["method"]) == (setting, method)]
            lines.append(_pair(label("datasets", dataset).name, pair))
    seeds = max((int(row["seeds"] or 0) for row in rows), default=0)
    over = f", mean ± standard deviation over {seeds} seeds" if seeds > 1 else ""
    notes = [_legend(rows, known), f"Ours: scenario `{scenario}`{over}."]
    return Block(title="", columns=columns, rows=lines, notes=notes)


def _pair(dataset: str, pair: Rows) -> list[str]:
    paper = " / ".join(verdicts.marked(row["published"], row["confidence"]) for row in pair)
    ours = " / ".join(_mean(row) or "none" for row in pair) if any(row["ours"] for row in pair) else ""
    said = verdicts.summary(verdicts.Verdict(row["verdict"], row["reason"]) for row in pair)
    return [f"{dataset}, {pair[0]['name']}", paper, ours, said]


def _mean(row: dict[str, str]) -> str:
    """Our number; over several seeds their mean with the standard deviation."""
    return f"{row['ours']} ± {row['spread']}" if row["ours"] and row["spread"] else row["ours"]


def _legend(rows: Rows, known: published.Published) -> str:
    return verdicts.legend((row["confidence"] for row in rows if row["confidence"]), known.levels)


if __name__ == "__main__":
    sys.exit(main())
