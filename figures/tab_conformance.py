"""Conformance of hocp.conv and TensorLy-Torch: what each probe asked, and what came of it.

``python -m figures.tab_conformance --conformance conformance.json --out PREFIX``
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from figures import tables
from figures.labels import label, ordered
from figures.tables import Block, Column
from hocp.contracts import files

COLUMNS = ("probe", "group", "question", "source", "library", "outcome", "measured")

Record = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> None:
    """Read, count, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--conformance", required=True, metavar="JSON", help="answers to the probes")
    args = parser.parse_args(argv)
    record = read(args.conformance)
    blocks = [summary(record), *(part(record, name) for name in record["parts"])]
    tables.write(
        args.out, COLUMNS, long(record), blocks=[b for b in blocks if b.rows], inputs=tables.inputs_of(args)
    )


def read(path: str | Path) -> Record:
    """The record of `python -m conformance`.

    Raises
    ------
    ValueError
        If there is no probe, two have one id, a group is in no part, or an answer is missing or unknown.
    """
    record = files.read_json(path)
    probes = record.get("probes", [])
    if not probes:
        raise ValueError(f"{path}: no probe in it; make it with the rule `conformance`")
    groups = {group for part in record["parts"].values() for group in part}
    for index, probe in enumerate(probes):
        if probe["id"] in {other["id"] for other in probes[:index]}:
            raise ValueError(f"{path}: probe {probe['id']} stands twice, expected once")
        if probe["group"] not in groups:
            raise ValueError(
                f"{path}: probe {probe['id']} is of group {probe['group']!r}, which is in no part"
            )
        for library in record["libraries"]:
            if library not in probe["outcomes"]:
                raise ValueError(f"{path}: probe {probe['id']} has no answer of {library}")
            label("outcomes", probe["outcomes"][library]["outcome"])
    return record


def long(record: Record) -> Iterator[dict[str, str]]:
    """One row for each probe and library."""
    for probe in record["probes"]:
        for library in ordered("libraries", record["libraries"]):
            said = probe["outcomes"][library]
            yield {
                "probe": probe["id"], "group": probe["group"], "question": probe["question"],
                "source": probe["source"], "library": library, **said,
            }  # fmt: skip


def summary(record: Record) -> Block:
    """Counts of outcomes by group, all groups last."""
    libraries = ordered("libraries", record["libraries"])
    said = [probe["outcomes"][library]["outcome"] for probe in record["probes"] for library in libraries]
    outcomes = ordered("outcomes", said)
    columns = [Column(name="Group"), Column(name="probes", align="r")]
    for library in libraries:
        name = label("libraries", library).name
        columns += [Column(name=label("outcomes", o).name, group=name, align="r") for o in outcomes]
    groups = [group for groups in record["parts"].values() for group in groups]
    rows = []
    for name, members in [*((group, [group]) for group in groups), ("All", groups)]:
        probes = [probe for probe in record["probes"] if probe["group"] in members]
        counts = {lib: Counter(probe["outcomes"][lib]["outcome"] for probe in probes) for lib in libraries}
        if probes:
            rows.append(
                [name, str(len(probes)), *(str(counts[lib][o]) for lib in libraries for o in outcomes)]
            )
    versions = ", ".join(f"{name} {number}" for name, number in record["versions"].items() if number)
    notes = [
        "Not offered: the library has no argument, method or documented value for what is asked. "
        "Not run: this machine lacks what the probe needs.",
        f"Run with {versions}.",
    ]
    shown = notes if "not run" in outcomes else [notes[0].partition(" Not run")[0], notes[1]]
    return Block(title="Conformance, counted", columns=columns, rows=rows, notes=shown)


def part(record: Record, name: str) -> Block:
    """Probes of a part of the table, a heading for each group."""
    libraries = ordered("libraries", record["libraries"])
    columns = [Column(name="Probe"), Column(name="Question")]
    columns += [Column(name=label("libraries", library).name) for library in libraries]
    columns += [Column(name="See")]
    rows: list[list[str]] = []
    for group in record["parts"][name]:
        probes = [probe for probe in record["probes"] if probe["group"] == group]
        rows += [[group]] if probes else []
        for probe in probes:
            cells = [_cell(**probe["outcomes"][library]) for library in libraries]
            rows.append([probe["id"], probe["question"], *cells, probe["source"]])
    return Block(title=f"Conformance: {name[0].lower()}{name[1:]}", columns=columns, rows=rows)


def _cell(outcome: str, measured: str) -> str:
    """Outcome and what was measured."""
    name = label("outcomes", outcome).name
    return f"{name}: {measured}" if measured else name


if __name__ == "__main__":
    main()
