"""F17: videos and frames that are cut, doubled, miscounted, or none; by the readers of SEWA and AFEW-VA."""

import os
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.campaigns import clip_bytes as make
from tests.campaigns.case import Case
from tests.campaigns.image_bytes import flipped, png, some_bytes
from tests.campaigns.kinds import Kinds
from tests.campaigns.outcomes import mixtures, of_release
from tests.data_prep import mini_releases as mini

FAULT, TITLE, SIZE = "F17", "Clips", 520
FRAMES = 12
KINDS = Kinds(FAULT)
#: What a damaged video may end in: whatever decodes is kept, the rest is named.
DAMAGED = mixtures("ok", "frame_gap", "img_undecodable", "frame_extra")
EMPTY = ("img_undecodable", "frame_gap", "img_empty")


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield the campaign."""
    return KINDS.cases(count, seed)


def sewa(rng: random.Random, folder: Path, **changes) -> str:
    """Outcome of one segment of `FRAMES` frames with changes, and for each kept step from 1 to 3."""
    mini.segment(folder, 1, frames=FRAMES, **{"video": make.sound(FRAMES), **changes})
    return of_release("sewa", folder, "--frame-step", str(rng.randint(1, 3)))


def video(kind: str, *expected: str) -> Callable:
    """Decorate a function that makes the bytes of a segment's video."""

    def adder(content: Callable[[random.Random], bytes]) -> Callable:
        KINDS.add(kind, lambda rng, folder: sewa(rng, folder, video=content(rng)), *expected)
        return content

    return adder


def videos(kind: str, content: Callable[[random.Random], bytes], *expected: str) -> None:
    """Add a kind in one line."""
    video(kind, *expected)(content)


# SEWA: counts ---------------------------------------------------------------------------------------------

KINDS.add("sound segment", sewa, "ok")
videos("video too short", lambda rng: make.sound(FRAMES - rng.randint(4, 9)), "frame_gap+ok")
videos("video one frame longer", lambda rng: make.sound(FRAMES + 1), "ok")
videos("video far longer", lambda rng: make.sound(FRAMES + rng.randint(2, 30)), "frame_extra")
videos("other rate in the header", lambda rng: make.sound(FRAMES, rng.choice((1, 25, 49, 60, 1000))), "ok")
videos("video without frames", lambda rng: make.avi([], total=rng.choice((0, 12, 0xFFFFFFFF))), *EMPTY)
videos("zero bytes", lambda rng: b"", "img_empty")
KINDS.add("no video", lambda rng, folder: _with_another(folder, video=None), "img_missing+ok")


def _with_another(folder: Path, **changes) -> str:
    """Outcome of a spoilt segment beside a sound one; without any video a folder is no release."""
    mini.segment(folder, 1, frames=FRAMES, video=make.sound(FRAMES))
    mini.segment(folder, 2, frames=FRAMES, **{"video": make.sound(FRAMES), **changes})
    return of_release("sewa", folder)


@KINDS.kind("labels end before the video", "label_null+ok")
def few_labels(rng: random.Random, folder: Path) -> str:
    text = mini.table(mini.raters(FRAMES - rng.randint(4, 9), 0.4))
    return sewa(rng, folder, **{rng.choice(("valence", "arousal")): text})


@KINDS.kind("labels go on after the video", "ok")
def many_labels(rng: random.Random, folder: Path) -> str:
    return sewa(rng, folder, valence=mini.table(mini.raters(FRAMES + rng.randint(1, 50), 0.4)))


@KINDS.kind("no row for frames in the middle", "label_null+ok")
def rows_missing(rng: random.Random, folder: Path) -> str:
    lines = mini.table(mini.raters(FRAMES, 0.4)).splitlines()
    start = rng.randint(3, 5)
    return sewa(rng, folder, arousal="\n".join(lines[:start] + lines[start + 4 :]))


@KINDS.kind("two rows for a frame", "dup_key", "dup_key+ok")
def rows_twice(rng: random.Random, folder: Path) -> str:
    lines = mini.table(mini.raters(FRAMES, 0.4)).splitlines()
    again = rng.choice((1, 7))  # rows of frames 0 and 6, which every step keeps
    lines.insert(rng.randint(1, FRAMES), lines[again].rpartition(",")[0] + ",0.9")
    return sewa(rng, folder, valence="\n".join(lines))


@KINDS.kind("no landmarks for some frames", "lnd_missing+ok")
def landmarks_missing(rng: random.Random, folder: Path) -> str:
    start = rng.randint(3, 6)
    return sewa(rng, folder, landmarks=dict.fromkeys(range(start, start + 4)))


# SEWA: damaged videos -------------------------------------------------------------------------------------


@video("cut at a random byte", *DAMAGED, "img_empty")
def cut(rng: random.Random) -> bytes:
    whole = rng.choice((make.sound(FRAMES), make.contained("mp4", "mpeg4"), make.avi([make.jpeg()] * FRAMES)))
    return whole[: rng.randrange(len(whole))]


