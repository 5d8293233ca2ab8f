"""The analytic tables of the suite as rows of `hocp.contracts.record.COST`.

Every row counts one forward pass of one image, clip or, in the FLOP figure, activation. `macs` are
multiply-adds, `bytes` the float32 bytes of the parameters and of every layer's output.

    networks     every network at full size, at its reference input
    torchvision  the networks that torchvision has, in its form, at the input of its published figures
    cifar        the two MobileNets for CIFAR
    emotion      networks of the emotion experiments, images and frames of one size
    rank_rules   the HO-CP ResNets under other choices of the rank
    flop_figure  the layers of the paper's FLOP figure
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hocp.conv import Cost, Geometry, cp_cost, dense_cost, flop_figure_gflops
from hocp.networks.profile import ITEMSIZE, Profile, profile, shape_text
from hocp.networks.registry import entry, names

SIDE, FRAMES = 112, 16  # pixels and frames of the emotion rows
FLOP_PAIRS = ((128, 128), (128, 256), (256, 256), (256, 512), (512, 512))
FLOP_SIZE = (32, 32, 16)
FLOP_KINDS = {"dense": None, "hocp3": 3, "hocp6": 6}  # rank in units of the input channels
_CLIP_FORM = {"temporal_stride": 2, "per_frame": False}


def rows() -> Iterator[dict[str, Any]]:
    """All rows of all tables."""
    yield from (_row("networks", profile(name)) for name in names())
    yield from _torchvision()
    yield from (_row("cifar", profile(name)) for name in names() if name.endswith("_cifar"))
    yield from _emotion()
    yield from _rank_rules()
    yield from _flop_figure()


def _row(table: str, counted: Profile, *, kind: str | None = None) -> dict[str, Any]:
    """One network as a row."""
    return {
        "table": table,
        "item": counted.name,
        "c_in": counted.input_size[0],
        "c_out": counted.outputs,
        "kind": kind or entry(counted.name).kind,
        "parameters": counted.cost.parameters,
        "macs": counted.cost.macs,
        "bytes": counted.bytes,
        "input": shape_text(counted.input_size),
    }


def _torchvision() -> Iterator[dict[str, Any]]:
    """With 1000 classes of ImageNet and 400 of Kinetics."""
    yield _row("torchvision", profile("resnet18", outputs=1000))
    yield _row("torchvision", profile("r3d18", outputs=400, **_CLIP_FORM))
    yield _row("torchvision", profile("r2plus1d18", outputs=400, **_CLIP_FORM))
    yield _row("torchvision", profile("mobilenetv2", outputs=1000))


def _emotion_input(name: str) -> tuple[int, ...]:
    """Images as large as the frames of clips, so that image and video networks compare by frame."""
    return (3, SIDE, SIDE) if entry(name).order == 2 else (3, FRAMES, SIDE, SIDE)


def _emotion() -> Iterator[dict[str, Any]]:
    for name in names():
        if "mobilenet" not in name:
            yield _row("emotion", profile(name, input_size=_emotion_input(name)))


def _rank_rules() -> Iterator[dict[str, Any]]:
    """Parameter matching reproduces the published 11 M; the ranks of the FLOP figure do not."""
    rules = {"matched": {}, "R=3C": {"rank_multiple": 3}, "R=6C": {"rank_multiple": 6}}
    for name in ("hocp_resnet18", "hocp_resnet18_3d"):
        for kind, options in rules.items():
            counted = profile(name, input_size=_emotion_input(name), **options)
            yield _row("rank_rules", counted, kind=kind)


def _flop_figure() -> Iterator[dict[str, Any]]:
    """MACs by formula, and the bar's height in the paper's own way of counting."""
    geometry = Geometry((3, 3, 3), padding=1)
    for c_in, c_out in FLOP_PAIRS:
        for kind, multiple in FLOP_KINDS.items():
            rank = None if multiple is None else multiple * c_in
            if rank is None:
                cost = dense_cost(c_in, c_out, geometry, FLOP_SIZE)
            else:
                cost = cp_cost(c_in, c_out, geometry, FLOP_SIZE, rank=rank, weights=False)
            yield {
                "table": "flop_figure",
                "item": f"{c_in}x{c_out}.{kind}",
                "c_in": c_in,
                "c_out": c_out,
                "kind": kind,
                "rank": rank,
                "parameters": cost.parameters,
                "macs": cost.macs,
                "bytes": _layer_bytes(cost),
                "gflops_paper_convention": round(flop_figure_gflops(c_in, c_out, multiple), 9),
                "input": shape_text((c_in, *FLOP_SIZE)),
            }


def _layer_bytes(cost: Cost) -> int:
    """Of parameters and of the stages' outputs, as for networks."""
    outputs = sum(stage.elements_out for stage in cost.stages)
    return (cost.parameters + outputs) * ITEMSIZE
