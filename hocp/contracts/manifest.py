"""A prepared data set: `manifest.csv` (one row an item), `manifest.json` (facts of the whole), `crops.h5`,
`split.csv` (one row a clip or image: on which side it is).

Items that could not be used stay in the manifest with the status that says why; only items with a crop
have a `row` in ``crops.h5:/crops``, a uint8 array of shape (items, side, side, 3), RGB.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from sys import intern
from typing import Any

from hocp.contracts import files

DATASETS = ("affectnet", "sewa", "afew_va")
SPLITS = ("train", "val", "test", "fold0", "fold1", "fold2", "fold3", "fold4")
FOLDS = 5

#: What can be said of an item. Those in USABLE have a crop and labels and may be trained on.
STATUSES = {
    "ok": "usable as it is",
    "box_clamped": "usable; the face box left the image and was cut at its border",
    "img_mode_converted": "usable; the image was not 8-bit RGB and was converted",
    "frame_extra": "usable frames kept; the video has more frames than its labels",
    "va_missing": "valence and arousal marked as not annotated (-2)",
    "class_excluded": "expression code says that there is no usable face or label (8, 9, 10)",
    "rule_excluded": "excluded by the cleaning rule that was chosen",
    "img_missing": "the image or video is not there",
    "img_empty": "the image or video has no content",
    "img_undecodable": "the image or video does not decode",
    "box_bad": "face box without area, or outside the image",
    "lnd_missing": "no landmarks",
    "lnd_count": "wrong number of landmarks",
    "label_range": "valence or arousal outside the range of the release",
    "label_null": "a label is absent",
    "label_nan": "a label is not a number",
    "frame_gap": "frames or labels are missing inside the clip",
    "dup_key": "the same key stands twice",
    "dup_content": "the same content stands twice",
}
USABLE = ("ok", "box_clamped", "img_mode_converted", "frame_extra")
_ROW_RULE = f"exactly the items whose status is {', '.join(USABLE)} have a row of crops.h5"


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One image or one video frame.

    Attributes
    ----------
    item : str
        Unique in its data set.
    split : str
        One of SPLITS; empty where the item is not usable.
    group : str
        Subject, session or actor that must not cross splits; empty where the release has none (AffectNet).
    clip : str
        Clip that the frame belongs to; empty for single images.
    frame : int or None
        Index of the frame in the clip on the clip's own frame grid; a jump larger than the step is a gap.
    row : int or None
        Row in ``crops.h5``.
    valence, arousal : float or None
        On the signed scale [-1, 1].
    expression : int or None
        AffectNet's code 0..7.
    status : str
        One of STATUSES.
    note : str
        What was found, for a person.
    """

    item: str
    dataset: str
    split: str = ""
    group: str = ""
    clip: str = ""
    frame: int | None = None
    row: int | None = None
    valence: float | None = None
    arousal: float | None = None
    expression: int | None = None
    status: str = "ok"
    note: str = ""

    @property
    def usable(self) -> bool:
        """Whether the item has a crop and both labels."""
        return self.row is not None

    def __post_init__(self):
        for name, legal in (("dataset", DATASETS), ("status", STATUSES), ("split", ("", *SPLITS))):
            value = getattr(self, name)
            if value not in legal:
                raise ValueError(
                    f"item {self.item!r}: {name} is {value!r}, expected one of {', '.join(legal)}"
                )
        if self.usable != (self.status in USABLE):
            raise ValueError(f"item {self.item!r}: status {self.status} with row {self.row}; {_ROW_RULE}")
        for name in ("valence", "arousal"):
            value = getattr(self, name)
            if (value is None and self.usable) or (value is not None and not -1 <= value <= 1):
                raise ValueError(f"item {self.item!r}: {name} is {value}, expected a number on [-1, 1]")
        if self.usable and not self.split:
            raise ValueError(f"item {self.item!r}: a usable item without split, expected {', '.join(SPLITS)}")


COLUMNS = tuple(one.name for one in fields(Item))
#: Of `split.csv`: a clip or single image; a hash of the subject, session or picture that it shows; its part.
SPLIT_COLUMNS = ("unit", "group", "part")
_INTEGERS = ("frame", "row", "expression")
_FLOATS = ("valence", "arousal")


def write(path: str | Path, items: Iterable[Item]) -> None:
    """Publish the rows of `manifest.csv`; floats keep six decimals, far below the labels' resolution."""
    rows = ({name: _text(name, getattr(item, name)) for name in COLUMNS} for item in items)
    files.write_csv(path, COLUMNS, rows)


