"""How large the benchmark's releases are, and how large the real ones."""

from typing import NamedTuple

SIDE = 112  # pixels of a crop, as in config/paper.yaml
WINDOW, BATCH = 16, 16  # frames of a clip, clips of a batch


class Source(NamedTuple):
    """
    Proportions of one release.

    Attributes
    ----------
    unit : str
        What its size is counted in here.
    options : tuple of str
        Of the reader, beside its defaults.
    """

    unit: str
    options: tuple[str, ...] = ()


SOURCES = {
    "affectnet": Source("images"),
    "afew_va": Source("clips", ("--anamorphic",)),
    "sewa": Source("segments"),
}
#: Size -> data set -> how many units; three in a full run, since a line through two always fits.
SIZES = {
    "gate": {"affectnet": (60, 120), "afew_va": (5, 10), "sewa": (3, 6)},
    "short": {"affectnet": (100, 800), "afew_va": (5, 15), "sewa": (3, 12)},
    "full": {"affectnet": (1000, 3000, 9000), "afew_va": (5, 15, 45), "sewa": (5, 20, 60)},
}
#: Frames of a clip, container frames of a segment: the means of the real releases, or as few as will do.
FRAMES = {
    "gate": {"afew_va": 6, "sewa": 60},
    "short": {"afew_va": 20, "sewa": 400},
    "full": {"afew_va": 50, "sewa": 930},
}
#: Distinct pictures, clips and segments that the copies are made from.
DISTINCT = {
    "gate": {"affectnet": 8, "afew_va": 1, "sewa": 1},
    "short": {"affectnet": 48, "afew_va": 1, "sewa": 1},
    "full": {"affectnet": 96, "afew_va": 2, "sewa": 2},
}
