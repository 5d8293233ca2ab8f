"""Data preparation: how quick, how large, beside the decoder's own limit; and projected to the real releases.

``python -m figures.tab_preparation --preparation CSV --machine JSON --memory CSV --out PREFIX``
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from figures import tables
from figures.labels import label, ordered
from figures.preparation import CORES, PART, RATES, REAL, describe, memory, read, reading
from figures.tables import Block, Column
from hocp.contracts import files

COLUMNS = ("dataset", "quantity", "cores", "value", "unit", "note")


def main(argv: Sequence[str] | None = None) -> None:
    """Read, fit, project, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--preparation", required=True, metavar="CSV")
    parser.add_argument("--machine", required=True, metavar="JSON", help="beside the CSV")
    parser.add_argument("--memory", required=True, metavar="CSV", help="by rows of AffectNet's lists")
    args = parser.parse_args(argv)
    rows = read(args.preparation)
    found = [row for dataset in ordered("datasets", set(rows["dataset"])) for row in describe(rows, dataset)]
    found += [*memory(args.memory), *reading(rows)]
    tables.write(args.out, COLUMNS, found, blocks=wide(found, files.read_json(args.machine)))


def wide(found: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]) -> list[Block]:
    """Measured, projected, and read for training."""
    cells = {(row["dataset"], row["quantity"], row["cores"]): float(row["value"]) for row in found}
    datasets = ordered("datasets", {row["dataset"] for row in found if row["quantity"] == "whole"})
    return [
        _measured(cells, datasets, machine),
        *_spent(cells, datasets),
        _projected(cells, datasets),
        *_reading(cells),
    ]


Cells = Mapping[tuple[str, str, Any], float]


def _measured(cells: Cells, datasets: Sequence[str], machine: Mapping[str, Any]) -> Block:
    columns = [Column(name="")]
    columns += [
        Column(name=name, group="Per second and core", align="r") for name in (*RATES.values(), "whole")
    ]
    columns += [
        Column(name=name, group="Whole as a share", align="r")
        for name in ("of decoding only", "at most", "of decoding to RGB")
    ]
    columns += [
        Column(name=name, group="Processes", align="r") for name in ("efficiency of 2", "serial, ms an item")
    ]
    shares = ("share of limit", "bound of the share", "share of limit in RGB")
    body = [
        [
            label("datasets", d).name,
            *(_shown(cells, (d, name, 1), "{:.0f}") for name in (*RATES.values(), "whole")),
            *(_shown(cells, (d, name, 1), "{:.0%}") for name in shares),
            f"{100 * cells[d, 'efficiency', 2]:.0f} %",
            f"{cells[d, 'serial part', '']:.2f}",
        ]
        for d in datasets
    ]
    libraries = ", ".join(f"{name} {number}" for name, number in machine["libraries"].items())
    notes = [
        "Generated data. Images, or frames of videos, a second of CPU. Whole: reading, hashing, decoding, "
        "crop, work folder, HDF5, manifest; the slope over three sizes, without the start. Pictures as "
        "large as in the real releases, in pixels and in bytes.",
        "Decoding to RGB is what any reader needs: of videos it converts the frames that are kept, of images "
        "it is the same as decoding. At most: the share if nothing were done but decoding and crop.",
        f"{machine['processor']}, {machine['cores']} cores; {libraries}; crops of {machine['side']} pixels.",
    ]
    if machine.get("size", "full") != "full":
        notes.append(
            f"Provisional: a {machine['size']} run, on a machine that was not idle. Rates are rough, above "
            "all of two processes, and so is what is projected from them."
        )
    return Block(title="Speed of data preparation", columns=columns, rows=body, notes=notes)


