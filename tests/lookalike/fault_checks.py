"""For every planted fault, a check that the files really have it, written without the generator's code."""

import io
import json
import unicodedata

import numpy as np
from PIL import Image, UnidentifiedImageError
from release_views import afew_clips, affectnet_rows, gold_rows, table, video, zipped


def cut_off(content: bytes) -> bool:
    """Whether a picture begins well and does not decode to its end."""
    try:
        Image.open(io.BytesIO(content)).load()
    except (UnidentifiedImageError, OSError):
        return content.startswith((b"\xff\xd8", b"\x89PNG"))
    return False


def affectnet(folder):
    """Kind -> check(item) for the release of 2017."""
    root = folder / "Manually_Annotated_Images"
    rows = {}
    for row in affectnet_rows(folder):
        rows.setdefault(row["path"], []).append(row)

    def image(item):
        return Image.open(root / item)

    def box(item):
        x, y, w, h = (float(rows[item][0][name]) for name in ("x", "y", "width", "height"))
        width, height = image(item).size
        return x, y, w, h, width, height

    def outside(item):
        x, y, _, _, width, height = box(item)
        return x >= width and y >= height

    def clamped(item):
        x, y, w, h, width, height = box(item)
        return x < 0 < x + w <= width and 0 <= y < y + h <= height

    def twice(item):
        (same,) = [path for path in rows if path != item and (root / path).exists()
                   and (root / path).read_bytes() == (root / item).read_bytes()]  # fmt: skip
        return rows[same][0]["valence"] == rows[item][0]["valence"]

    return {
        "empty image file": lambda item: (root / item).stat().st_size == 0,
        "cut-off image file": lambda item: cut_off((root / item).read_bytes()),
        "no image file": lambda item: not (root / item).exists(),
        "grey image": lambda item: image(item).mode == "L",
        "CMYK image": lambda item: image(item).mode == "CMYK",
        "PNG under the name of a JPEG": lambda item: image(item).format == "PNG" and item.endswith(".jpg"),
        "NULL as valence": lambda item: rows[item][0]["valence"] == "NULL",
        "nan as arousal": lambda item: rows[item][0]["arousal"] == "nan",
        "valence beyond 1": lambda item: float(rows[item][0]["valence"]) > 1,
        "-2 with a usable expression": lambda item: (
            rows[item][0]["valence"] == "-2" and int(rows[item][0]["expression"]) < 8
        ),
        "box past the border": clamped,
        "box outside the image": outside,
        "negative box width": lambda item: float(rows[item][0]["width"]) < 0,
        "row twice": lambda item: len(rows[item[:-2]]) == 2 and rows[item[:-2]][0] == rows[item[:-2]][1],
        "image twice under two names": twice,
        "image with transparency": lambda item: image(item).mode == "RGBA",
        "palette image": lambda item: image(item).mode == "P",
        "TIFF image": lambda item: image(item).format == "TIFF" and item.endswith(".tif"),
        "bitmap": lambda item: image(item).format == "BMP" and item.endswith(".bmp"),
        "Thumbs.db among the images": lambda item: (root / item).exists() and item not in rows,
        "list without header": lambda item: (folder / item).read_text()[0].isdigit(),
    }


def affectnet_2021(folder):
    """Kind -> check(item) for the release of 2021."""

    def image(item):
        part, number = item.split("/")
        return folder / part / "images" / f"{number}.jpg"

    def note(item, name):
        part, number = item.split("/")
        return folder / part / "annotations" / f"{number}_{name}.npy"

    return {
        "no arousal file": lambda item: not note(item, "aro").exists() and note(item, "val").exists(),
        "empty image file": lambda item: image(item).stat().st_size == 0,
        "no image file": lambda item: not image(item).exists() and note(item, "lnd").exists(),
        "nan as valence": lambda item: np.isnan(float(np.load(note(item, "val")).item())),
        "-2 with a usable expression": lambda item: float(np.load(note(item, "val")).item()) == -2,
        "landmarks left of the image": lambda item: np.load(note(item, "lnd"))[0] < 0,
        "label stored as text": lambda item: np.load(note(item, "val")).dtype.kind == "U",
    }


