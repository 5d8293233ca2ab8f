"""The look-alike of AFEW-VA has the layout, levels and actors of the official release."""

import io
import unicodedata

import numpy as np
import pytest
from PIL import Image
from release_views import afew_clips

from data_prep.lookalike.afew_va import plan


@pytest.fixture(scope="module")
def clips(releases):
    return afew_clips(releases["afew_va"])


@pytest.fixture(scope="module")
def sound(clips, statements):
    spoilt = {fault["item"][:3] for fault in statements["afew_va"]["faults"]}
    return {name: clip for name, clip in clips.items() if name not in spoilt} or pytest.fail("no sound clip")


def test_twelve_archives_of_folders(releases, clips):
    names = {path.name for path in releases["afew_va"].glob("*.zip")}
    assert names == {f"{number:02d}.zip" for number in range(1, 13)}
    assert sorted(clips) == [f"{number:03d}" for number in range(1, 13)]


def test_description(clips):
    for name, (description, _) in clips.items():
        assert description["video_id"] == name
        assert description["actor"].strip()
        for key, entry in description["frames"].items():
            assert len(key) == 5
            assert key.isdigit()
            assert set(entry) == {"valence", "arousal", "landmarks"}


def test_frames_match_keys_and_levels_move_by_one(sound):
    for description, images in sound.values():
        frames = description["frames"]
        assert sorted(frames) == sorted(images)
        assert min(frames) == "00001"
        for axis in ("valence", "arousal"):
            levels = np.array([frames[key][axis] for key in sorted(frames)])
            assert np.array_equal(levels, levels.round())
            assert np.abs(levels).max() <= 10
            assert np.abs(np.diff(levels)).max(initial=0) <= 1


def test_images_are_anamorphic_pal_with_the_face_inside(sound):
    for description, images in sound.values():
        for key, content in images.items():
            picture = Image.open(io.BytesIO(content))
            assert (picture.size, picture.mode, picture.format) == ((720, 576), "RGB", "PNG")
            points = np.array(description["frames"][key]["landmarks"])
            assert points.shape == (68, 2)
            assert (points > 0).all()
            assert (points < (720, 576)).all()
            width, height = np.ptp(points, axis=0)
            assert 40 <= width <= 178
            assert 55 <= height <= 260
            assert width / height < 1.0, "pixels are wider than high, so faces are stored narrow"


def test_faces_are_drawn_where_the_landmarks_say(sound):
    """The eyes' landmarks enclose bright whites and dark pupils; cheeks have neither."""
    contrasts = []
    for description, images in sound.values():
        for key, content in list(images.items())[:3]:
            grey = np.asarray(Image.open(io.BytesIO(content)).convert("L"), float)
            points = np.array(description["frames"][key]["landmarks"])
            contrasts.append(_spread(grey, points[36:48]) / (1 + _spread(grey, points[[2, 31, 48]])))
    assert np.median(contrasts) > 1.5


def _spread(grey, points):
    low, high = points.min(0).astype(int), points.max(0).astype(int) + 1
    return grey[low[1] : high[1], low[0] : high[0]].std()


def test_actors_allow_five_folds():
    actors = [clip.actor for clip in plan(1, 12, (10, 12), None)]
    assert len(set(actors)) >= 10
    clips = plan(1, 60, (15, 45), None)
    counts = np.bincount([clip.actor for clip in clips])
    assert 2 <= counts.mean() <= 3
    assert {clip.frames for clip in clips} <= {1, *range(15, 46)}
    keys = {clip.actor: set() for clip in clips}
    for clip in clips:
        keys[clip.actor].add(unicodedata.normalize("NFKC", clip.name).casefold())
    assert all(len(names) == 1 for names in keys.values()), "one person has one name, once normalised"
    assert len({name for names in keys.values() for name in names}) == len(keys)
