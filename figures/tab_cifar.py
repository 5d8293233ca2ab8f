"""MobileNet-v2 for CIFAR-10, plain and HO-CP: published sizes and ours; accuracies are not run.

``python -m figures.tab_cifar --cost cost.csv --published results/published/paper.yaml --out PREFIX``
"""

from collections.abc import Iterator, Mapping, Sequence

from figures import cost_tables, tables, verdicts
from figures.cost_tables import COLUMNS, judged, of_table, row, shown
from figures.labels import label
from figures.tables import Block, Column
from hocp.contracts import published
from hocp.contracts.published import Cell, Published

NOT_IN_SUITE = "CIFAR-10 is not part of the suite"


def main(argv: Sequence[str] | None = None) -> None:
    """Read, compare, write."""
    parser = tables.parser(__doc__)
    parser.add_argument("--cost", required=True, metavar="CSV", help="analytic tables (hocp cost --tables)")
    parser.add_argument("--published", metavar="YAML", help="default: results/published/paper.yaml")
    args = parser.parse_args(argv)
    known = published.load(args.published)
    cost = of_table(cost_tables.read_cost(args.cost), "cifar")
    rows = list(compare(known, cost))
    tables.write(args.out, COLUMNS, rows, blocks=[wide(rows, known)], inputs=tables.inputs_of(args))


def compare(known: Published, cost: Mapping[str, dict[str, str]]) -> Iterator[dict[str, str]]:
    """Long form: reported sizes, exact counts, accuracies."""
    cells = known.cells("cifar")
    yield from (
        cost_tables.reported_size(cell, cost) for cell in cells if cell.metric == "parameters_millions"
    )
    yield from cost_tables.counts(known, "cifar", cost)
    yield from (_accuracy(cell) for cell in cells if cell.metric == "accuracy_percent")


def _accuracy(cell: Cell) -> dict[str, str]:
    return row(
        "cifar_accuracy", cell.method, label("networks", cell.method).name, quantity="accuracy", unit="%",
        published=cell.printed, confidence=cell.confidence,
        **judged(verdicts.verdict(cell.value, None, data="analytic", why=NOT_IN_SUITE)),
    )  # fmt: skip


def wide(rows: Sequence[Mapping[str, str]], known: Published) -> Block:
    """A line a network."""
    columns = [
        Column(name="Network"),
        Column(name="published, M", group="Parameters", align="r"),
        Column(name="reference", group="Parameters", align="r"),
        Column(name="ours", group="Parameters", align="r"),
        Column(name="Verdict", group="Parameters"),
        Column(name="published, %", group="Accuracy on CIFAR-10", align="r"),
        Column(name="ours", group="Accuracy on CIFAR-10"),
    ]
    part = {name: {r["item"]: r for r in rows if r["part"] == name}
            for name in ("cifar", "cifar_counts", "cifar_accuracy")}  # fmt: skip
    body = []
    for network, size in part["cifar"].items():
        count, accuracy = (part[name].get(network) for name in ("cifar_counts", "cifar_accuracy"))
        body.append([
            size["name"], shown(size, "published"), shown(count, "published"),
            shown(count, "ours") or shown(size, "ours"), cost_tables.said([r for r in (size, count) if r]),
            shown(accuracy, "published"), accuracy["verdict"] if accuracy else "",
        ])  # fmt: skip
    notes = [
        verdicts.legend((r["confidence"] for r in rows if r["confidence"]), known.levels),
        f"Accuracies are not run: {NOT_IN_SUITE}; the paper gives them as about.",
    ]
    return Block(title="MobileNet-v2 for CIFAR-10", columns=columns, rows=body, notes=notes)


if __name__ == "__main__":
    main()