def afew_va(folder):
    """Kind -> check(item)."""
    clips = afew_clips(folder)

    def entry(item):
        return clips[item[:3]][0]["frames"].get(item[4:])

    def picture(item):
        return clips[item[:3]][1].get(item[4:])

    def spelt(item):
        name = clips[item][0]["actor"]
        return name == name.upper() and unicodedata.is_normalized("NFD", name)

    def gap(item):
        keys = sorted(int(key) for key in clips[item[:3]][0]["frames"])
        return entry(item) is None and picture(item) is None and keys[0] < int(item[4:]) < keys[-1]

    return {
        "gap in the keys": gap,
        "no PNG file": lambda item: picture(item) is None and entry(item) is not None,
        "empty PNG file": lambda item: picture(item) == b"",
        "cut-off PNG file": lambda item: cut_off(picture(item)),
        "wrong number of landmarks": lambda item: len(entry(item)["landmarks"]) == 67,
        "no landmarks": lambda item: entry(item)["landmarks"] == [],
        "null as valence": lambda item: entry(item)["valence"] is None,
        "level beyond 10": lambda item: entry(item)["arousal"] > 10,
        "clip of one frame": lambda item: len(clips[item][1]) == 1,
        "actor spelt in another way": spelt,
        "frames count from 00000": lambda item: min(clips[item][1]) == "00000",
        "actor with an accent": lambda item: not clips[item][0]["actor"].isascii(),
    }


def sewa(folder):
    """Kind -> check(item)."""

    def length(name):
        first, last = name.split("_")[-2:]
        return int(last) - int(first) + 1

    def lost(item):
        name, frame = item.split("/")
        texts = zipped(folder / name / f"{name}-Landmarks.zip")
        last_line = texts[f"{name}-Landmarks/{int(frame) + 1:06d}.txt"].decode().splitlines()[2]
        return set(last_line.split()) == {"-1.000"}

    def unrated(item):
        name, frame = item.split("/")
        content = zipped(folder / name / f"{name}-Valence.zip")[f"{name}_Valence_V_Aligned.csv"]
        return np.isnan(table(content)[int(frame), 1:]).all()

    def decoded(name):
        return len(video(folder / name / f"{name}.avi")[0])

    def beyond_the_end(item):
        name, frame = item.split("/")
        return decoded(name) <= int(frame) < length(name)

    def repeated(name):
        (other,) = [p for p in folder.iterdir() if p.name[3:] == name[3:] and p.name != name]
        return (other / f"{other.name}.avi").read_bytes() == (folder / name / f"{name}.avi").read_bytes()

    return {
        "tracker lost the face": lost,
        "NaN from all raters": unrated,
        "short video": beyond_the_end,
        "video without bytes": lambda item: (
            (folder / item.split("/")[0] / f"{item.split('/')[0]}.avi").stat().st_size == 0
        ),
        "one frame more than the name says": lambda item: decoded(item) == length(item) + 1,
        "same footage under two names": repeated,
        "no liking for a segment chosen by arousal or valence": lambda item: (
            item.startswith(("SA", "SV")) and not (folder / item / f"{item}-Liking.zip").exists()
        ),
    }


def avec(folder):
    """Kind -> check(item)."""
    (home,) = folder.glob("AVEC*_SEWA")

    def label_text(item):
        return (home / "labels" / f"{item.split('/')[0]}.csv").read_bytes()

    def at(item):
        rows = gold_rows(label_text(item))
        return rows[np.isclose(rows[:, 0], int(item.split("/")[1]) / 50)]  # items count 50 a second

    def film(item):
        return home / "video" / f"{item.split('/')[0]}.avi"

    def too_late(item):
        frames, rate = video(film(item))
        return len(frames) <= int(item.split("/")[1]) / 50 * rate

    def alone(item, mark):
        """Whether this table lacks what all other tables have, or has what they lack."""
        found = {path.stem: mark(path.read_bytes()) for path in (home / "labels").iterdir()}
        return [name for name, has in found.items() if has == found[item]] == [item]

    return {
        "video without bytes": lambda item: film(item).stat().st_size == 0,
        "no video file": lambda item: not film(item).exists() and bool(label_text(item)),
        "short video": too_late,
        "NaN as valence": lambda item: np.isnan(at(item)[0, 2]) and not np.isnan(at(item)[0, 1]),
        "arousal beyond 1": lambda item: at(item)[0, 1] > 1,
        "row left out": lambda item: len(at(item)) == 0,
        "row twice": lambda item: len(at(item)) == 2,
        "header unlike the other tables": lambda item: alone(item, lambda text: text.startswith(b"name;")),
        "quotes unlike the other tables": lambda item: alone(item, lambda text: b"'" in text),
        "labels withheld": lambda item: (
            film(item).exists() and not (home / "labels" / f"{item}.csv").exists()
        ),
        "table of turns under a recording's name": lambda item: (folder / item).exists(),
    }


def planted(folder) -> list[dict]:
    """Faults that a release says it has."""
    return json.loads((folder / "lookalike.json").read_text("utf-8"))["faults"]
