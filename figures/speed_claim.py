"""The speed claim of the README: four lines from a record of timings, "not run" where it holds none."""

import pandas as pd

from figures import speed, speed_notes
from figures.tables import Block, Column
from figures.verdicts import NOT_RUN

#: Line -> suite and order of what it tells of.
LINES = {
    "3-D layers of a ResNet-18": ("layers", 3),
    "2-D layers of a ResNet-18": ("layers", 2),
    "R3D-18": ("networks", 3),
    "ResNet-18": ("networks", 2),
}
#: Group of columns -> peers, of which the fastest counts.
AGAINST = {"Than dense": ["dense"], "Than TensorLy-Torch": speed.TLTORCH}
#: Column -> what it is called for layers and for networks.
CALLS = {"inference": ("forward", "inference"), "training": ("forward + backward", "training step")}


def claim(rows: pd.DataFrame) -> Block:
    """How many times quicker, with spread; of layers the geometric mean, at their largest batch."""
    columns = [
        Column(name="Times quicker, equal channels, R = C"),
        Column(name="parameters, of dense", align="r"),
    ]
    columns += [Column(name=call, group=group, align="r") for group in AGAINST for call in CALLS]
    chosen = speed.condition(rows)
    at_c = speed.where(speed.under(rows, chosen), rank_of="C")
    body = [_line(name, at_c[(at_c["suite"] == suite) & (at_c["order"] == order)])
            for name, (suite, order) in LINES.items()]  # fmt: skip
    notes = [f"{speed_notes.machine(rows)} {chosen}. {speed_notes.SPREAD}"]
    return Block(title="", columns=columns, rows=body, notes=notes)


def _line(name: str, rows: pd.DataFrame) -> list[str]:
    rows = rows[rows["batch"] == rows.groupby("channels", dropna=False)["batch"].transform("max")]
    cases = list(speed.cases(rows))
    found = [speed_notes.parameter_share(timed) for _, timed in cases]
    shares = [share for share in found if share is not None]
    cells = [name, speed_notes.per_cent(shares) if shares else NOT_RUN]
    for peers in AGAINST.values():
        for calls in CALLS.values():
            found = [speed.quicker(timed, speed.OURS, peers) for case, timed in cases if case.call in calls]
            ratios = [ratio for ratio in found if ratio is not None]
            cells.append(str(speed.geometric_mean(ratios)) if ratios else NOT_RUN)
    return cells
