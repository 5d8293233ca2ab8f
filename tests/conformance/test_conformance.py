"""hocp.conv passes every probe; the reference's answers are recorded; no probe is unable to fail."""

import json
from functools import cache

import conformance
import pytest
from all_probes import ALL, GROUPS
from probing import FAILS, NOT_RUN, PASSES, each, outcome

IDS = [probe.id for probe in ALL]
#: What the reference is known to do right: were these not to pass, the adapter would be to blame.
SOUND = ("G1", "G2", "G3", "I3", "D1", "M1", "M11", "X1", "V1", "W7")
#: What it is known to do wrong, of which its maintainers or our own measurements tell.
FAULTY = {
    "G4": "KeyError: 4",
    "M2": "output 2x8x8x9x10, expected 2x8x8x5x5",
    "R3": "penalty 0.03, expected 0.3",
}


@pytest.mark.parametrize("probe", ALL, ids=IDS)
def test_ours_passes(probe):
    said = answer(probe.id, "hocp.conv")
    if said["outcome"] == NOT_RUN:
        pytest.skip(said["measured"])
    assert said["outcome"] == PASSES, f"{probe.question}: {said['outcome']}: {said['measured']}"


@pytest.mark.parametrize("probe", ALL, ids=IDS)
def test_the_probe_can_fail(probe):
    from library_broken import BROKEN

    said = answer(probe.id, "tensorly-torch")["outcome"]
    if said != FAILS and answer(probe.id, "hocp.conv")["outcome"] == NOT_RUN:
        pytest.skip("not run here")
    assert said == FAILS or any(_fails(probe, broken) for broken in BROKEN)


def test_the_reference_is_served_well():
    pytest.importorskip("tltorch")
    assert {id: answer(id, "tensorly-torch")["outcome"] for id in SOUND} == dict.fromkeys(SOUND, PASSES)
    assert {id: answer(id, "tensorly-torch")["measured"] for id in FAULTY} == FAULTY


def test_ids_are_distinct_and_in_order():
    assert len(set(IDS)) == len(IDS)
    for letter in dict.fromkeys(id[0] for id in IDS):
        numbers = [int(id[1:]) for id in IDS if id[0] == letter]
        assert numbers == list(range(1, len(numbers) + 1)), letter
        assert len({probe.group for probe in ALL if probe.id[0] == letter}) == 1
    assert {probe.group for probe in ALL} == set(GROUPS)


def test_record(tmp_path, capsys):
    conformance.main(["--out", str(tmp_path / "conformance.json"), "--only", "W4", "G1"])
    record = json.loads((tmp_path / "conformance.json").read_text())
    assert [row["id"] for row in record["probes"]] == ["G1", "W4"]
    assert record["libraries"] == ["hocp.conv", "tensorly-torch"]
    assert record["probes"][0]["outcomes"]["hocp.conv"] == {"outcome": "passes", "measured": ""}
    assert set(record["versions"]) == {"python", "torch", "tensorly", "tensorly-torch"}
    assert "G1" in capsys.readouterr().out


def test_an_absent_reference_is_told(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError("No module named 'tltorch'", name="tltorch")

    monkeypatch.setattr(conformance.importlib, "import_module", absent)
    library = conformance.library("tensorly-torch")
    assert outcome(ALL[0], library) == {"outcome": NOT_RUN, "measured": "tensorly-torch is not installed"}


def _fails(probe, library):
    """One wrong answer is enough."""
    return any(kind == FAILS for _, (kind, _) in each(probe, library))


@cache
def answer(id: str, name: str) -> dict[str, str]:
    """One library's answer, asked once."""
    return outcome(ALL[IDS.index(id)], conformance.library(name))
