"""What the speed benchmark measures at which size: layers of ResNet-18, ranks, networks, and who takes part.

Shapes: B batch, C channels in and out, R rank; spatial sizes time first, 3 taps a mode, padding 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hocp.conv import Geometry, matching_rank

#: Rank of a CP layer by its name in the rows; "matched" has the parameters of a dense 3 x 3 layer.
RANKS = {
    "C/2": lambda c: c // 2, "C": lambda c: c, "2C": lambda c: 2 * c, "3C": lambda c: 3 * c,
    "matched": lambda c: matching_rank(c, c, (3, 3)), "6C": lambda c: 6 * c, "8C": lambda c: 8 * c,
}  # fmt: skip
#: Ranks at which the layers of others take part too, by order; at the rest only ours and the dense layer. In
#: 3-D they need seconds a call at high ranks.
COMPARED = {2: ("C", "2C", "3C", "matched", "6C"), 3: ("C", "2C", "6C")}
LAYER_CALLS = ("forward", "forward + backward")
NETWORK_CALLS = ("inference", "training step")


@dataclass(frozen=True)
class LayerCase:
    """A layer of a ResNet-18 stage at one rank, and the batch that it sees.

    Attributes
    ----------
    batch, channels : int
    size : tuple of int
        Spatial, time first.
    rank_of : str
        Key of `RANKS`.
    thorough : bool
        Whether every peer is timed in both memory layouts, not only in the one that suits it.
    """

    batch: int
    channels: int
    size: tuple[int, ...]
    rank_of: str = "C"
    thorough: bool = field(default=False, compare=False)

    suite = "layers"
    calls = LAYER_CALLS

    @property
    def order(self) -> int:
        return len(self.size)

    @property
    def rank(self) -> int:
        return RANKS[self.rank_of](self.channels)

    @property
    def geometry(self) -> Geometry:
        return Geometry((3,) * self.order, padding=1)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(B, C, D0, ...), also of the output."""
        return (self.batch, self.channels, *self.size)

    @property
    def subject(self) -> str:
        return f"{self.order}-D, {self.channels} channels, {' x '.join(map(str, self.size))}"


@dataclass(frozen=True)
class NetworkCase:
    """A ResNet-18 as it is, and with HO-CP layers.

    Attributes
    ----------
    batch : int
    size : tuple of int
        Of the input, time first.
    rank_of : str
        "C": each layer of the dense trunk is exchanged for one with R = max(C_in, C_out); "matched": the
        HO-CP network of `hocp.networks`, whose layers have the parameters of dense 3 x 3 layers.
    width : float
    """

    batch: int
    size: tuple[int, ...]
    rank_of: str = "C"
    width: float = 1.0

    suite = "networks"
    calls = NETWORK_CALLS
    channels = None
    rank = None

    @property
    def order(self) -> int:
        return len(self.size)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.batch, 3, *self.size)

    @property
    def subject(self) -> str:
        name = ("R3D-18" if self.order == 3 else "ResNet-18") + f" of width {self.width}" * (self.width != 1)
        return f"{name}, {' x '.join(map(str, self.size))}"


Case = LayerCase | NetworkCase


def facts(case: Case) -> dict[str, Any]:
    """What a row says of its case."""
    return {
        "suite": case.suite,
        "subject": case.subject,
        "order": case.order,
        "batch": case.batch,
        "channels": case.channels,
        "size": "x".join(map(str, case.size)),
        "rank": case.rank,
        "rank_of": case.rank_of,
    }


@dataclass(frozen=True)
class Effort:
    """How long is measured: passes over all peers of a case, and in each the seconds and rounds of a peer."""

    passes: int
    seconds: float
    least: int
    most: int = 20


EFFORT = {
    "tiny": Effort(1, 0.0, 1, 1),
    "smoke": Effort(2, 0.005, 1, 3),
    "demo": Effort(3, 0.02, 1),
    "gate": Effort(5, 0.1, 2),
    "full": Effort(5, 0.1, 1),
}
_STAGES = ((64, 56), (128, 28), (256, 14), (512, 7))


def _stages(*frames: int, batch: int, stages=_STAGES, **how: Any) -> tuple[LayerCase, ...]:
    """Layers of the four stages of ResNet-18 for inputs of 224 x 224."""
    return tuple(LayerCase(batch, channels, (*frames, side, side), **how) for channels, side in stages)


_NETWORKS = tuple(
    NetworkCase(batch, size, rank_of)
    for batch, size in ((1, (8, 112, 112)), (16, (112, 112)))
    for rank_of in ("C", "matched")
)
_SMALL = {
    "tiny": (
        LayerCase(2, 8, (6, 6)), LayerCase(2, 8, (3, 6, 6)),
        NetworkCase(2, (64, 64), width=0.125), NetworkCase(1, (4, 64, 64), width=0.125),
    ),
    "smoke": (
        LayerCase(1, 64, (14, 14)), LayerCase(1, 64, (4, 14, 14)), NetworkCase(2, (64, 64), width=0.125),
    ),
    "demo": (
        *(LayerCase(2, 64, (28, 28), rank_of) for rank_of in ("C", "matched")),
        *(LayerCase(1, 64, (4, 28, 28), rank_of) for rank_of in ("C", "matched")),
        NetworkCase(1, (4, 56, 56), width=0.25),
    ),
    # Cases of the full size, so that their ratios can be compared with a reference of that size.
    "gate": (
        *_stages(batch=8, stages=_STAGES[1::2]), *_stages(8, batch=2, stages=_STAGES[1::2]), _NETWORKS[0],
    ),
}  # fmt: skip


def cases(size: str, subject: str, *, threads: int, allocator: str) -> tuple[Case, ...]:
    """Cases of one part.

    Parameters
    ----------
    size : str
        One of `SIZES`.
    subject : {'all', 'layers2d', 'layers3d', 'networks'}
    threads : int
    allocator : {'kept', 'default'}
        All ranks, batch 1, and at rank C both layouts of every peer are measured on two threads with the
        kept allocator; else rank C alone.
    """
    if size != "full":
        return _of_subject(_SMALL[size], subject)
    broad = (threads, allocator) == (2, "kept")
    layers = tuple(
        case
        for batch, frames in ((8, ()), (2, (8,)))
        for rank_of in (RANKS if broad else ("C",))
        for case in _stages(*frames, batch=batch, rank_of=rank_of, thorough=broad and rank_of == "C")
    )
    singles = tuple(case for frames in ((), (8,)) for case in _stages(*frames, batch=1)) if broad else ()
    return _of_subject((*layers, *singles, *_NETWORKS), subject)


def _of_subject(among: tuple[Case, ...], subject: str) -> tuple[Case, ...]:
    wanted = {"layers2d": ("layers", 2), "layers3d": ("layers", 3), "networks": ("networks", None)}
    if subject == "all":
        return among
    suite, order = wanted[subject]
    return tuple(case for case in among if case.suite == suite and order in (None, case.order))