def _text(column: str, value: Any) -> Any:
    return f"{value:.6f}" if column in _FLOATS and value is not None else value


def read(path: str | Path) -> list[Item]:
    """Read `manifest.csv`.

    Raises
    ------
    ValueError
        If columns, types or statuses are not those of this module, or two items share a row of
        ``crops.h5``; names file and line.
    """
    items, owners = [], {}
    for number, row in enumerate(files.csv_rows(path, COLUMNS), start=2):
        try:
            item = Item(**{k: _value(k, v) for k, v in row.items()})
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: not a row of a manifest: {error}") from None
        if item.usable and item.row in owners:
            raise ValueError(f"{path}, line {number}: row {item.row} is that of {owners[item.row]!r} already")
        owners[item.row] = item.item
        items.append(item)
    return items


def _value(column: str, text: str) -> Any:
    kind = int if column in _INTEGERS else float if column in _FLOATS else None
    if kind is None:
        return text if column == "item" else intern(text)  # the others are those of many items
    try:
        return kind(text) if text else None
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise ValueError(f"{column} is {text!r}, expected {wanted} or nothing") from None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What `manifest.json` says of the whole data set.

    Attributes
    ----------
    data : str
        "generated" or "licensed"; every number made from it carries the word.
    release : str
        Release recognised by the reader, e.g. "AffectNet 2017, manual".
    scale : dict
        ``native_min``, ``native_max`` (measured), ``factor``, ``offset`` (signed = factor * native + offset).
    frame_step : int
        Distance between consecutive kept frames on the clip's own frame grid; 1 for images.
    fps : float or None
        Kept frames per second.
    crop : dict
        ``side`` in pixels and the parameters of the crop function.
    clean : dict
        Rule by which labels were sorted out, and the parts it was used on; empty where the reader has none.
    split : dict
        Rule, seed, ``sha256`` of `split.csv`; ``balance`` of each part and ``near_duplicates`` across parts.
    counts : dict
        Items by status.
    sources : dict
        Archive or file read -> SHA-256.
    manifest_sha256, crops_sha256 : str
        Of the two other files.
    layout : dict
        What discovery matched: ``variants`` of the layout, ``lists``, ``counts`` and ``notes``.
    limits : dict
        Status -> share of all items that was allowed.
    deviations : list of dict or None
        ``what``, ``expected``, ``found``, ``source`` of each count that is not the published one; None where
        counts were not compared, as for generated data.
    """

    dataset: str
    data: str
    release: str
    scale: Mapping[str, float]
    frame_step: int
    fps: float | None
    crop: Mapping[str, Any]
    clean: Mapping[str, Any] = field(default_factory=dict)
    split: Mapping[str, Any]
    counts: Mapping[str, int]
    sources: Mapping[str, str]
    manifest_sha256: str
    crops_sha256: str
    layout: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)
    deviations: Sequence[Mapping[str, Any]] | None = None

    @property
    def items(self) -> int:
        """All items, usable or not."""
        return sum(self.counts.values())

    @property
    def usable(self) -> int:
        """Items with a crop and both labels."""
        return sum(self.counts.get(status, 0) for status in USABLE)

    def __post_init__(self):
        if self.data not in ("generated", "licensed"):
            raise ValueError(f"data is {self.data!r}, expected 'generated' or 'licensed'")


def write_facts(path: str | Path, facts: Facts) -> None:
    """Publish `manifest.json`."""
    files.write_json(path, asdict(facts))


def read_facts(path: str | Path) -> Facts:
    """Read `manifest.json`.

    Raises
    ------
    ValueError
        If a key is missing or unknown, or the data neither generated nor licensed; names the file.
    """
    found = files.read_json(path)
    try:
        return Facts(**found)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: not the facts of a prepared data set: {error}") from None


def parts(split: str, fold: int) -> str:
    """Part that an item of this `split` plays in run number `fold`: "train", "val" or "test".

    Data sets with one official split use fold 0. With folds, fold k is tested, fold k + 1 (cyclic)
    watched while training, and the other three trained on.
    """
    assert 0 <= fold < FOLDS, fold
    if not split.startswith("fold"):
        return split
    distance = (int(split[4:]) - fold) % FOLDS
    return {0: "test", 1: "val"}.get(distance, "train")
