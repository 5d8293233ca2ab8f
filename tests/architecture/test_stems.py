"""One stem is the whole index: module, rule, outputs and caption of every table and figure share a name."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KINDS = {"tab": "workflow/rules/tables.smk", "fig": "workflow/rules/figures.smk"}


def stems(kind: str, folder: str, suffix: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob(f"{kind}_*{suffix}")}


def rules_of(kind: str) -> list[str]:
    """Stems in the rule file's table, in order."""
    text = (ROOT / KINDS[kind]).read_text("utf-8")
    return re.findall(rf'^    "({kind}_\w+)": {{', text, flags=re.MULTILINE)


@pytest.mark.parametrize("kind", KINDS)
def test_one_rule_one_module_one_caption(kind):
    rules = rules_of(kind)
    assert rules and len(rules) == len(set(rules))
    assert set(rules) == stems(kind, "figures", ".py"), "rules and modules differ"
    assert set(rules) == stems(kind, "workflow/report", ".rst"), "rules and captions differ"


@pytest.mark.parametrize("kind", KINDS)
def test_every_module_is_a_command(kind):
    for stem in sorted(stems(kind, "figures", ".py")):
        text = (ROOT / "figures" / f"{stem}.py").read_text("utf-8")
        assert "def main(" in text and '__name__ == "__main__"' in text, stem
