"""The look-alikes of AVEC have the names, tables and rates of the challenges' releases, and their faults."""

import json
import re

import fault_checks
import numpy as np
import pytest
from release_views import content, gold_rows, video

from data_prep.lookalike import avec, avec_faults, avec_names, avec_traces
from data_prep.lookalike.cli import RELEASES
from data_prep.lookalike.release import spread
from data_prep.lookalike.seeds import stream
from hocp.contracts.manifest import STATUSES

SIZES = {"segments": 14, "seconds": 1.0}


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    folder = tmp_path_factory.mktemp("avec") / "raw"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(avec, "ceilings", lambda *_, **__: {})  # seconds, and no matter of layout
        avec.generate(folder, seed=11, year=2019, **SIZES)
    return folder


@pytest.fixture(scope="module")
def sound(release):
    """Labelled recordings without a fault."""
    spoilt = {fault["item"].split("/")[0] for fault in fault_checks.planted(release)}
    names = {path.stem for path in (release / "AVEC2019_SEWA/labels").iterdir()} - spoilt
    return sorted(names) or pytest.fail("no sound recording")


def test_tree(release):
    home = release / "AVEC2019_SEWA"
    kinds = {"audio": "wav", "video": "avi", "labels": "csv", "turns": "csv", "transcriptions": "csv"}
    assert {path.name for path in release.iterdir()} == {home.name, "openface", "lookalike.json"}
    assert {path.name for path in home.iterdir()} == set(kinds)
    for folder, form in kinds.items():
        for path in (home / folder).iterdir():
            assert re.fullmatch(rf"(Train|Devel|Test)_(DE|HU|CN)_\d\d\.{form}", path.name)
    assert not list((home / "labels").glob("Test*"))
    assert len(list((home / "video").iterdir())) == 13, "one of fourteen is planted as missing"


@pytest.mark.parametrize("year", avec_names.OFFICIAL)
def test_at_full_size_the_numbers_are_official(year):
    full = sum(avec_names.OFFICIAL[year].values())
    names = avec_names.recordings(year, full)
    assert len(set(names)) == full
    counts = {
        2017: ("Train_34", "Devel_14", "Test_16"),
        2018: ("Test_HU_66",),
        2019: ("Test_CN_70", "Devel_HU_14"),
    }
    assert set(counts[year]) <= set(names)
    for count in (4, full + 1):
        with pytest.raises(ValueError, match="see --segments"):
            avec_names.recordings(year, count)


def test_a_small_release_is_mostly_labelled():
    names = avec_names.recordings(2019, 40)
    assert sum(name.startswith("Test") for name in names) == 3
    assert sum(name.startswith("Train") for name in names) == pytest.approx(37 * 34 / 48, abs=1)


def test_tables_of_labels(release, sound):
    starts = []
    for name in sound:
        text = (release / f"AVEC2019_SEWA/labels/{name}.csv").read_bytes()
        assert text.startswith(f"name;timestamp;arousal;valence;liking\n'{name}';0.000000;0.000000;".encode())
        assert b"\r" not in text
        rows = gold_rows(text)
        np.testing.assert_allclose(rows[:, 0], np.arange(len(rows)) / 10)
        assert np.abs(rows[:, 1:]).max() <= 1
        starts.append(int(np.argmax(rows[:, 1] != 0)))
    lag = json.loads((release / "lookalike.json").read_text())["lag_seconds"]
    assert lag == 0.2 and all(2 <= start <= 4 for start in starts)


def test_rate_depends_on_the_culture_and_length_on_the_labels(release, sound):
    for name in [sound[0], sound[-1]]:
        frames, rate = video(release / f"AVEC2019_SEWA/video/{name}.avi")
        assert rate == (50 if "_DE_" in name else 25)
        labels = gold_rows((release / f"AVEC2019_SEWA/labels/{name}.csv").read_bytes())
        assert frames.shape == (len(labels) * rate / 10, 240, 320, 3)
        table = np.genfromtxt(release / f"openface/{name}.csv", delimiter=",", names=True, autostrip=True)
        assert list(table["frame"]) == list(range(1, len(frames) + 1)) and set(table["success"]) == {1}
        nose = np.stack([table["x_30"], table["y_30"]], axis=1)
        assert ((nose > 60) & (nose < (260, 180))).all()


