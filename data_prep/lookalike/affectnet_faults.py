"""Faults of the AffectNet releases, planted in files and in rows."""

import io
from pathlib import Path
from typing import Any

from PIL import Image

from data_prep.lookalike.faults import Fault

# Kind -> status that the image must end in. What the row says is spoilt by `_EDITS`, the file by `damage`.
KINDS: dict[str, str] = {
    "empty image file": "img_empty",
    "cut-off image file": "img_undecodable",
    "no image file": "img_missing",
    "grey image": "img_mode_converted",
    "CMYK image": "img_mode_converted",
    "PNG under the name of a JPEG": "ok",
    "NULL as valence": "label_null",
    "nan as arousal": "label_nan",
    "valence beyond 1": "label_range",
    "-2 with a usable expression": "va_missing",
    "box past the border": "box_clamped",
    "box outside the image": "box_bad",
    "negative box width": "box_bad",
    "row twice": "dup_key",
    "image twice under two names": "dup_content",
}
# Files that are rare in the release and need an extension of their own.
RARE_FILES: dict[str, str] = {
    "image with transparency": "png",
    "palette image": "PNG",
    "TIFF image": "tif",
    "bitmap": "bmp",
}
_RARE_STATUS = {"image with transparency": "img_mode_converted", "palette image": "img_mode_converted"}
_EDITS: dict[str, dict[str, str]] = {
    "NULL as valence": {"valence": "NULL"},
    "nan as arousal": {"arousal": "nan"},
    "valence beyond 1": {"valence": "1.730000"},
    "-2 with a usable expression": {"valence": "-2", "arousal": "-2"},
    "box outside the image": {"face_x": "5000", "face_y": "5000"},
    "negative box width": {"face_width": "-12"},
}


def damage(content: bytes, kind: str) -> bytes | None:
    """Spoil an encoded image as `kind` says; None where there must be no file."""
    match kind:
        case "empty image file":
            return b""
        case "no image file":
            return None
        case "cut-off image file":
            return content[: len(content) // 3]
        case "grey image":
            return _again(content, "L", "JPEG")
        case "CMYK image":
            return _again(content, "CMYK", "JPEG")
        case "PNG under the name of a JPEG":
            return _again(content, "RGB", "PNG")
        case "image with transparency":
            return _again(content, "RGBA", "PNG")
        case "palette image":
            return _again(content, "P", "PNG")
        case _:
            return content


def _again(content: bytes, mode: str, form: str) -> bytes:
    """Decode, convert and encode once more."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(content)).convert(mode).save(buffer, form)
    return buffer.getvalue()


def edit_rows(
    rows: list[dict[str, str]], photos: list[Any], images: Path
) -> tuple[list[dict[str, str]], list[Fault]]:
    """
    Spoil rows, and list every fault of a part of the release.

    Parameters
    ----------
    rows
        Rows of one list, in the order of `photos`.
    photos
        What was to be made (`affectnet.Photo`).
    images
        Folder of the images; copies are added here.

    Returns
    -------
    rows
        With the faults; further rows stand at the end.
    faults
        What was planted.
    """
    out, added, faults = [], [], []
    for row, photo in zip(rows, photos, strict=True):
        row = {**row, **_EDITS.get(photo.fault, {})}
        item, status = photo.path, KINDS.get(photo.fault) or _RARE_STATUS.get(photo.fault, "ok")
        if photo.fault == "box past the border":
            row["face_x"] = str(-round(0.1 * photo.side))
        if photo.fault == "row twice":
            added.append(row)
            item = f"{item}#2"
        if photo.fault == "image twice under two names":
            item = _copied(photo.path)
            (images / item).write_bytes((images / photo.path).read_bytes())
            added.append({**row, "subDirectory_filePath": item})
        out.append(row)
        if photo.fault:
            faults.append(Fault(photo.fault, item, status))
    return out + added, faults


def _copied(path: str) -> str:
    """Another name for the same content, in the same style."""
    folder, name = path.split("/")
    return f"{folder}/{name[7:56]}{name[:7]}.{name.rsplit('.', 1)[1]}"
