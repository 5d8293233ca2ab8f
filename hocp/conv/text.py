"""How layers are printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What a reader expects unless told otherwise, whatever the order.
_PLAIN = {
    "stride": {1}, "padding": {(0, 0)}, "dilation": {1}, "groups": {1}, "bias": {False},
    "padding_mode": {"zeros"}, "implementation": {"auto"}, "learn_weights": {True}, "separate_modes": {0},
    "recompute": {False}, "rank_norm": {None}, "rank_activation": {None}, "skip": {None}, "skip_taps": {None},
}  # fmt: skip


def describe(options: Mapping[str, Any]) -> str:
    """The options of a factorized layer: channels, kernel, rank, and what is not plain.

    >>> describe({"in_channels": 3, "out_channels": 8, "kernel_size": (3, 3), "stride": (1, 2), "rank": 5})
    '3, 8, kernel_size=(3, 3), stride=(1, 2), rank=5'
    """
    named = dict(options)
    channels = [str(named.pop("in_channels")), str(named.pop("out_channels"))]
    shown = {name: value for name, value in named.items() if _told(value) != _PLAIN.get(name)}
    return ", ".join(channels + [f"{name}={value!r}" for name, value in shown.items()])


def _told(value: Any) -> set[Any]:
    """What a value says, whether once or for each mode."""
    return set(value) if isinstance(value, tuple) else {value}
