"""The prepared data sets: what was read, what was set aside and why, the splits, the labels, the ceilings.

``python -m figures.tab_data --facts manifest.json ... --manifest manifest.csv ... --out PREFIX``
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any, NamedTuple

from figures import tables
from figures.labels import label, ordered
from figures.tables import Block, Column
from hocp.contracts import files, manifest
from hocp.contracts.manifest import Facts, Item
from hocp.contracts.published import DIMENSIONS

COLUMNS = ("dataset", "data", "quantity", "part", "value", "unit", "note")
#: Histograms whose distance to that of all usable items tells how alike the parts are.
BALANCED = ("valence", "arousal", "strata")
NEAR = "that look like one in another part: equal 8 x 8 average hash"
CEILINGS = {
    "static": "one frame",
    "temporal": "a window of frames",
    "labels": "annotations with the true affect",
}


class Prepared(NamedTuple):
    """One prepared data set; `statement` is what the generator says of it, None for licensed data."""

    facts: Facts
    items: Sequence[Item]
    statement: Mapping[str, Any] | None


def main(argv: Sequence[str] | None = None) -> None:
    """Read, count, write."""
    parser = tables.parser(__doc__)
    parser.add_argument(
        "--facts", nargs="+", required=True, metavar="JSON", help="manifest.json of each data set"
    )
    parser.add_argument("--manifest", nargs="+", required=True, metavar="CSV", help="manifest.csv of each")
    parser.add_argument(
        "--lookalike", nargs="*", default=[], metavar="DIR", help="generated releases, if any"
    )
    args = parser.parse_args(argv)
    prepared = read(args.facts, args.manifest, args.lookalike)
    rows = [row for one in prepared for row in describe(one)]
    tables.write(args.out, COLUMNS, rows, blocks=wide(rows), inputs=tables.inputs_of(args))


def read(facts: Iterable[str], manifests: Iterable[str], releases: Iterable[str] = ()) -> list[Prepared]:
    """Data sets in the order of labels.yaml; files are matched by the data set that they name.

    Raises
    ------
    ValueError
        If a data set lacks one of its two files, a manifest is not the one that its facts describe, or
        licensed data come with a generator's statement.
    """
    known = {fact.dataset: fact for fact in map(manifest.read_facts, facts)}
    items = {}
    for path in manifests:
        listed = manifest.read(path)
        if not listed or listed[0].dataset not in known:
            raise ValueError(
                f"{path}: items of {listed[0].dataset if listed else 'nothing'}, expected {list(known)}"
            )
        dataset = listed[0].dataset
        if files.sha256(path) != known[dataset].manifest_sha256:
            raise ValueError(f"{path} is not the manifest that the facts of {dataset} describe; prepare anew")
        items[dataset] = listed
    missing = sorted(set(known) - set(items))
    if missing:
        raise ValueError(f"no manifest.csv given for {', '.join(missing)}; name it with --manifest")
    statements = dict(_statement(path) for path in releases)
    for dataset, fact in known.items():
        if fact.data == "licensed" and dataset in statements:
            raise ValueError(f"{dataset} is licensed data, but a generated release of it was given")
    return [Prepared(known[d], items[d], statements.get(d)) for d in ordered("datasets", known)]


def _statement(path: str) -> tuple[str, Mapping[str, Any]]:
    """What the generator says of a release: its folder, or the file itself."""
    place = Path(path) / "lookalike.json" if Path(path).is_dir() else Path(path)
    found = files.read_json(place)
    return found["dataset"], found


def describe(one: Prepared) -> Iterator[dict[str, str]]:
    """Long form: one row a number of one data set."""
    for quantity, part, value, unit, note in _facts(one):
        yield {
            "dataset": one.facts.dataset, "data": one.facts.data, "quantity": quantity, "part": part,
            "value": "" if value is None else str(value), "unit": unit, "note": note,
        }  # fmt: skip


Fact = tuple[str, str, Any, str, str]


def _facts(one: Prepared) -> Iterator[Fact]:
    facts, usable = one.facts, [item for item in one.items if item.usable]
    yield "release", "", facts.release, "", ""
    yield "split rule", "", facts.split["rule"], "", ""
    yield "items", "all", len(one.items), "images or frames", ""
    yield "items", "usable", len(usable), "images or frames", ""
    counts = Counter(item.status for item in one.items)
    for status, meaning in manifest.STATUSES.items():
        if counts[status]:
            yield "status", status, counts[status], "images or frames", meaning
    for differs in facts.deviations or ():
        note = f"{differs['expected']:,} expected [{differs['source']}]"
        yield "deviation", differs["what"], differs["found"], "", note
    yield from _splits(usable, facts.split.get("balance", {}))
    if "near_duplicates" in facts.split:
        yield "near-duplicates", "", facts.split["near_duplicates"], "images or frames", NEAR
    yield "crop", "side", facts.crop["side"], "px", ""
    yield "frames", "step", facts.frame_step, "frames", ""
    yield "frames", "rate", facts.fps, "1/s", "" if facts.fps else "single images"
    for bound in ("native_min", "native_max"):
        yield "labels as released", bound, facts.scale[bound], "", ""
    yield from _labels(usable)
    yield from _ceilings(one.statement)


def _splits(usable: Sequence[Item], balance: Mapping[str, Mapping[str, Any]]) -> Iterator[Fact]:
    """Items, clips and people of each part, and how far its histograms are from those of the whole."""
    for split in manifest.SPLITS:
        part = [item for item in usable if item.split == split]
        if part:
            yield "split", split, len(part), "images or frames", ""
        for name in BALANCED:
            if name in balance.get(split, {}):
                yield "balance", f"{split}.{name}", balance[split][name], "total variation", ""
        for quantity, unit, names in (
            ("clips", "clips", {item.clip for item in part}),
            ("groups", "people", {item.group for item in part}),
        ):
            if names - {""}:
                yield quantity, split, len(names - {""}), unit, ""


def _labels(usable: Sequence[Item]) -> Iterator[Fact]:
    """Moments of the labels of usable items, on [-1, 1]."""
    for dimension in DIMENSIONS:
        values = [getattr(item, dimension) for item in usable]
        if not values:
            yield "labels", f"{dimension}.mean", None, "", "no usable item"
            continue
        moments = {"mean": fmean(values), "sd": pstdev(values), "min": min(values), "max": max(values)}
        moments["zero"] = sum(value == 0 for value in values) / len(values)
        for name, value in moments.items():
            yield "labels", f"{dimension}.{name}", tables.number(value), "share" if name == "zero" else "", ""


def _ceilings(statement: Mapping[str, Any] | None) -> Iterator[Fact]:
    """Best concordance that generated data admit, and how many faults were planted in them."""
    if statement is None:
        return
    for dimension in DIMENSIONS:
        for kind, meaning in CEILINGS.items():
            value = statement["ceilings"][dimension][kind]
            note = meaning if value is not None else statement["ceilings"].get("no_temporal", "not computed")
            yield "ceiling", f"{dimension}.{kind}", tables.number(value) or None, "CCC", note
    yield "planted faults", "", len(statement["faults"]), "faults", ""


def wide(rows: Sequence[Mapping[str, str]]) -> list[Block]:
    """One table of facts, a column a data set, and one of the items set aside by reason."""
    datasets = list(dict.fromkeys(row["dataset"] for row in rows))
    cells = {(row["dataset"], row["quantity"], row["part"]): row for row in rows}
    data = {dataset: cells[dataset, "release", ""]["data"] for dataset in datasets}
    columns = [Column(name="")]
    columns += [Column(name=f"{label('datasets', d).name}, {data[d]} data", align="r") for d in datasets]
    body = [[name, *(show(_values(cells, d)) for d in datasets)] for name, show in _LINES.items()]
    notes = [
        "Labels on [-1, 1], of usable items; mean ± standard deviation. Histograms, by tenths, are "
        "compared by total variation: 0 % is equal, 100 % has nothing in common."
    ]
    if "generated" in data.values():
        notes.append(
            "Ceilings: concordance with the labels of unseen people that a regression reaches which is given "
            "the true state of the generated face, in one frame or in a window of frames; no network is "
            "involved. Single images have no window."
        )
    notes += _deviations(rows)
    facts = Block(title="Prepared data sets", columns=columns, rows=body, notes=notes)
    return [facts, _statuses(rows, datasets, columns)]


def _deviations(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """A note on the counts that are not the published ones, a data set each."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["quantity"] == "deviation":
            found.setdefault(row["dataset"], []).append(f"{row['value']} {row['part']}, {row['note']}")
    return [
        f"{label('datasets', dataset).name} differs from the published counts: {'; '.join(texts)}."
        for dataset, texts in found.items()
    ]


