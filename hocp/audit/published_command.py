"""``python -m hocp published check PAPER``: the published numbers against your own copy of the paper."""

import argparse
from pathlib import Path

import yaml

from hocp.audit import paper_check, paper_text
from hocp.audit.paper_check import CONFIRMED, DIFFERS
from hocp.contracts import files, published

OUT = "published.checked.yaml"
_HEAD = """\
# Published numbers, checked by `python -m hocp published check` against a copy of the paper.
# Use them: snakemake ... --config published={name}, or --published with a command of a table.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("action", choices=["check"], help="what to do: compare with a copy of the paper")
    parser.add_argument("paper", type=Path, help="PDF, HTML, Markdown or text")
    parser.add_argument("--published", metavar="YAML", help="default: results/published/paper.yaml")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(OUT),
        metavar="YAML",
        help=f"numbers with what was learnt (default {OUT}); the list of cells goes beside it as CSV",
    )


def run(args: argparse.Namespace) -> int:
    """Compare, write, tell; 1 where no cell of the paper was recognised, and then no numbers are written."""
    if args.out.resolve() == published.PAPER:
        raise ValueError(f"--out is {args.out}, the project's own file; give another, it is not overwritten")
    known = published.load(args.published)
    results = paper_check.check(paper_text.read(args.paper), known)
    files.write_csv(args.out.with_suffix(".csv"), paper_check.COLUMNS, (result.row() for result in results))
    print("\n".join(paper_check.summary(results)))
    print(f"{args.out.with_suffix('.csv')}: every cell")
    if not any(result.outcome in (CONFIRMED, DIFFERS) for result in results):
        print(f"{args.paper}: no number of the paper was recognised; is it the paper, with text?")
        return 1
    source = f"a copy of the paper, read by `hocp published check`, SHA-256 {files.sha256(args.paper)}"
    _write(args.out, paper_check.improved(known, results, source=source))
    print(f"{args.out}: numbers with what was learnt; use it by `--config published={args.out}`")
    return 0


def _write(path: Path, document: dict) -> None:
    """Publish numbers, if they pass the check of every reader."""
    with files.publish(path) as scratch:
        body = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
        scratch.write_text(_HEAD.format(name=path) + body, "utf-8")
        published.load(scratch)
