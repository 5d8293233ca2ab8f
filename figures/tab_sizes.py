"""Sizes of the networks and operations of the layers, published and ours; nothing here depends on data.

``python -m figures.tab_sizes --cost cost.csv --published results/published/paper.yaml --out PREFIX``
"""

from collections.abc import Iterator, Mapping, Sequence

from figures import cost_tables, tables, verdicts
from figures.cost_tables import ABSENT, COLUMNS, ROUNDS, judged, of_table, row, said, shown
from figures.labels import label, labels
from figures.tables import Block, Column
from hocp.contracts import published
from hocp.contracts.published import Published

Cost = Mapping[tuple[str, str, str], dict[str, str]]
Rows = Sequence[Mapping[str, str]]

MACS = "multiply-accumulates"
UNPUBLISHED = verdicts.Verdict(verdicts.NOT_PUBLISHED)
RULES = {"matched": "parameters kept, layer by layer", "R=3C": "R = 3C", "R=6C": "R = 6C"}


def main(argv: Sequence[str] | None = None) -> None:
    """Read, compare, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--cost", required=True, metavar="CSV", help="analytic tables (hocp cost --tables)")
    parser.add_argument("--published", metavar="YAML", help="default: results/published/paper.yaml")
    args = parser.parse_args(argv)
    known = published.load(args.published)
    rows = list(compare(known, cost_tables.read_cost(args.cost)))
    tables.write(args.out, COLUMNS, rows, blocks=wide(rows, known), inputs=tables.inputs_of(args))


def compare(known: Published, cost: Cost) -> Iterator[dict[str, str]]:
    """Long form: reported sizes, exact counts, multiply-accumulates, rank rules, bars of the FLOP figure."""
    emotion = of_table(cost, "emotion")
    yield from (cost_tables.reported_size(cell, emotion) for cell in known.cells("sizes"))
    yield from cost_tables.counts(known, "sizes", emotion)
    for network, counted in emotion.items():
        name, ours = label("networks", network).name, tables.number(billions(counted))
        yield row("sizes_macs", network, name, quantity=MACS, unit="10^9", input=counted["input"], ours=ours,
                  **judged(UNPUBLISHED))  # fmt: skip
    yield from _torchvision(known, of_table(cost, "torchvision"))
    yield from _rank_rules(known, cost)
    yield from _bars(known, cost)


def billions(counted: Mapping[str, str]) -> float:
    """Multiply-accumulates of a row of cost.csv, in units of 10^9."""
    return int(counted["macs"]) / 1e9


def _torchvision(known: Published, cost: Mapping[str, dict[str, str]]) -> Iterator[dict[str, str]]:
    """Multiply-accumulates that torchvision states, counted by us in its form of the networks."""
    section = known.document["reference_macs"]
    for reference in section["rows"]:
        network, size = reference["network"], "x".join(map(str, reference["input"]))
        counted = cost.get(network)
        same = counted and (counted["input"], counted["c_out"]) == (size, str(reference["outputs"]))
        ours = billions(counted) if same else None
        found = verdicts.verdict(reference["gmacs"], ours, data="analytic", tolerance=0.0005,
                                 why=ROUNDS if same else ABSENT)  # fmt: skip
        yield row(
            "torchvision", network, label("networks", network).name, quantity=MACS, unit="10^9", input=size,
            published=f"{reference['gmacs']:.3f}", confidence=section["confidence"],
            ours=tables.number(ours), **judged(found),
        )  # fmt: skip


def _rank_rules(known: Published, cost: Cost) -> Iterator[dict[str, str]]:
    """Which choice of the ranks gives the size that the paper reports for the clip network."""
    network = "hocp_resnet18_3d"
    (cell,) = (cell for cell in known.cells("sizes") if cell.method == network)
    for rule, name in RULES.items():
        counted = cost.get(("rank_rules", network, rule))
        found = cost_tables.reported_size(cell, {network: counted} if counted else {})
        yield {**found, "part": "rank_rules", "item": f"{network}.{rule}", "name": name}


def _bars(known: Published, cost: Cost) -> Iterator[dict[str, str]]:
    """The bars of the FLOP figure in its own way of counting, and as plain multiply-accumulates."""
    confidence = known.document["flop_figure"]["confidence"]
    decimals = known.document["flop_figure"]["decimals"]["gflops"]
    for (c_in, c_out, kind), height in known.bars().items():
        item, name = f"{c_in}x{c_out}.{kind}", label("convolutions", kind).name.replace("$", "")
        counted = cost.get(("flop_figure", item, kind))
        ours = float(counted["gflops_paper_convention"]) if counted else None
        found = verdicts.verdict(height, ours, data="analytic", tolerance=0.5 * 10**-decimals,
                                 why=f"equal to {decimals} decimals" if counted else ABSENT)  # fmt: skip
        size = counted["input"] if counted else ""
        yield row("flop_figure", item, name, quantity="operations as the figure counts them", unit="GFLOPs",
                  input=size, published=f"{height:.{decimals}f}", confidence=confidence,
                  ours=tables.number(ours, decimals), **judged(found))  # fmt: skip
        if counted:
            yield row("flop_figure_macs", item, name, quantity=MACS, unit="10^9", input=size,
                      ours=tables.number(billions(counted)), **judged(UNPUBLISHED))  # fmt: skip


def wide(rows: Rows, known: Published) -> list[Block]:
    """Four tables: networks, torchvision's figures, choice of the rank, bars of the FLOP figure."""
    blocks = [_networks(rows), _macs(rows), _ranks(rows), _figure(rows)]
    legend = verdicts.legend((r["confidence"] for r in rows if r["confidence"]), known.levels)
    blocks[-1] = tables.with_notes(blocks[-1], legend)
    return blocks


