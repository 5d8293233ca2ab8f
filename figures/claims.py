"""Every claim of the paper beside what this scenario found, judged by the rule of the ledger.

``python -m figures.claims --cost cost.csv --identities identities.csv --comparisons comparisons.csv --runs
runs.csv --ranks ranks.csv ... --out results/demo/claims.csv``; what a scenario has not is left out, and its
claims are not run.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from figures import claim_effects, claim_rules
from figures.claim_rules import Evidence
from figures.tables import inputs_of
from hocp.contracts import claims as ledger
from hocp.contracts import files, published, trail
from hocp.contracts.claims import Claim

#: Columns that the ledger itself fills.
OWN = ("id", "short", "statement", "where", "confidence", "kind", "quantity", "tolerance", "note")
COLUMNS = (
    "id", "short", "statement", "where", "confidence", "kind", "testable_on", "quantity", "published",
    "tolerance", "ours", "low", "high", "verdict", "reason", "data", "note", "evidence",
)  # fmt: skip
RULES = claim_rules.RULES | claim_effects.RULES


def main(argv: Sequence[str] | None = None) -> None:
    """Read, judge, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--ledger", metavar="YAML", help="default: results/published/claims.yaml")
    parser.add_argument("--published", metavar="YAML", help="default: results/published/paper.yaml")
    for name, what in (
        ("cost", "analytic counts"),
        ("identities", "measured identities"),
        ("comparisons", "differences of methods"),
        ("runs", "all runs' metrics"),
    ):
        parser.add_argument(f"--{name}", type=Path, metavar="CSV", help=what)
    parser.add_argument("--ranks", type=Path, nargs="*", default=[], metavar="CSV", help="of each lasso run")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV")
    args = parser.parse_args(argv)
    args.ledger = args.ledger or ledger.LEDGER
    evidence = Evidence(
        published.load(args.published),
        trail.scenario_of(args.out),
        args.cost,
        args.identities,
        args.comparisons,
        args.runs,
        tuple(args.ranks),
    )
    found = list(rows(ledger.load(args.ledger), evidence))
    files.write_csv(args.out, COLUMNS, found)
    trail.write(trail.place(args.out), {args.out.name: args.out}, inputs_of(args), home=args.out)


def rows(claims: Sequence[Claim], evidence: Evidence) -> Iterator[dict[str, str]]:
    """One row a claim, in the ledger's order."""
    for claim in claims:
        found = RULES[claim.test["rule"]](claim.test, evidence)
        own = {name: getattr(claim, name) for name in OWN}
        yield own | {
            "testable_on": " ".join(claim.testable_on),
            "published": found.published,
            "ours": found.ours,
            "low": found.low,
            "high": found.high,
            "verdict": found.verdict.word,
            "reason": found.verdict.reason,
            "data": found.data,
            "evidence": "; ".join(found.evidence),
        }


if __name__ == "__main__":
    sys.exit(main())
