"""What was recognised of an AVEC release: forms and counts, and where they differ from the official ones."""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from data_prep import avec_labels, tables, video
from data_prep.avec_recording import Recording
from data_prep.tree import Tree

#: Recordings by year, part and culture, from the challenges' guidelines.
EXPECTED = {
    2017: {"Train_DE": 34, "Devel_DE": 14, "Test_DE": 16},
    2018: {"Train_DE": 34, "Devel_DE": 14, "Test_DE": 16, "Test_HU": 66},
    2019: {
        "Train_DE": 34, "Devel_DE": 14, "Test_DE": 16,
        "Train_HU": 34, "Devel_HU": 14, "Test_HU": 18, "Test_CN": 70,
    },
}  # fmt: skip
WHOLE = (
    "no boxes were given (--boxes): each crop is the central square of the whole frame, so faces are smaller "
    "in it than in crops around landmarks, and results do not compare with those on other releases"
)


def notes(tree: Tree, year: int, recordings: Sequence[Recording], *, boxes: bool) -> list[str]:
    """Variants with their counts, then deviations; each a line."""
    counts = Counter(f"{recording.part}_{recording.culture}" for recording in recordings)
    variants = _variants(tree, recordings)
    lines = [f"{name}: {count}" for name, count in sorted((variants | counts).items())]
    for name in sorted(EXPECTED[year].keys() | counts.keys()):
        expected = EXPECTED[year].get(name, 0)
        if counts[name] != expected:
            lines.append(f"{counts[name]} recordings {name}, expected {expected}")
    return [*lines, *_gaps(recordings, boxes=boxes), *([] if boxes else [WHOLE])]


def _variants(tree: Tree, recordings: Sequence[Recording]) -> Counter:
    files = [recording.files for recording in recordings]
    videos = [kinds["video"] for kinds in files if "video" in kinds]
    variants = Counter(f"video as {PurePosixPath(path).suffix.lower()}" for path in videos)
    variants += Counter(f"labels, {form(tree, kinds['labels'])}" for kinds in files if "labels" in kinds)
    rates = video.rates(tree, videos)
    return variants + Counter({f"container of {rate} frames a second": n for rate, n in rates.items()})


def form(tree: Tree, path: str) -> str:
    """How a table of labels is written, by its first rows: with a header or not, names quoted or not."""
    try:
        rows = tables.rows(tree.read(path, limit=tables.BYTES))
        first = next(rows, [])
        titled = avec_labels.header(first) is not None
        name = next(rows, first)[0] if titled else first[0]
    except (OSError, ValueError, IndexError):
        return "not readable"
    quoted = name.strip().startswith("'")
    return f"{'header' if titled else 'no titles'}, names {'quoted' if quoted else 'plain'}"


def _gaps(recordings: Sequence[Recording], *, boxes: bool) -> list[str]:
    """Say what recordings lack."""
    tests = [recording for recording in recordings if recording.part == "Test"]
    others = [recording for recording in recordings if recording.part != "Test"]
    withheld = sum("labels" not in recording.files for recording in tests)
    lines = []
    if withheld:
        lines.append(f"{withheld} of {len(tests)} recordings of Test have no labels: they are withheld")
    if withheld < len(tests):
        lines.append(f"{len(tests) - withheld} recordings of Test have labels, and are tested with Devel")
    for kind, group in (("labels", others), ("video", recordings), *[("boxes", recordings)] * boxes):
        without = [recording.name for recording in group if kind not in recording.files]
        if without:
            lines.append(f"{len(without)} recordings without {kind}, e.g. {without[0]}")
    return lines
