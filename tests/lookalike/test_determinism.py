"""The seed decides every byte, whoever does the work; a release appears whole or not at all."""

import pytest
from release_making import write
from release_views import content

from data_prep.lookalike import afew_va, affectnet
from data_prep.lookalike.release import new_release
from data_prep.lookalike.seeds import stream


@pytest.mark.parametrize("dataset", ["affectnet", "affectnet_2021", "afew_va", "sewa"])
def test_processes_do_not_matter(dataset, releases, tmp_path):
    again = write(dataset, tmp_path / "again", processes=3)
    assert content(again) == content(releases[dataset])


def test_another_seed_gives_other_faces(releases, tmp_path):
    other = content(write("affectnet_2021", tmp_path / "other", seed=12))
    mine = content(releases["affectnet_2021"])
    common = [name for name in mine if name in other and name.endswith(".jpg") and mine[name]]
    assert common
    assert all(mine[name] != other[name] for name in common)


def test_streams_depend_on_every_key():
    draws = {stream(*keys).random() for keys in [(0, "a"), (0, "b"), (1, "a"), (0, "a", 0), (0, "a", 1)]}
    assert len(draws) == 5
    assert stream(3, "x", 7).random() == stream(3, "x", 7).random()


def test_interrupted_release_leaves_nothing(tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("disk full")

    monkeypatch.setattr(afew_va, "write_zip", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        write("afew_va", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_licensed_release_is_never_overwritten(tmp_path):
    licensed = tmp_path / "AffectNet"
    licensed.mkdir()
    (licensed / "Manually_Annotated.part01.rar").write_bytes(b"precious")
    with pytest.raises(ValueError, match="left alone"):
        write("affectnet", licensed)
    assert content(licensed) == {"Manually_Annotated.part01.rar": b"precious"}


def test_an_own_release_and_an_empty_folder_are_replaced(tmp_path):
    (tmp_path / "empty").mkdir()
    for _ in range(2):
        with new_release(tmp_path / "empty") as folder:
            (folder / "lookalike.json").write_text("{}")
    assert content(tmp_path / "empty") == {"lookalike.json": b"{}"}


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda out: affectnet.generate(out, seed=1, sizes=affectnet.Sizes(images=20)), "--images"),
        (lambda out: affectnet.generate(out, seed=-1, sizes=affectnet.Sizes()), "--seed"),
        (lambda out: affectnet.generate(out, seed=1, sizes=affectnet.Sizes(side_min=9)), "32"),
        (lambda out: afew_va.generate(out, seed=1, clips=5), "--clips"),
        (lambda out: afew_va.generate(out, seed=1, frames=(9, 8)), "--frames-min"),
        (lambda out: afew_va.generate(out, seed=1, subjects=3), "--subjects"),
        (lambda out: write("afew_va", out, processes=0), "--processes"),
    ],
)
def test_wrong_sizes_are_refused_with_the_remedy(call, word, tmp_path):
    with pytest.raises(ValueError, match=word):
        call(tmp_path / "out")
    assert not (tmp_path / "out").exists()