def _statuses(rows: Sequence[Mapping[str, str]], datasets: Sequence[str], columns: Sequence[Column]) -> Block:
    found = {(r["dataset"], r["part"]): r["value"] for r in rows if r["quantity"] == "status"}
    shown = [status for status in manifest.STATUSES if any((d, status) in found for d in datasets)]
    body = [
        [f"{status}: {manifest.STATUSES[status]}", *(found.get((d, status), "0") for d in datasets)]
        for status in shown
    ]
    return Block(title="Items by status", columns=[Column(name="Status"), *columns[1:]], rows=body)


def _values(cells: Mapping[tuple[str, str, str], Mapping[str, str]], dataset: str):
    """Look-up of one data set's values; nothing where there is none."""
    return lambda quantity, part="": cells.get((dataset, quantity, part), {}).get("value", "")


def _per_split(quantity: str):
    """Numbers of a quantity over its splits: "50 / 5 / 15"."""
    return lambda get: " / ".join(n for split in manifest.SPLITS if (n := get(quantity, split)))


def _most_off(get) -> str:
    """Largest distance of a part to the whole, by dimension, in per cent; nothing where none is known."""
    parts = {d: [n for split in manifest.SPLITS if (n := get("balance", f"{split}.{d}"))] for d in DIMENSIONS}
    return " / ".join(f"{100 * max(map(float, found)):.1f} %" for found in parts.values() if found)