def _part(rows: Rows, part: str) -> dict[str, Mapping[str, str]]:
    return {r["item"]: r for r in rows if r["part"] == part}


def extents(row: Mapping[str, str] | None) -> str:
    """Size of an input as a reader writes it."""
    return shown(row, "input").replace("x", " × ")


def _networks(rows: Rows) -> Block:
    sizes, counts, macs = (_part(rows, part) for part in ("sizes", "sizes_counts", "sizes_macs"))
    columns = [
        Column(name="Network"),
        Column(name="published, M", group="Parameters", align="r"),
        Column(name="reference", group="Parameters", align="r"),
        Column(name="ours", group="Parameters", align="r"),
        Column(name="ours, G", group="Multiply-accumulates", align="r"),
        Column(name="input", group="Multiply-accumulates"),
        Column(name="Verdict"),
    ]
    body = []
    for network in labels("networks"):
        size, count, mac = (part.get(network) for part in (sizes, counts, macs))
        if size or count or mac:
            body.append([
                label("networks", network).name, shown(size, "published"), shown(count, "published"),
                shown(count, "ours") or shown(size, "ours"), shown(mac, "ours"), extents(mac),
                said([r for r in (size, count) if r]),
            ])  # fmt: skip
    note = (
        "Two outputs, full width; multiply-accumulates of one forward pass of one input, of convolutions and "
        "linear layers. A published size is reproduced where ours rounds to it. References are counts of "
        "torchvision's networks, or follow from ranks that keep the parameters of the dense 2-D layer."
    )
    return Block(title="Networks of the emotion experiments", columns=columns, rows=body, notes=[note])


def _macs(rows: Rows) -> Block:
    columns = [Column(name="Network"), Column(name="Input"), Column(name="published, G", align="r"),
               Column(name="ours, G", align="r"), Column(name="Verdict")]  # fmt: skip
    body = [
        [r["name"], extents(r), shown(r, "published"), shown(r, "ours"), said([r])]
        for r in _part(rows, "torchvision").values()
    ]
    return Block(
        title="Multiply-accumulates of torchvision's networks, in its form", columns=columns, rows=body
    )


def _ranks(rows: Rows) -> Block:
    columns = [Column(name="Rule for the ranks"), Column(name="published, M", align="r"),
               Column(name="ours, M", align="r"), Column(name="Verdict")]  # fmt: skip
    body = [
        [r["name"], shown(r, "published"), shown(r, "ours"), said([r])]
        for r in _part(rows, "rank_rules").values()
    ]
    note = (
        "The paper's rule for the ranks is not known; keeping the parameters of the dense 2-D layer gives "
        "the reported size, the ranks of its FLOP figure do not."
    )
    return Block(
        title="HO-CP ResNet-18 3-D: which ranks give its size", columns=columns, rows=body, notes=[note]
    )


def _figure(rows: Rows) -> Block:
    bars, macs = _part(rows, "flop_figure"), _part(rows, "flop_figure_macs")
    columns = [
        Column(name="Channels"),
        Column(name="Layer"),
        Column(name="published", group="GFLOPs as the figure counts", align="r"),
        Column(name="ours", group="GFLOPs as the figure counts", align="r"),
        Column(name="ours, G", group="Multiply-accumulates", align="r"),
        Column(name="Verdict"),
    ]
    body = [
        [item.partition(".")[0].replace("x", " × "), r["name"], shown(r, "published"), shown(r, "ours"),
         shown(macs.get(item), "ours"), said([r])]
        for item, r in bars.items()
    ]  # fmt: skip
    note = (
        "3 × 3 × 3 kernels on 32 × 32 × 16 positions. The figure counts each multiply-accumulate twice, or a "
        "batch of two, and adds small terms that are not convolutions."
    )
    return Block(title="Bars of the FLOP figure", columns=columns, rows=body, notes=[note])


if __name__ == "__main__":
    main()
