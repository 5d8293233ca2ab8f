"""Copies of a made-up paper with the published tables, as different programs would give them."""

from collections.abc import Callable, Mapping

from hocp.contracts import published
from hocp.contracts.published import DIMENSIONS, METRICS

KNOWN = published.load()
CAPTIONS = {"affectnet": "AffectNet", "sewa": "SEWA", "afew_va": "AFEW-VA"}
NAMES = {
    "affectnet_baseline": "AffectNet baseline [34]",
    "face_ssd": "Face-SSD [19]",
    "vgg_face_2m": "VGG-Face + 2M images",
    "resnet18": "ResNet-18",
    "hocp": "HO-CPConv (ours)",
    "sewa_svm": "SEWA [28]",
    "vgg16_trl": "VGG16 + TRL [32]",
    "r3d18": "ResNet-18 3D",
    "r2plus1d18": "ResNet-18 (2+1)D",
    "hocp_scratch": "HO-CPConv (ours) - scratch",
    "hocp_transduction": "HO-CPConv (ours) - trans.",
    "rf_hybrid_dct": "RF Hybrid DCT [27]",
    "resnet50_trl": "ResNet-50 + TRL",
    "affwildnet": "AffWildNet [25]",
}
Changes = Mapping[tuple[str, str, str], str]


def numbers(table: str, row: Mapping, changes: Changes, write: Callable[[str], str] = str) -> list[str]:
    """Eight texts of a row; `changes` plants others, by table, method and cell."""
    decimals = KNOWN.document[table]["decimals"]
    texts = []
    for dimension in DIMENSIONS:
        for metric in METRICS:
            value = row[dimension][metric]
            text = "-" if value is None else write(published.printed(value, decimals[metric]))
            texts.append(changes.get((table, row["method"], f"{dimension}.{metric}"), text))
    return texts


def rows(table: str):
    """Rows of a table as paper.yaml has them."""
    return KNOWN.document[table]["rows"]


def markdown(changes: Changes) -> str:
    """Pipe tables with bold numbers, captions above."""
    parts = ["# A paper\n\nWe train ResNet-18 at a rate of 0.01 and get 0.5 more. Ours is 33M smaller.\n"]
    for number, (table, name) in enumerate(CAPTIONS.items(), start=1):
        parts.append(f"\nTable {number}. Results on {name}.\n\n| Method |" + " RMSE | SAGR | PCC | CCC |" * 2)
        parts.append("| --- |" + " ---: |" * 8)
        for row in rows(table):
            texts = [
                f"**{t}**" if row["method"] == "hocp_transduction" else t
                for t in numbers(table, row, changes)
            ]
            parts.append(f"| {NAMES[row['method']]} | " + " | ".join(texts) + " |")
    return "\n".join(parts)


def text(changes: Changes) -> str:
    """As pdftotext -layout prints: .37 for 0.37, another column's words beside, rows over two lines."""
    lines = [
        "        We present a factor-",
        "ized network for estimation of affect in the wild - from faces.",
        "",
    ]
    for number, (table, name) in enumerate(CAPTIONS.items(), start=1):
        for k, row in enumerate(rows(table)):
            texts = numbers(table, row, changes, lambda t: t.removeprefix("0"))
            label = NAMES[row["method"]]
            if k % 3 == 0:
                lines.append(f"the network that we trained for this table   {label}    " + "   ".join(texts))
            elif k % 3 == 1:
                lines += [f"  {label}    " + "   ".join(texts[:4]), "          " + "   ".join(texts[4:])]
            else:
                lines.append(
                    f"  {label:30s}" + "   ".join(texts) + "      is what others report as well, in all"
                )
        lines += ["", f"   Table {number}: Performance on {name}, static and temporal.", ""]
    return "\n".join(lines)


def columns(changes: Changes) -> str:
    """Column by column, all names first."""
    lines = []
    for number, (table, name) in enumerate(CAPTIONS.items(), start=1):
        cells = [numbers(table, row, changes) for row in rows(table)]
        lines += [f"Table {number}. {name}", *(NAMES[row["method"]] for row in rows(table))]
        lines += [cells[r][c] for c in range(8) for r in range(len(cells))] + ["And so on.", ""]
    return "\n".join(lines)


def html(changes: Changes) -> str:
    """Tables with mathematics written twice, as converters from LaTeX do."""
    parts = ["<html><head><style>td {width: 0.5}</style></head><body><p>ResNet-18 and ours</p>"]
    for number, (table, name) in enumerate(CAPTIONS.items(), start=1):
        parts.append("<figure><table><tr><th>Method</th></tr>")
        for row in rows(table):
            cells = "".join(
                f"<td><math><semantics><mn>{t}</mn><annotation>{t}</annotation></semantics></math></td>"
                for t in numbers(table, row, changes)
            )
            parts.append(f"<tr><td><b>{NAMES[row['method']]}</b></td>{cells}</tr>")
        parts.append(f"</table><figcaption>Table {number}: on {name}.</figcaption></figure>")
    return "\n".join([*parts, "</body></html>"])
