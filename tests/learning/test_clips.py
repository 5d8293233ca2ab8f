"""Frames and windows: what they hold, what they never reach over, and what they refuse."""

from itertools import pairwise

import prepared
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hocp.clips import MEAN, STD, Frames, Prepared, Windows, _starts, normalise
from hocp.learning.predict import predict
from hocp.learning.seeding import generator

STEP = 5


@pytest.fixture(scope="module")
def gappy(tmp_path_factory):
    """Clips with a gap, one frame, fewer frames than a window, and an exact fit."""
    clips = {
        "gap": ("train", [*range(0, 50, STEP), *range(100, 135, STEP)]),
        "one": ("train", [0]),
        "short": ("train", [0, 5, 10]),
        "exact": ("train", list(range(0, 40, STEP))),
        "other": ("test", list(range(0, 60, STEP))),
    }
    return Prepared(prepared.sewa(tmp_path_factory.mktemp("gappy") / "sewa", clips, frame_step=STEP))


def test_items_keep_their_own_image_and_labels(affectnet):
    data = Prepared(affectnet)
    batch = Frames(data, data.part("test", 0))[range(24)]
    x = batch.images.float().mean(-1)
    ramp = torch.linspace(-1, 1, prepared.SIDE)
    seen = torch.stack([(x * ramp).mean((1, 2)), (x * ramp[:, None]).mean((1, 2))], 1)
    assert torch.corrcoef(torch.cat([seen.T, batch.targets.T]))[[0, 1], [2, 3]].min() > 0.999
    assert batch.expression.tolist() == [k % 8 for k in range(64, 88)]


def test_unusable_items_are_left_out(affectnet):
    data = Prepared(affectnet)
    assert len(data.items) == 88
    assert sum(len(data.part(name, 0)) for name in ("train", "val", "test")) == 88


@pytest.mark.parametrize("fold", range(5))
def test_folds_test_each_clip_once(afew_va, fold):
    data = Prepared(afew_va)
    clips = {
        name: {data.items[k].clip for k in data.part(name, fold).tolist()}
        for name in ("train", "val", "test")
    }
    assert clips["test"] == {f"{fold:03d}", f"{fold + 5:03d}"}
    assert clips["val"] == {f"{(fold + 1) % 5:03d}", f"{(fold + 1) % 5 + 5:03d}"}
    assert len(clips["train"]) == 6


def test_windows_never_reach_over_a_gap_or_into_another_clip(gappy):
    windows = Windows(gappy, gappy.part("train", 0), frames=4)
    for step in range(50):
        position, mask = windows.locate(torch.arange(len(windows)), generator(0, "windows", step))
        for row, valid in zip(position, mask, strict=True):
            items = [gappy.items[k] for k in row[valid].tolist()]
            assert len({item.clip for item in items}) == 1
            assert all(b.frame - a.frame == STEP for a, b in pairwise(items))


def test_short_clips_repeat_their_last_frame_behind_a_mask(gappy):
    windows = Windows(gappy, gappy.part("train", 0), frames=4)
    batch = windows[range(len(windows))]
    short = [k for k in range(len(batch.mask)) if gappy.items[int(batch.position[k, 0])].clip == "short"]
    assert len(short) == 1
    assert batch.mask[short[0]].tolist() == [True, True, True, False]
    assert torch.equal(batch.images[short[0], 3], batch.images[short[0], 2])
    assert batch.position[short[0], 3] == batch.position[short[0], 2]


@given(length=st.integers(1, 200), frames=st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_windows_cover_every_frame_and_stay_inside(length, frames):
    starts = _starts(length, frames)
    covered = {k for start in starts for k in range(start, min(start + frames, length))}
    assert covered == set(range(length))
    assert all(start + frames <= length for start in starts) or starts == [0]
    assert len(starts) == -(-length // frames), "no more windows than needed"


def test_random_windows_reach_every_start(gappy):
    windows = Windows(gappy, gappy.part("test", 0), frames=4)
    starts = set()
    for step in range(100):
        position, mask = windows.locate(torch.tensor([0]), generator(0, "windows", step))
        assert mask.all()
        starts.add(gappy.items[int(position[0, 0])].frame)
    assert starts == set(range(0, 45, STEP))


class Mirror(torch.nn.Module):
    """A stand-in network of order 3 that answers with mean brightness and the frame's place in its window."""

    order = 3

    def forward(self, x):
        mean = x.mean((1, 3, 4))
        return torch.stack([mean, torch.arange(x.shape[2]).expand_as(mean).float()], -1)


def test_evaluation_gives_every_frame_one_prediction_of_its_own(gappy):
    part = gappy.part("train", 0)
    position, outputs = predict(Mirror(), Windows(gappy, part, frames=4), device=torch.device("cpu"))
    assert position.tolist() == sorted(part.tolist())
    alone = normalise(Frames(gappy, position)[range(len(position))].images).mean((1, 2, 3))
    torch.testing.assert_close(outputs[:, 0], alone, rtol=1e-4, atol=1e-5)
    # The 7 frames behind the gap: windows at 0 and 3, so the fourth frame is the mean of places 3 and 0.
    behind = [k for k, p in enumerate(position.tolist()) if gappy.items[p].clip == "gap"][-7:]
    assert outputs[behind, 1].tolist() == [0, 1, 2, 1.5, 1, 2, 3]


def test_crops_read_from_disk_are_those_held_in_memory(afew_va):
    held, lazy = Prepared(afew_va), Prepared(afew_va, memory=0)
    assert held.crops.in_memory and not lazy.crops.in_memory
    part = held.part("train", 0)
    random = torch.randint(len(part), (7,), generator=generator(3))
    for make in (Frames, lambda d, p: Windows(d, p, frames=5)):
        a, b = (
            make(held, part)[random % len(make(held, part))],
            make(lazy, part)[random % len(make(lazy, part))],
        )
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_normalise_takes_out_the_mean_and_deviation_of_imagenet():
    images = torch.randint(0, 256, (2, 5, 4, 4, 3), dtype=torch.uint8)
    expected = (images.double() / 255 - torch.tensor(MEAN).double()) / torch.tensor(STD).double()
    found = normalise(images)
    assert found.shape == (2, 3, 5, 4, 4) and found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected.permute(0, 4, 1, 2, 3), rtol=1e-4, atol=1e-5)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    folder = prepared.affectnet(tmp_path / "data", train=2, val=1, test=1)
    with (folder / "manifest.csv").open("a") as file:
        file.write("\n")
    with pytest.raises(ValueError, match=r"manifest\.csv has SHA-256 .* do not belong together"):
        Prepared(folder)


def test_no_frames_is_not_a_window(gappy):
    with pytest.raises(ValueError, match="window of 0 frames"):
        Windows(gappy, gappy.part("train", 0), frames=0)