def _spent(cells: Cells, datasets: Sequence[str]) -> Iterator[Block]:
    """Where the time of a whole preparation goes; nothing where it was not measured."""
    names = list(dict.fromkeys(q for _, q, _ in cells if q.startswith(PART)))
    measured = [d for d in datasets if any((d, name, 1) in cells for name in names)]
    if not measured:
        return
    columns = [Column(name="")]
    columns += [Column(name=name.removeprefix(PART), align="r") for name in names]
    columns += [Column(name=name, align="r") for name in ("whole", "of it decoding")]
    body = []
    for d in measured:
        spent = [cells[d, name, 1] for name in names]
        decoding = cells[d, f"{PART}decode to RGB", 1] / sum(spent)
        numbers = [f"{part:.3f}" for part in (*spent, sum(spent))]
        body.append([label("datasets", d).name, *numbers, f"{100 * decoding:.0f} %"])
    notes = [
        "Milliseconds of CPU for each image or frame that is decoded, in one process; of SEWA every fifth is "
        "kept, and only those are converted, cut, kept and compared. All parts are of one run of the largest "
        "size. Rest: lists, labels, boxes, manifest, split, and the start.",
    ]
    yield Block(title="Where the time of a preparation goes", columns=columns, rows=body, notes=notes)


def _shown(cells: Cells, key: tuple[str, str, Any], form: str) -> str:
    """A number, or nothing where it was not measured."""
    return form.format(cells[key]).replace("%", " %") if key in cells else ""


def _projected(cells: Cells, datasets: Sequence[str]) -> Block:
    columns = [Column(name=""), Column(name="items", align="r")]
    columns += [Column(name=f"{c} cores", group="Hours", align="r") for c in CORES]
    columns += [Column(name=name, group="GB on the disk", align="r") for name in ("result", "work folder")]
    columns += [Column(name="inodes", align="r"), Column(name="peak memory so far, MB", align="r")]
    body = [
        [
            label("datasets", d).name,
            f"{cells[d, 'real', '']:.0f} {REAL[d][1]}",
            *(f"{cells[d, 'time', c]:.2f}" for c in CORES),
            *(f"{cells[d, name, '']:.1f}" for name in ("result", "work folder")),
            f"{cells[d, 'inodes', '']:.0f}",
            f"{cells[d, 'peak memory', 1]:.0f}",
        ]
        for d in datasets
    ]
    notes = [
        "Projected, not measured: a line through three sizes. Time by Amdahl's law: the main process's "
        "seconds an item, which do not shrink, and those of the others divided by the cores, measured with "
        "two processes; disks as quick as this machine's cache. The work folder is gone at the end.",
        _memory(cells),
    ]
    return Block(title="Projected to the real releases", columns=columns, rows=body, notes=notes)


def _memory(cells: Cells) -> str:
    """How memory grows with the rows, in a sentence."""
    by_rows = {q: value for (_, q, _), value in cells.items() if q.startswith("memory")}
    slope, real = by_rows.pop("memory a row"), by_rows.pop("memory of the real rows")
    rows = ", ".join(
        f"{value:.0f} MB {quantity.removeprefix('memory ')}" for quantity, value in by_rows.items()
    )
    return (
        "Peak memory is the largest that was measured, in one process. By rows of AffectNet's lists, with a "
        f"stand-in for the decoder (results/reference/preparation_memory.csv): {rows}; {slope:.0f} bytes a "
        f"row, by which {REAL['affectnet'][0]} take {real:.0f} MB."
    )


def _reading(cells: Cells) -> Iterator[Block]:
    """Clips a second; nothing where none was read."""
    for (dataset, quantity, cores), value in cells.items():
        if quantity != "train":
            continue
        file, memory = (cells[dataset, f"read {where}", cores] for where in ("file", "memory"))
        columns = [
            Column(name=""),
            Column(name="clips a second", align="r"),
            Column(name="of need", align="r"),
        ]
        body = [
            ["Read from the file", f"{file:.0f}", f"{file / value:.0f} times"],
            ["Read from memory", f"{memory:.0f}", f"{memory / value:.0f} times"],
            ["HO-CP ResNet-18 3-D, forward and backward", f"{value:.2f}", ""],
        ]
        notes = [
            f"{label('datasets', dataset).name}; windows of 16 frames of 112 pixels, drawn at random. "
            f"The network has the paper's size and {cores} cores of this machine. What a GPU would need was "
            "not measured."
        ]
        yield Block(title="Reading for training", columns=columns, rows=body, notes=notes)


if __name__ == "__main__":
    main()
