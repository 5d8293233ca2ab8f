"""Whole or not at all, the same from any number of processes, and words that help."""

import h5py
import numpy as np
import pytest
from mini_releases import (
    afew_va,
    affectnet_2017,
    clip,
    clips,
    edited,
    encode,
    image_name,
    options,
    prepared,
    ramp,
    row,
    segment,
    sewa,
    video,
)

from data_prep import __main__ as command_line
from data_prep import pack, prepare, splits
from hocp.contracts import files, manifest

MAKE = {
    "affectnet": affectnet_2017,
    "sewa": sewa,
    "afew_va": lambda folder: afew_va(folder, clips(), layout="zips"),
}


FILES = {"crops.h5", "manifest.csv", "manifest.json", "split.csv"}


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("dataset", MAKE)
def test_same_bytes_from_one_process_and_two(tmp_path, dataset):
    MAKE[dataset](tmp_path / "a")
    results = []
    for processes in (1, 2):
        prepared(dataset, tmp_path / "a", processes=processes)
        results.append(contents(tmp_path / "a-out"))
    assert results[0] == results[1] and set(results[0]) == FILES


@pytest.mark.parametrize("dataset", MAKE)
def test_facts_describe_the_files(tmp_path, dataset):
    MAKE[dataset](tmp_path / "a")
    items, out = prepared(dataset, tmp_path / "a"), tmp_path / "a-out"
    facts = manifest.read_facts(out / "manifest.json")
    assert facts.manifest_sha256 == files.sha256(out / "manifest.csv")
    assert facts.crops_sha256 == files.sha256(out / "crops.h5")
    assert facts.counts == {"ok": len(items)} and facts.dataset == dataset and facts.data == "generated"
    assert facts.crop["side"] == 16 and facts.sources
    assert facts.split["sha256"] == files.sha256(out / "split.csv")
    with h5py.File(out / "crops.h5") as file:
        assert file["crops"].shape == (len(items), 16, 16, 3) and file["crops"].dtype == np.uint8
    assert sorted(item.row for item in items.values()) == list(range(len(items)))


def test_archives_are_known_by_their_hash(tmp_path):
    afew_va(tmp_path / "a", clips(), layout="zips")
    prepared("afew_va", tmp_path / "a")
    sources = manifest.read_facts(tmp_path / "a-out/manifest.json").sources
    assert {name: sources[name] for name in ("01.zip", "02.zip")} == {
        name: files.sha256(tmp_path / "a" / name) for name in ("01.zip", "02.zip")
    }
    (tmp_path / "a/SHA256SUMS").write_text(f"{'0' * 64}  02.zip\n")
    with pytest.raises(ValueError, match=r"02\.zip: SHA-256 is"):
        prepared("afew_va", tmp_path / "a")


@pytest.mark.parametrize("place", ["append", "flush", "plan", "finish"])
def test_nothing_or_everything_when_stopped_half_way(tmp_path, monkeypatch, place):
    """An older result stays as it was; without one, nothing is left behind."""
    MAKE["sewa"](tmp_path / "a")
    prepared("sewa", tmp_path / "a")
    before = contents(tmp_path / "a-out")

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    calls = []

    def later(self, crop):
        calls.append(crop)
        return stop() if len(calls) >= 7 else len(calls) - 1

    target = {
        "append": (pack.Crops, later),
        "flush": (pack.Crops, stop),
        "plan": (splits, stop),
        "finish": (pack, stop),
    }
    owner, replacement = target[place]
    monkeypatch.setattr(owner, "by_ratio" if place == "plan" else place, replacement)
    for name in ("a", "b"):
        if name == "b":
            (tmp_path / "a").rename(tmp_path / "b")
        with pytest.raises(KeyboardInterrupt):
            prepared("sewa", tmp_path / name, "--frame-step", "3")
    assert contents(tmp_path / "a-out") == before
    # What was cropped stays for the next run, beside the result.
    assert {path.name for path in tmp_path.iterdir()} == {"b", "a-out", "a-out.work", "b-out.work"}


def test_an_older_result_is_replaced(tmp_path):
    MAKE["sewa"](tmp_path / "a")
    assert len(prepared("sewa", tmp_path / "a")) == 30
    assert len(prepared("sewa", tmp_path / "a", "--frame-step", "10")) == 18
    assert {path.name for path in tmp_path.iterdir()} == {"a", "a-out"}


def test_crops_in_memory_are_bounded_and_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, "BLOCK", 4)
    crops = np.random.default_rng(0).integers(0, 256, (11, 8, 8, 3), np.uint8)
    with pack.writing(tmp_path, 8) as store:
        for number, crop in enumerate(crops):
            assert store.append(crop) == number
            assert len(store._block) < 4
    with h5py.File(tmp_path / "crops.h5") as file:
        assert np.array_equal(file["crops"][:], crops)