def test_labels_wander_as_published():
    """Lag-1 correlation of .996, standard deviations and correlation of the German development files."""
    long = [avec_traces.drift(stream(n, "drift"), 2000, 0.79) for n in range(60)]
    valence, arousal = (np.stack(axis) for axis in zip(*long, strict=True))
    near = np.mean(valence[:, :-1] * valence[:, 1:]) / np.mean(valence**2)
    assert near == pytest.approx(0.996, abs=0.0015)
    assert np.corrcoef(valence.ravel(), arousal.ravel())[0, 1] == pytest.approx(0.79, abs=0.05)
    labels = [
        avec_traces.gold(stream(n, "gold"), row, avec_traces.SCALES["DE"]["arousal"], lag=20, rest=26)
        for n, row in enumerate(arousal)
    ]
    assert all((label[:26] == 0).all() and label[26] != 0 for label in labels)
    moving = np.stack(labels)[:, 26:]
    assert moving.std() == pytest.approx(0.144, abs=0.03) and moving.mean() == pytest.approx(0.138, abs=0.03)
    # Raters are late: the label goes with what was felt 20 rows ago, not with now.
    late = np.mean([np.corrcoef(m, row[6:-20])[0, 1] for m, row in zip(moving, arousal, strict=True)])
    now = np.mean([np.corrcoef(m, row[26:])[0, 1] for m, row in zip(moving, arousal, strict=True)])
    assert late > now


def test_every_planted_fault_is_in_the_files(release):
    checks, faults = fault_checks.avec(release), fault_checks.planted(release)
    for fault in faults:
        assert checks[fault["kind"]](fault["item"]), fault
        assert fault["expected_status"] in {*STATUSES, None}
    kinds = {*avec_faults.LOSSES, *avec_faults.KINDS, avec_faults.WITHHELD, avec_faults.DECOY}
    assert {fault["kind"] for fault in faults} == set(checks) == kinds


def test_processes_do_not_matter(release, tmp_path):
    """Some recordings made anew, by two processes, are those of the release."""
    for folder in ("openface", *(f"AVEC2019_SEWA/{name}" for name in avec.FOLDERS)):
        (tmp_path / folder).mkdir(parents=True)
    chosen = avec.plan(11, 2019, **dict(zip(("count", "seconds"), SIZES.values(), strict=True)))[1:4]
    spread(avec._make, [avec._Task(11, 2019, tmp_path, recording) for recording in chosen], 2)
    again, whole = content(tmp_path), content(release)
    assert len(again) > 3 * 5 and again.items() <= whole.items()


def test_older_tables_have_no_header_and_plain_names(tmp_path):
    for year in (2017, 2018):
        sound = next(one for one in avec.plan(3, year, 20, 2.0) if one.labelled and not one.fault)
        task = avec._Task(3, year, tmp_path, sound)
        avec._label(task, avec_traces.drift(stream(0, "x"), sound.steps, 0.5), tmp_path / f"{sound.name}.csv")
        text = (tmp_path / f"{sound.name}.csv").read_text()
        assert text.startswith(f"{sound.name};0.000000;0.000000;0.000000;")
        assert ("_DE_" in sound.name) == (year == 2018)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"seconds": 0.5}, "--seconds"),
        ({"segments": 5, "year": 2017}, "ask for more"),
        ({"segments": 4}, "--segments"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, word, tmp_path):
    with pytest.raises(ValueError, match=word):
        avec.generate(tmp_path / "out", seed=1, **{**SIZES, **changes})
    assert not (tmp_path / "out").exists()


def test_every_year_can_be_chosen():
    assert [f"avec{year}" for year in avec_names.OFFICIAL] == list(RELEASES["sewa"][1:])