def _moments(dimension: str):
    return lambda get: " ± ".join(n for name in ("mean", "sd") if (n := get("labels", f"{dimension}.{name}")))


def _range(get) -> str:
    low, high = (float(get("labels as released", bound)) for bound in ("native_min", "native_max"))
    return f"{low:.4g} to {high:.4g}"


def _ceiling(kind: str):
    """Ceilings of both dimensions; nothing where none was computed."""
    return lambda get: " / ".join(n for d in DIMENSIONS if (n := get("ceiling", f"{d}.{kind}")))


#: Lines of the wide table: name -> what to show, given the look-up of one data set's values.
_LINES = {
    "Release": lambda get: get("release"),
    "Items": lambda get: get("items", "all"),
    "Usable items": lambda get: get("items", "usable"),
    "Split": lambda get: get("split rule"),
    "Items: train / val / test, or by fold": _per_split("split"),
    "Clips": _per_split("clips"),
    "People or sessions": _per_split("groups"),
    "Histograms of the parts, most off: valence / arousal": _most_off,
    "Items that look like one in another part": lambda get: get("near-duplicates"),
    "Crop, px": lambda get: get("crop", "side"),
    "Kept frames per second": lambda get: get("frames", "rate"),
    "Labels as released": _range,
    "Valence": _moments("valence"),
    "Arousal": _moments("arousal"),
    "Ceiling from one frame, CCC valence / arousal": _ceiling("static"),
    "Ceiling from a window, CCC valence / arousal": _ceiling("temporal"),
    "Planted faults": lambda get: get("planted faults"),
}


if __name__ == "__main__":
    main()
