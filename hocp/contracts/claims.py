"""The claims of the paper, and the rule by which each is judged, fixed before ours were looked at.

The file is `results/published/claims.yaml`; `workflow/schemas/claims.schema.yaml` describes its keys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hocp.contracts.published import ROOT, read_yaml

LEDGER = ROOT / "results" / "published" / "claims.yaml"
SCHEMA = ROOT / "workflow" / "schemas" / "claims.schema.yaml"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim.

    Attributes
    ----------
    id, short, statement, where : str
        Machine name, some words, a sentence, and the place in the paper.
    confidence : str
        How surely the paper says so; a key of `Published.levels`.
    kind : {"analytic", "empirical"}
    quantity, tolerance : str
        What is compared, and how near ours must come, in words.
    testable_on : tuple of str
        Of "definitions", "generated", "licensed"; empty where nothing here can test it.
    test : mapping
        ``rule`` and its numbers; `figures.claim_rules` has the rules.
    note : str
    """

    id: str
    short: str
    statement: str
    where: str
    confidence: str
    kind: str
    quantity: str
    tolerance: str
    testable_on: tuple[str, ...]
    test: Mapping[str, Any]
    note: str = ""


def load(path: str | Path | None = None) -> list[Claim]:
    """Read and check the ledger, in its order.

    Raises
    ------
    ValueError
        If the file breaks its schema or a claim contradicts itself; names file, claim and key.
    """
    path = LEDGER if path is None else Path(path)
    rows = read_yaml(path, SCHEMA)["claims"]
    claims = [Claim(**{**row, "testable_on": tuple(row["testable_on"])}) for row in rows]
    seen: set[str] = set()
    for index, claim in enumerate(claims):
        if claim.id in seen:
            raise ValueError(f"{path}: claims[{index}].id: {claim.id!r} stands twice, expected once")
        seen.add(claim.id)
        if bool(claim.testable_on) == (claim.test["rule"] == "none"):
            raise ValueError(
                f"{path}: claim {claim.id}: testable_on is {list(claim.testable_on)} with the rule "
                f"{claim.test['rule']!r}; expected an empty list exactly where the rule is 'none'"
            )
        if (claim.kind == "analytic") != ("definitions" in claim.testable_on):
            raise ValueError(
                f"{path}: claim {claim.id}: kind is {claim.kind} but testable_on is "
                f"{list(claim.testable_on)}; expected 'definitions' exactly for analytic claims"
            )
    return claims
