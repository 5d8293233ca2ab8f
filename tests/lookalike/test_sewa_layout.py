"""The look-alike of SEWA Basic has the names, files and rates of the official release."""

import configparser
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from release_views import sewa_segments, table, video, zipped

from data_prep.lookalike.seeds import stream
from data_prep.lookalike.sewa_names import cast, prefix

NAME = re.compile(r"S([AV][HL]|S[LD])_C([1-6])_S(\d{3})_P(\d{3})_VC1_(\d{6})_(\d{6})")


@pytest.fixture(scope="module")
def segments(releases):
    return sewa_segments(releases["sewa"])


@pytest.fixture(scope="module")
def sound(segments, statements):
    spoilt = {fault["item"].split("/")[0] for fault in statements["sewa"]["faults"]}
    return {name: path for name, path in segments.items() if name not in spoilt} or pytest.fail(
        "no sound segment"
    )


def length(name):
    first, last = name.split("_")[-2:]
    return int(last) - int(first) + 1


def test_names(segments):
    for name in segments:
        match = NAME.fullmatch(name)
        assert match, name
        session, subject = int(match[3]), int(match[4])
        assert subject in (2 * session - 1, 2 * session)
        assert 1 <= int(match[5]) <= int(match[6])


def test_files_of_a_segment(segments):
    for name, folder in segments.items():
        wanted = {
            f"{name}.avi",
            f"{name}-Landmarks.zip",
            f"{name}-Valence.zip",
            f"{name}-Arousal.zip",
            "metadata.ini",
        }
        if name.startswith("SS"):
            wanted.add(f"{name}-Liking.zip")
        assert {path.name for path in folder.iterdir()} == wanted


def test_video_is_doubled_to_fifty_frames_a_second(sound):
    for name, folder in list(sound.items())[:3]:
        frames, rate = video(folder / f"{name}.avi")
        assert rate == 50
        assert frames.shape == (length(name), 240, 320, 3)
        change = np.abs(np.diff(frames.astype(float), axis=0)).mean(axis=(1, 2, 3))
        assert np.median(change[0::2]) < 0.5 * np.median(change[1::2]), "pairs show one picture"
        assert (folder / f"{name}.avi").read_bytes()[:4] == b"RIFF"
        assert b"XVID" in (folder / f"{name}.avi").read_bytes()[:400]


def test_landmark_texts(sound):
    for name, folder in sound.items():
        texts = zipped(folder / f"{name}-Landmarks.zip")
        assert list(texts) == [f"{name}-Landmarks/{n:06d}.txt" for n in range(1, length(name) + 1)]
        for text in list(texts.values())[::7]:
            pose, eyes, points = (np.array(line.split(), float) for line in text.decode().splitlines())
            assert (len(pose), len(eyes), len(points)) == (3, 20, 98)
            points = points.reshape(49, 2)
            assert ((points > 0) & (points < (320, 240))).all()
            # Without jaw: 10 brow, 9 nose, 12 eye, 12 + 6 mouth points; brows above nose above mouth.
            assert points[:10, 1].mean() < points[10:19, 1].mean() < points[31:, 1].mean()
            eye = eyes.reshape(2, 5, 2)[:, 0]
            np.testing.assert_allclose(eye, [points[19:25].mean(0), points[25:31].mean(0)], atol=0.01)


def test_five_raters_between_zero_and_one(sound):
    for name, folder in sound.items():
        for axis in ("Valence", "Arousal"):
            tables = zipped(folder / f"{name}-{axis}.zip")
            assert set(tables) == {f"{name}_{axis}_{mode}_Aligned.csv" for mode in ("A", "V", "AV")}
            means = []
            for content in tables.values():
                assert content.startswith(b"frame_idx,")
                values = table(content)
                assert values.shape == (length(name), 6)
                assert np.array_equal(values[:, 0], np.arange(1, len(values) + 1))
                assert values[:, 1:].min() >= 0
                assert values[:, 1:].max() <= 1
                assert np.abs(np.diff(values[:, 1:], axis=0)).max() < 0.1, "joysticks do not jump"
                means.append(values[:, 1:].mean())
            assert np.ptp(means) < 0.3, "the three passes rate one face"


def test_metadata_names_the_culture(segments):
    cultures = {}
    for name, folder in segments.items():
        parser = configparser.ConfigParser()
        parser.read(folder / "metadata.ini", "utf-8")
        assert parser["Recording"]["FirstFrame"] == str(int(name.split("_")[-2]))
        cultures.setdefault(name.split("_")[1], set()).add(parser["Subject"]["Culture"])
    assert all(len(names) == 1 for names in cultures.values())


def test_cast_follows_the_official_histogram():
    people = cast(stream(0, "cast"), 538, 275)
    assert sum(person.segments for person in people) == 538
    counts = Counter(person.segments for person in people)
    assert counts[1] == pytest.approx(109, abs=25)
    assert counts[2] == pytest.approx(97, abs=25)
    assert len({person.subject for person in people}) == 275
    both = Counter(person.session for person in people)
    assert 0.4 < np.mean([count == 2 for count in both.values()]) < 0.8
    small = cast(stream(0, "cast"), 12)
    assert len({person.session for person in small}) >= 5, "five parts can be made of whole sessions"


def test_footage_of_one_person_does_not_overlap_unless_planted(segments, statements):
    repeated = {f["item"] for f in statements["sewa"]["faults"] if f["expected_status"] == "dup_content"}
    spans = {}
    for name in segments:
        if name not in repeated:
            spans.setdefault(name.split("_")[3], []).append(tuple(int(n) for n in name.split("_")[-2:]))
    for pieces in spans.values():
        pieces.sort()
        assert all(early[1] < late[0] for early, late in pairwise(pieces))


@pytest.mark.parametrize(
    ("traits", "wanted"),
    [((0.1, 0.5, 0.2), "SAH"), ((-0.6, 0.5, 0), "SVL"), ((0, 0.1, -0.2), "SSD"), ((0, 0, 0.3), "SSL")],
)
def test_prefix_says_what_is_strongest(traits, wanted):
    assert prefix(*traits) == wanted