def test_every_status_is_reached(tmp_path):
    """Each status of the contract is what becomes of some item; the readers' tests say of which."""
    bad = {
        "nul": row("3/nul.png", valence="NULL"), "nan": row("3/nan.png", valence="nan"),
        "off": row("3/off.png", arousal=3), "two": row("3/two.png", valence=-2, arousal=-2),
        "out": row("3/out.png", expression=10), "neg": row("3/neg.png", box=(5, 5, -4, 9)),
        "cut": row("3/cut.png", box=(140, 20, 40, 40)), "none": row("3/none.png"), "void": row("3/void.png"),
        "torn": row("3/torn.png"), "grey": row("3/grey.png"), "same": row("3/same.png"),
        "key": row(image_name(2), expression=2),
    }  # fmt: skip
    extra = {
        "cut": encode(ramp(blue=250)),
        "void": b"",
        "torn": encode(ramp())[:90],
        "grey": encode(ramp()[..., 0]),
    }
    extra |= {"same": encode(ramp(blue=4)), "neg": encode(ramp(blue=251))}
    affectnet_2017(
        tmp_path / "a", train=list(bad.values()), extra={f"3/{k}.png": v for k, v in extra.items()}
    )
    found = {item.status for item in prepared("affectnet", tmp_path / "a").values()}
    cleaned = prepared("affectnet", tmp_path / "a", "--clean", "emonet", "--validation-share", "0.3")
    found |= {item.status for item in cleaned.values()}
    sewa(tmp_path / "s", 5)
    segment(tmp_path / "s", 6, video=video(30))
    found |= {item.status for item in prepared("sewa", tmp_path / "s").values()}
    clipped = clips() | {"011": clip("011", actor="Actor 1", frames=6)}
    clipped["011"] = edited(clipped["011"], "011", lambda d: d["frames"]["00001"].update(landmarks=[]))
    clipped["011"] = edited(clipped["011"], "011", lambda d: d["frames"]["00002"]["landmarks"].pop())
    clipped["011"] = edited(clipped["011"], "011", lambda d: d["frames"].pop("00004"))
    del clipped["011"]["011/00004.png"]
    afew_va(tmp_path / "v", clipped)
    found |= {item.status for item in prepared("afew_va", tmp_path / "v").values()}
    assert found == set(manifest.STATUSES)


def test_a_release_without_a_usable_item_is_refused(tmp_path):
    for session in range(1, 7):
        segment(tmp_path / "a", session, video=b"")
    with pytest.raises(ValueError, match="30 items, none usable: 30 img_empty"):
        prepared("sewa", tmp_path / "a")
    assert not (tmp_path / "a-out").exists()


@pytest.mark.parametrize("folder", ["a", "."])
def test_generated_data_cannot_pass_as_licensed(tmp_path, folder):
    """Nor can their parent folder."""
    sewa(tmp_path / "raw/a")
    (tmp_path / "raw/a/lookalike.json").write_text("{}")
    source = tmp_path / "raw" / folder
    with pytest.raises(ValueError, match="generated data"):
        prepare.prepare(
            "sewa", source, out=tmp_path / "out", data="licensed", side=16, options=options("sewa")
        )


def test_command_prints_what_became_of_the_items(tmp_path, capsys):
    sewa(tmp_path / "a", 5)
    segment(tmp_path / "a", 6, landmarks={11: None})
    arguments = (
        f"prepare sewa --source {tmp_path}/a --out {tmp_path}/out --data generated --side 16 --processes 1"
    )
    assert command_line.main(arguments.split()) == 0
    text = capsys.readouterr().out
    assert "generated data): 29 of 30 items usable" in text and "lnd_missing" in text
    assert "signed = 2 x native -1" in text and all(len(line) <= 110 for line in text.splitlines())


def test_command_says_what_is_wrong(tmp_path, capsys):
    arguments = f"prepare sewa --source {tmp_path} --out {tmp_path}/out --data generated"
    assert command_line.main(arguments.split()) == 2
    assert "data_prep prepare: " in (text := capsys.readouterr().err) and "no segment of SEWA Basic" in text
    for wrong in ("--modality W", "--frame-step 0", "--margin 99", "--split 1:1:1"):
        with pytest.raises(SystemExit):
            command_line.main([*arguments.split(), *wrong.split()])
        assert wrong.split()[0] in capsys.readouterr().err


def test_check_is_silent_when_all_is_there(tmp_path, capsys):
    for dataset, make in MAKE.items():
        make(tmp_path / dataset)
    assert command_line.main(["check", *(f"{name}={tmp_path / name}" for name in MAKE)]) == 0
    assert capsys.readouterr() == ("", "")


def test_check_says_of_each_what_is_missing_and_what_to_do(tmp_path, capsys):
    sewa(tmp_path / "sewa")
    (tmp_path / "empty").mkdir()
    places = ["affectnet=", f"sewa={tmp_path / 'sewa'}", f"afew_va={tmp_path / 'empty'}"]
    assert command_line.main(["check", *places]) == 2
    text = capsys.readouterr().err
    assert "2 of 3 licensed data sets are missing" in text
    for needed in (
        "mohammadmahoor.com/affectnet",
        "licence agreement",
        "Manually_Annotated_Images",
        "data.licensed.affectnet",
    ):
        assert needed in text
    for needed in (
        "ibug.doc.ic.ac.uk/resources/afew-va-database",
        "12 zip archives",
        str(tmp_path / "empty"),
    ):
        assert needed in text
    assert "db.sewaproject.eu" not in text


def test_check_wants_names_it_knows(capsys):
    assert command_line.main(["check", "imagenet=/data"]) == 2
    assert (
        "'imagenet=/data': expected DATASET=DIR with DATASET one of affectnet, sewa, afew_va"
        in capsys.readouterr().err
    )
