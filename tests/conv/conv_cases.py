"""The space of legal convolutions, as hypothesis draws it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from conv_loops import Taps
from hypothesis import settings
from hypothesis import strategies as st

KINDS = ("cp", "cp without weights", "tucker", "train", "dense", "separable")
MODES = ("zeros", "reflect", "replicate", "circular")
LAYOUTS = ("plain", "channels last", "sliced", "reversed modes", "expanded", "unbatched")


def examples(count: int) -> settings:
    """So many drawn cases; HOCP_EXAMPLES=50 makes a campaign of 50 times as many."""
    return settings(max_examples=count * int(os.environ.get("HOCP_EXAMPLES", "1")), deadline=None)


@dataclass(frozen=True)
class Case:
    """One drawn convolution: what to build, and its geometry once more in numbers."""

    kind: str
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    channels: tuple[int, int]
    groups: int
    given: dict[str, Any]
    taps: Taps
    batch: int
    layout: str
    bias: bool
    skip: str | None
    skip_taps: tuple[int, ...] | None
    rank: Any
    separate: int
    seed: int

    @property
    def order(self) -> int:
        """Number of spatial modes."""
        return len(self.kernel)

    @property
    def shortcut(self) -> tuple[int, ...]:
        """Tap of each mode under which the skip sits."""
        return self.skip_taps or tuple(taps // 2 for taps in self.kernel)


@st.composite
def cases(draw, kinds=KINDS, orders=(1, 2, 3, 4, 5), skips=(None, None, "identity", "projection")):
    """A legal convolution of one of the kinds."""
    kind, order = draw(st.sampled_from(kinds)), draw(st.sampled_from(orders))
    skip = draw(st.sampled_from(skips)) if kind not in ("dense", "separable") else None
    longest = (5, 4, 3, 2, 2)[order - 1]
    centred = skip is not None and draw(st.booleans())
    taps = st.sampled_from([1, 3, 5][: 3 if order == 1 else 2]) if centred else st.integers(1, longest)

    def each(values) -> tuple[int, ...]:
        return tuple(draw(values) for _ in range(order))

    def one_or_each(values) -> int | tuple[int, ...]:
        return draw(values) if draw(st.booleans()) else each(values)

    kernel, dilation = each(taps), one_or_each(st.integers(1, 3 if order < 4 else 2))
    padding = draw(st.sampled_from(["same", "valid", "one", "each", "pairs"]))
    stride = 1 if padding == "same" else one_or_each(st.integers(1, 3))
    wide = st.integers(0, 4 if order < 3 else 3 if order < 4 else 1)
    if padding in ("one", "each"):
        padding = draw(wide) if padding == "one" else each(wide)
    elif padding == "pairs":
        padding = tuple((draw(wide), draw(wide)) for _ in range(order))
    mode = draw(st.sampled_from(MODES)) if draw(st.booleans()) else each(st.sampled_from(MODES))
    spread = _all(dilation, order)
    numbers = Taps(_all(stride, order), _pairs(padding, kernel, spread), spread, _all(mode, order))
    more = st.integers(0, 3 if order < 4 else 1)
    size = tuple(shortest + draw(more) for shortest in _shortest(kernel, numbers))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    channels = (groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3)))
    rank = draw(st.integers(1, 5))
    if kind == "tucker":
        rank = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    elif kind == "train":
        rank = tuple(draw(st.integers(1, 3)) for _ in range(order + 1))
    return Case(
        kind=kind,
        size=size,
        kernel=kernel,
        channels=(channels[0], channels[0]) if skip == "identity" else channels,
        groups=groups,
        given={"stride": stride, "padding": padding, "dilation": dilation, "padding_mode": mode},
        taps=numbers,
        batch=draw(st.sampled_from([0, 1, 1, 2])),
        layout=draw(st.sampled_from(LAYOUTS)),
        bias=draw(st.booleans()),
        skip=skip,
        skip_taps=None if skip is None or centred else tuple(draw(st.integers(0, k - 1)) for k in kernel),
        rank=rank,
        separate=draw(st.integers(0, order - 1)),
        seed=draw(st.integers(0, 2**16)),
    )


def _all(value: Any, order: int) -> tuple[Any, ...]:
    """One entry a mode."""
    return value if isinstance(value, tuple) else (value,) * order


def _pairs(padding: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Padding in numbers, as torch's documentation has it."""
    if padding == "same":
        reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in reach)
    each = _all(0 if padding == "valid" else padding, len(kernel))
    return tuple(pads if isinstance(pads, tuple) else (pads, pads) for pads in each)


def _shortest(kernel: tuple[int, ...], taps: Taps) -> list[int]:
    """Size of each mode at which the window just fits and the padding has enough to take from."""
    shortest = []
    for mode, (before, after) in enumerate(taps.padding):
        window = (kernel[mode] - 1) * taps.dilation[mode] + 1
        source = {"reflect": max(before, after) + 1, "circular": max(before, after)}
        shortest.append(max(1, window - before - after, source.get(taps.padding_mode[mode], 1)))
    return shortest
