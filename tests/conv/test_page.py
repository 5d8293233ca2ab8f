"""The examples of hocp/conv/README.md run in order, as a reader would paste them; links lead to headings."""

import re
from functools import partial
from pathlib import Path

import pytest
import torch

from hocp.conv import factorize, network_cost
from hocp.conv.forms import FORMS

CONV = Path(__file__).parents[2] / "hocp" / "conv"
PAGE = CONV / "README.md"
TEXT = PAGE.read_text(encoding="utf-8")
SECTIONS = {
    title: re.findall(r"```python\n(.*?)```", body, re.DOTALL)
    for title, body in re.findall(r"^### (.+?)\n(.*?)(?=^##)", TEXT, re.DOTALL | re.MULTILINE)
}


class Reader:
    """Someone who pastes the blocks from the top, once each."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.names, self.left = {}, list(SECTIONS)

    def read_up_to(self, title: str) -> None:
        """Run every section up to this one that was not run before."""
        while title in self.left:
            section = self.left.pop(0)
            if "latency" in section:  # the clock of a busy machine would decide; counts grow as times do
                self.names["factorize"] = partial(factorize, timer=count)
            for block in SECTIONS[section]:
                exec(compile(block, f"{PAGE.name}, {section}", "exec"), self.names)


@pytest.fixture(scope="module")
def reader():
    return Reader()


def count(network, batch):
    """Stands for the clock: seconds at a gigahertz, one multiply-add each."""
    return network_cost(network, batch.shape[1:], device="cpu").macs * len(batch) / 1e9


@pytest.mark.parametrize("title", SECTIONS)
def test_every_step_of_the_ladder_runs(title, reader):
    assert SECTIONS[title], f"{title} has no code"
    reader.read_up_to(title)


def test_the_ladder_reaches_its_two_ends():
    assert len(SECTIONS) >= 10
    assert any("half its latency" in title for title in SECTIONS)
    assert any("video network" in title for title in SECTIONS)


def test_every_public_class_is_on_the_page():
    import hocp.conv

    classes = [name for name in hocp.conv.__all__ if isinstance(getattr(hocp.conv, name), type)]
    layers = [name for name in classes if issubclass(getattr(hocp.conv, name), torch.nn.Module)]
    assert [name for name in layers if f"`{name}`" not in TEXT and f"hocp.conv.{name}" not in TEXT] == []


def test_links_lead_to_headings():
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in TEXT.splitlines()
        if line.startswith("#")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings


def test_page_on_forms(capsys):
    """Its block runs; what it prints names every form, and by the second time their measured times."""
    page = (CONV / "forms" / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(block, "forms/README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert all(printed.count(f" {name} ") >= 2 or printed.count(f"{name} ") >= 2 for name in FORMS)
    assert all(f"| `{name}` |" in page for name in FORMS)