@video("bits flipped in the pictures", *DAMAGED)
def flips(rng: random.Random) -> bytes:
    whole = rng.choice((make.sound(FRAMES), make.avi([make.jpeg()] * FRAMES)))
    return flipped(rng, whole, first=len(whole) // 3, most=200)


@video("bits flipped in the header", *DAMAGED, "img_missing")
def header_flips(rng: random.Random) -> bytes:
    whole = make.sound(FRAMES)
    return whole[:12] + flipped(rng, whole[12:400]) + whole[400:]


@video("bits flipped in an MP4's tables", *DAMAGED)
def table_flips(rng: random.Random) -> bytes:
    whole = make.contained("mp4", "mpeg4")
    return flipped(rng, whole, first=whole.rindex(b"moov"), most=40)


@video("noise instead of a frame", *DAMAGED)
def noisy_frame(rng: random.Random) -> bytes:
    frames = [make.jpeg()] * FRAMES
    for place in rng.sample(range(FRAMES), rng.randint(1, FRAMES)):
        frames[place] = rng.choice((b"", some_bytes(rng), make.jpeg()[: rng.randint(1, 900)]))
    return make.avi(frames)


@video("noise behind a signature", *EMPTY)
def noise(rng: random.Random) -> bytes:
    return rng.choice(
        (b"RIFF\0\0\1\0AVI ", b"RIFF\xff\xff\xff\xffAVI LIST", b"\0\0\0\x20ftypisom")
    ) + some_bytes(rng)


@video("frames change their size", *DAMAGED, "box_bad+ok", "box_clamped+ok", "box_bad+box_clamped+ok")
def sizes(rng: random.Random) -> bytes:
    sides = [(rng.choice((8, 64, 160, 800)), rng.choice((8, 64, 100, 600))) for _ in range(FRAMES - 1)]
    return make.avi([make.jpeg(), *(make.jpeg(*side) for side in sides)])


# SEWA: no videos, or hostile ones -------------------------------------------------------------------------

videos("play list that names other files", lambda rng: rng.choice(make.PLAYLISTS), *EMPTY)
_FORMS = (("matroska", "mpeg4"), ("mpegts", "mpeg2video"), ("flv", "flv"), ("mpeg", "mpeg1video"))
videos("another container", lambda rng: make.contained(*rng.choice(_FORMS)), "img_undecodable")
videos(
    "an image, a page, noise",
    lambda rng: rng.choice((make.jpeg(), png(9, 9), b"<html>", some_bytes(rng))),
    "img_undecodable",
)


@video("header of huge frames", "img_undecodable", "frame_gap", "ok", "frame_gap+ok")
def huge_header(rng: random.Random) -> bytes:
    width, height = (rng.choice((16_384, 30_000, 65_535, 0x7FFFFFFF)) for _ in range(2))
    fourcc = rng.choice((b"MJPG", b"DIB ", b"XVID", b"H264", b"\0\0\0\0"))
    return make.avi([make.jpeg()] * FRAMES, width=width, height=height, fourcc=fourcc)


@video("huge frames", "img_undecodable")
def huge(rng: random.Random) -> bytes:
    data = make.jpeg()
    place = data.index(b"\xff\xc0") + 5
    sides = struct.pack(">HH", rng.randint(8000, 65_000), rng.randint(8000, 65_000))
    return make.avi([data[:place] + sides + data[place + 4 :]] * FRAMES)


@video("a codec that no release uses", "img_undecodable", "frame_gap")
def codecs(rng: random.Random) -> bytes:
    fourcc = rng.choice(
        (b"MPNG", b"GIF ", b"tiff", b"VP90", b"ZZZZ", b"theo", b"SVQ3", b"WMV3", b"cvid", b"j2kc")
    )
    return make.avi([png(60_000, 60_000, body=b"x"), some_bytes(rng)], fourcc=fourcc)


@video("header that lies", *DAMAGED, "img_empty")
def lies(rng: random.Random) -> bytes:
    lie = rng.choice(
        (
            {"rate": (0, 0)},
            {"rate": (0, 1)},
            {"rate": (50, 0)},
            {"rate": (0xFFFFFFFF, 1)},
            {"streams": 0},
            {"streams": 0xFFFFFFFF},
            {"kind": b"auds"},
            {"kind": b"txts"},
            {"kind": b"\0\0\0\0"},
            {"total": 0xFFFFFFFF},
            {"total": 0},
            {"size": 0xFFFFFFFF},
            {"size": 0},
            {"width": 0},
            {"height": -100},
            {"extra": make.riff(b"indx", struct.pack("<HBBI", 4, 0, 0, 0xFFFFFFFF) + bytes(64))},
            {"extra": make.riff(b"LIST", b"strl") * rng.randint(1, 5000)},
            {"extra": make.riff(b"vprp", rng.randbytes(68))},
        )
    )
    return make.avi([make.jpeg()] * FRAMES, **lie)


@video("index of 200,000 frames, or in a circle", *DAMAGED)
def index(rng: random.Random) -> bytes:
    place = rng.choice((4, 0, 0xFFFFFFF0))
    entries = struct.pack("<4sIII", b"00dc", 16, place, len(make.jpeg())) * rng.randint(1000, 200_000)
    return make.avi([make.jpeg()] * FRAMES, index=entries, total=200_000)


@video("100,000 frames without content", *EMPTY, *DAMAGED)
def million(rng: random.Random) -> bytes:
    return make.avi([b""] * rng.randint(10_000, 100_000))


@video("MP4 that names another file", "img_undecodable", "frame_gap", "ok")
def reference(rng: random.Random) -> bytes:
    whole = make.contained("mp4", "mpeg4")
    local = b"url \0\0\0\1"
    assert local in whole
    return whole.replace(local, b"url \0\0\0\0")


@KINDS.kind("a pipe, a folder, a terabyte", "img_missing+ok", "img_undecodable+ok")
def no_file(rng: random.Random, folder: Path) -> str:
    mini.segment(folder, 1, frames=FRAMES, video=make.sound(FRAMES))
    name = mini.segment(folder, 2, frames=FRAMES, video=b"")
    place = folder / name / f"{name}.avi"
    place.unlink()
    match rng.choice(("pipe", "folder", "gigabyte", "terabyte", "device")):
        case "pipe":
            os.mkfifo(place)
        case "folder":
            place.mkdir()
        case "device":
            place.symlink_to("/dev/zero")
        case size:
            place.write_bytes(b"RIFF\0\0\0\0AVI ")
            os.truncate(place, 1 << (40 if size == "terabyte" else 30))
    return of_release("sewa", folder)


# AFEW-VA --------------------------------------------------------------------------------------------------


def afew(kind: str, *expected: str) -> Callable:
    """Decorate a function that changes the files and the frames' entries of clip 001."""

    def adder(change: Callable[[random.Random, dict, dict], None]) -> Callable:
        def run(rng: random.Random, folder: Path) -> str:
            files = mini.clip("001", actor="Anna", frames=6, first=rng.randint(0, 1))
            entries: dict = {}
            files = mini.edited(files, "001", lambda description: entries.update(description["frames"]))
            change(rng, files, entries)
            files = mini.edited(files, "001", lambda description: description.update(frames=entries))
            mini.afew_va(folder, {"001": files}, layout=rng.choice(("flat", "folders", "zips")))
            return of_release("afew_va", folder)

        KINDS.add(f"AFEW-VA: {kind}", run, *expected)
        return change

    return adder


def frame(rng: random.Random, entries: dict) -> str:
    """Key of a frame that is neither first nor last."""
    return sorted(entries)[rng.randint(1, len(entries) - 2)]


@afew("no picture for a frame", "img_missing+ok")
def no_picture(rng: random.Random, files: dict, entries: dict) -> None:
    del files[f"001/{frame(rng, entries)}.png"]


@afew("no labels for a picture", "label_null+ok")
def no_labels(rng: random.Random, files: dict, entries: dict) -> None:
    del entries[frame(rng, entries)]


@afew("neither", "frame_gap+ok")
def gap(rng: random.Random, files: dict, entries: dict) -> None:
    del files[f"001/{(key := frame(rng, entries))}.png"], entries[key]


@afew("no pictures at all", "img_missing")
def no_pictures(rng: random.Random, files: dict, entries: dict) -> None:
    for key in entries:
        del files[f"001/{key}.png"]


@afew("no labels at all", "label_null")
def no_entries(rng: random.Random, files: dict, entries: dict) -> None:
    entries.clear()


@afew("a frame far away", "img_missing+ok", "label_null+ok")
def far(rng: random.Random, files: dict, entries: dict) -> None:
    key = frame(rng, entries)
    if rng.random() < 0.5:
        entries["999999"] = entries[key]
    else:
        files["001/999999.png"] = files[f"001/{key}.png"]


@afew("a frame under two numbers of one value", "label_null", "label_null+ok")
def twice(rng: random.Random, files: dict, entries: dict) -> None:
    key = frame(rng, entries)
    entries[str(int(key))] = {**entries[key], "valence": 9.0}


@afew("picture that is none", "img_undecodable+ok", "img_empty+ok", "img_missing+ok")
def no_image(rng: random.Random, files: dict, entries: dict) -> None:
    key = f"001/{frame(rng, entries)}.png"
    files[key] = rng.choice(
        (b"", b"<html>", make.sound(3), files[key][: len(files[key]) // 2], some_bytes(rng))
    )


@afew("single frame", "ok")
def single(rng: random.Random, files: dict, entries: dict) -> None:
    for key in sorted(entries)[1:]:
        del files[f"001/{key}.png"], entries[key]
