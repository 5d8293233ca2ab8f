"""Miniature releases written by hand, in the layouts of data_prep/README.md and independent of the generator.

Pictures are ramps: red is the column, green the row. So a crop tells where it was cut.
"""

import argparse
import hashlib
import io
import json
import zipfile
import zlib
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from PIL import Image

from data_prep.prepare import READERS, prepare
from hocp.contracts import manifest

BOX = (60, 20, 40, 40)  # x, y, width, height: far from the diagonal
SEGMENT = "SAH_C1_S{session:03d}_P{subject:03d}_VC1_{first:06d}_{last:06d}"


def ramp(width: int = 160, height: int = 100, blue: int = 7) -> np.ndarray:
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = np.minimum(np.arange(width), 255)[None]
    picture[..., 1] = np.minimum(np.arange(height), 255)[:, None]
    picture[..., 2] = blue
    return picture


def encode(picture: np.ndarray | Image.Image, form: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(file, form, **options)
    return file.getvalue()


def points(count: int, box: tuple = BOX) -> np.ndarray:
    """Landmarks whose extremes are the edges of a box."""
    x, y, width, height = box
    spots = np.stack([np.linspace(x, x + width, count), np.linspace(y, y + height, count)], axis=1)
    spots[1:-1] = x + width / 2, y + height / 2
    return spots


def write(folder: Path, name: str, content: bytes | str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def pack_zip(folder: Path, name: str, members: dict[str, bytes | str]) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def options(dataset: str, *texts: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    READERS[dataset].add_options(parser)
    return parser.parse_args(texts)


def prepared(
    dataset: str, source: Path, *texts: str, side: int = 16, processes: int = 1
) -> dict[str, manifest.Item]:
    """Prepare beside the source; items by name."""
    out = source.with_name(source.name + "-out")
    chosen = options(dataset, *texts)
    prepare(dataset, source, out=out, data="generated", side=side, options=chosen, processes=processes)
    return {item.item: item for item in manifest.read(out / "manifest.csv")}


# AffectNet ------------------------------------------------------------------------------------------------

COLUMNS = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


def row(path: str, *, box=BOX, landmarks=None, expression=1, valence=0.25, arousal=-0.5) -> list[str]:
    spots = points(68, box) if landmarks is None else landmarks
    text = spots if isinstance(spots, str) else ";".join(f"{value:.2f}" for value in spots.ravel())
    return [path, *map(str, box), text, str(expression), str(valence), str(arousal)]


def image_name(number: int, form: str = "png") -> str:
    return f"{number % 3 + 1}/{hashlib.sha224(str(number).encode()).hexdigest()}.{form}"


def affectnet_2017(
    folder: Path,
    *,
    train: list[list[str]] | None = None,
    header: str = COLUMNS,
    extra: dict[str, bytes] | None = None,
    images: int = 30,
    held: int = 6,
) -> None:
    """Good rows 0 to `images` - 1, of which the last `held` are in validation.csv, which has no header."""
    for number in range(images):
        picture = encode(ramp(blue=number))
        write(folder, f"Manually_Annotated_Images/{image_name(number)}", picture)
    for name, content in (extra or {}).items():
        write(folder, f"Manually_Annotated_Images/{name}", content)
    good = [row(image_name(number), expression=number % 8) for number in range(images)]
    lists = "Manually_Annotated_file_lists"
    lines = [*good[: images - held], *(train or [])]
    write(
        folder,
        f"{lists}/training.csv",
        "\n".join([header] * bool(header) + [",".join(line) for line in lines]),
    )
    write(folder, f"{lists}/validation.csv", "\n".join(",".join(line) for line in good[images - held :]))


def affectnet_automatic(
    folder: Path,
    *,
    images: int = 20,
    home: str = "Automatically_Annotated_Images",
    place: str = "Automatically_annotated_file_list/automatically_annotated.csv",
    rows: list[list[str]] | None = None,
) -> None:
    """The automatic part: one list with a header, images beside it; numbers 500 and on."""
    numbers = range(500, 500 + images)
    for number in numbers:
        write(folder, f"{home}/{image_name(number)}", encode(ramp(blue=number % 250)))
    lines = [row(image_name(number), expression=number % 8) for number in numbers] + (rows or [])
    write(folder, place, "\n".join([COLUMNS, *(",".join(line) for line in lines)]))


def npy(value, dtype=None) -> bytes:
    file = io.BytesIO()
    np.save(file, np.asarray(value, dtype))
    return file.getvalue()


def quartet(folder: Path, part: str, key: int, *, text: bool = False, **changes) -> None:
    """One image of the 2021 release; a change of None leaves that file away."""
    write(folder, f"{part}_set/images/{key}.jpg", changes.pop("image", encode(ramp(224, 224, key), "JPEG")))
    values = {
        "exp": key % 8,
        "val": 0.5,
        "aro": -0.25,
        "lnd": points(68, (10, 20, 200, 190)).ravel(),
    } | changes
    for kind, value in values.items():
        if value is not None:
            scalar = text and kind != "lnd"
            content = value if isinstance(value, bytes) else npy(str(value) if scalar else value)
            write(folder, f"{part}_set/annotations/{key}_{kind}.npy", content)


def affectnet_2021(folder: Path, *, text: bool = False) -> None:
    for part, keys in (("train", range(0, 60, 3)), ("val", range(0, 15, 3))):  # sparse, and shared by both
        for key in keys:
            picture = encode(ramp(224, 224, key + 100 * (part == "val")), "JPEG")
            quartet(folder, part, key, text=text, image=picture)


# AFEW-VA --------------------------------------------------------------------------------------------------


def clip(
    name: str, *, actor: str, frames: int = 4, first: int = 1, valence=2.0, arousal=-3.0
) -> dict[str, bytes]:
    """Files of one clip."""
    entries = {
        f"{index:05d}": {"valence": valence, "arousal": arousal, "landmarks": points(68).tolist()}
        for index in range(first, first + frames)
    }
    files = {f"{name}/{key}.png": encode(ramp(blue=int(name) % 250)) for key in entries}
    description = {"video_id": name, "actor": actor, "frames": entries}
    return {**files, f"{name}/{name}.json": json.dumps(description, indent=2).encode()}


def edited(files: dict[str, bytes], name: str, change) -> dict[str, bytes]:
    """The same files after `change` of the clip's JSON."""
    path = f"{name}/{name}.json"
    description = json.loads(files[path])
    change(description)
    return {**files, path: json.dumps(description).encode()}


def clips(count: int = 10) -> dict[str, dict[str, bytes]]:
    """Clips 001 and on; two each by an actor."""
    levels = (-4, -1, 0, 3, 6)
    return {
        f"{number:03d}": clip(f"{number:03d}", actor=f"Actor {(number + 1) // 2}", valence=levels[number % 5])
        for number in range(1, count + 1)
    }


def afew_va(folder: Path, files: dict[str, dict[str, bytes]], *, layout: str = "flat") -> None:
    """Layouts: flat, folders (01/001/...), zips (01.zip holding 001/...)."""
    for name, content in files.items():
        volume = f"{(int(name) - 1) // 5 + 1:02d}"
        if layout == "zips":
            with zipfile.ZipFile(_made(folder) / f"{volume}.zip", "a") as archive:
                for path, data in content.items():
                    archive.writestr(path, data)
        for path, data in content.items() if layout != "zips" else ():
            write(folder, f"{volume}/{path}" if layout == "folders" else path, data)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# SEWA -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=128)
def video(
    frames: int,
    *,
    width: int = 160,
    height: int = 100,
    rate: int | Fraction = 50,
    form: str = "avi",
    slope: int = 2,
    hue: int = 0,
    mark: int = 0,
) -> bytes:
    """Video whose frame i has blue slope * i; a hue in the middle or a mark tells footage apart."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", 4_000_000
        for index in range(frames):
            picture = ramp(width, height, blue=slope * index % 256)
            if hue:
                picture[16:32, 96:112] = [hue >> shift & 255 for shift in (0, 8, 16)]
            if mark:
                picture[24:28, 60 + 3 * mark : 64 + 3 * mark, 0] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def landmark_text(spots: np.ndarray) -> str:
    lines = [[1.0, 2.0, 3.0], [0.5] * 20, spots.ravel()]
    return "\n".join(" ".join(f"{value:.3f}" for value in line) for line in lines)


def table(values: np.ndarray, *, header: str = "frame_idx,r1,r2,r3,r4,r5", first: int = 1) -> str:
    """`_Aligned.csv` of values, shape (frames, raters)."""
    lines = [",".join([str(first + index), *map(str, line)]) for index, line in enumerate(values)]
    return "\n".join([header] * bool(header) + lines)


def raters(frames: int, centre: float) -> np.ndarray:
    """Five raters around a slope, whose mean at frame i is centre + i / 1000."""
    return centre + np.arange(frames)[:, None] / 1000 + np.array([-0.02, -0.01, 0, 0.01, 0.02])


def segment(folder: Path, session: int, *, frames: int = 21, first: int = 101, **changes) -> str:
    """One segment; returns its name.

    Changes: video, valence, arousal, landmarks, modality, prefix, subject.
    """
    subject = changes.get("subject", 2 * session)
    name = SEGMENT.format(session=session, subject=subject, first=first, last=first + frames - 1)
    name = changes.get("prefix", "SAH") + name[3:]
    home, mode = folder / name, changes.get("modality", "V")
    content = changes.get("video", video(frames, mark=session))
    if content is not None:
        write(home, f"{name}.avi", content)
    texts = {index + 1: landmark_text(points(49)) for index in range(frames)} | changes.get("landmarks", {})
    members = {f"{name}-Landmarks/{index:06d}.txt": text for index, text in texts.items() if text is not None}
    pack_zip(home, f"{name}-Landmarks.zip", members)
    centre = 0.4 + 0.02 * (session % 5)
    for what in ("Valence", "Arousal"):
        text = changes.get(what.lower(), table(raters(frames, centre)))
        if text is not None:
            pack_zip(home, f"{name}-{what}.zip", {f"{name}_{what}_{mode}_Aligned.csv": text})
    write(home, "metadata.ini", f"[Recording]\nName = {name}\nCulture = Elbonian\n")
    return name


def sewa(folder: Path, sessions: int = 6) -> list[str]:
    return [segment(folder, session) for session in range(1, sessions + 1)]


# AVEC -----------------------------------------------------------------------------------------------------

AVEC_HEADER = "name;timestamp;arousal;valence;liking"


def gold(name: str, rows: int, *, valence: float = 0.2, arousal: float = -0.1, header: str = "") -> str:
    """Labels as the challenges write them; row k has valence + k / 1000 and arousal - k / 1000."""
    lines = [
        f"{name};{k / 10:.6f};{arousal - k / 1000:.6f};{valence + k / 1000:.6f};0.000000" for k in range(rows)
    ]
    return "\n".join([header] * bool(header) + lines) + "\n"


def recording(folder: Path, name: str, *, rows: int = 6, year: int = 2019, **changes) -> str:
    """One recording, by default 0.6 s at 50 frames a second; changes: video, labels, form (of the video)."""
    home = folder / f"AVEC{year}_SEWA"
    film = changes["video"] if "video" in changes else video(5 * rows, hue=zlib.crc32(name.encode()))
    if film is not None:
        write(home, f"video/{name}.{changes.get('form', 'avi')}", film)
    titles = AVEC_HEADER if year == 2019 else ""
    text = changes.get("labels", None if name.startswith("Test") else gold(name, rows, header=titles))
    if text is not None:
        write(home, f"labels/{name}.csv", text)
    write(home, f"turns/{name}.csv", "0.1;0.4\n")  # the same name, and no labels
    return name


def avec(folder: Path, year: int = 2019) -> list[str]:
    """Four speakers to train on, one to test on, one without labels."""
    de = "" if year == 2017 else "DE_"
    names = [f"Train_{de}{n:02d}" for n in range(1, 5)] + [f"Devel_{de}01", f"Test_{de}01"]
    return [recording(folder, name, year=year) for name in names]
