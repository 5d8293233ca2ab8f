"""Names and shapes of torchvision's state dicts, written down from its documented layouts.

Independent of our networks: plain arithmetic on names and numbers, no torch module is built.
"""

from __future__ import annotations

Layout = dict[str, tuple[int, ...]]
STAGES = (64, 128, 256, 512)
#: Table 2 of Sandler et al. (2018), one row a block: input and output channels, expansion, stride.
MOBILE_BLOCKS = (
    (32, 16, 1, 1),
    (16, 24, 6, 2), (24, 24, 6, 1),
    (24, 32, 6, 2), (32, 32, 6, 1), (32, 32, 6, 1),
    (32, 64, 6, 2), (64, 64, 6, 1), (64, 64, 6, 1), (64, 64, 6, 1),
    (64, 96, 6, 1), (96, 96, 6, 1), (96, 96, 6, 1),
    (96, 160, 6, 2), (160, 160, 6, 1), (160, 160, 6, 1),
    (160, 320, 6, 1),
)  # fmt: skip


def _norm(name: str, channels: int) -> Layout:
    vectors = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in vectors} | {f"{name}.num_batches_tracked": ()}


def image_layout(outputs: int) -> Layout:
    """``torchvision.models.resnet18``."""
    names: Layout = {"conv1.weight": (64, 3, 7, 7), **_norm("bn1", 64)}
    for stage, block, c_in, c_out in _blocks():
        place = f"layer{stage}.{block}"
        names[f"{place}.conv1.weight"] = (c_out, c_in, 3, 3)
        names |= _norm(f"{place}.bn1", c_out)
        names[f"{place}.conv2.weight"] = (c_out, c_out, 3, 3)
        names |= _norm(f"{place}.bn2", c_out)
        if c_in != c_out:
            names[f"{place}.downsample.0.weight"] = (c_out, c_in, 1, 1)
            names |= _norm(f"{place}.downsample.1", c_out)
    return names | {"fc.weight": (outputs, 512), "fc.bias": (outputs,)}


def video_layout(outputs: int, *, two_plus_one: bool) -> Layout:
    """``torchvision.models.video.r3d_18`` or ``r2plus1d_18``."""
    if two_plus_one:
        names: Layout = {"stem.0.weight": (45, 3, 1, 7, 7), **_norm("stem.1", 45)}
        names |= {"stem.3.weight": (64, 45, 3, 1, 1), **_norm("stem.4", 64)}
    else:
        names = {"stem.0.weight": (64, 3, 3, 7, 7), **_norm("stem.1", 64)}
    for stage, block, c_in, c_out in _blocks():
        place = f"layer{stage}.{block}"
        middle = (c_in * c_out * 27) // (c_in * 9 + 3 * c_out)
        for number, source in ((1, c_in), (2, c_out)):
            conv = f"{place}.conv{number}"
            if two_plus_one:
                names[f"{conv}.0.0.weight"] = (middle, source, 1, 3, 3)
                names |= _norm(f"{conv}.0.1", middle)
                names[f"{conv}.0.3.weight"] = (c_out, middle, 3, 1, 1)
            else:
                names[f"{conv}.0.weight"] = (c_out, source, 3, 3, 3)
            names |= _norm(f"{conv}.1", c_out)
        if c_in != c_out:
            names[f"{place}.downsample.0.weight"] = (c_out, c_in, 1, 1, 1)
            names |= _norm(f"{place}.downsample.1", c_out)
    return names | {"fc.weight": (outputs, 512), "fc.bias": (outputs,)}


def _blocks():
    """(stage, block, input channels, output channels) of the eight blocks."""
    c_in = 64
    for stage, c_out in enumerate(STAGES, start=1):
        for block in (0, 1):
            yield stage, block, c_in, c_out
            c_in = c_out


def mobile_layout(outputs: int) -> Layout:
    """``torchvision.models.mobilenet_v2``."""
    names: Layout = {"features.0.0.weight": (32, 3, 3, 3), **_norm("features.0.1", 32)}
    for block, (c_in, c_out, expansion, _) in enumerate(MOBILE_BLOCKS, start=1):
        stages: list[tuple[str, str, tuple[int, ...]]] = []  # convolution, norm, kernel
        hidden = expansion * c_in
        if expansion != 1:
            stages = [("0.0", "0.1", (hidden, c_in, 1, 1))]
        middle = len(stages)
        stages.append((f"{middle}.0", f"{middle}.1", (hidden, 1, 3, 3)))
        stages.append((f"{middle + 1}", f"{middle + 2}", (c_out, hidden, 1, 1)))
        for conv, norm, kernel in stages:
            names[f"features.{block}.conv.{conv}.weight"] = kernel
            names |= _norm(f"features.{block}.conv.{norm}", kernel[0])
    names |= {"features.18.0.weight": (1280, 320, 1, 1), **_norm("features.18.1", 1280)}
    return names | {"classifier.1.weight": (outputs, 1280), "classifier.1.bias": (outputs,)}


def parameters(layout: Layout) -> int:
    """Learnable numbers: everything but the buffers of norms."""
    total = 0
    for name, shape in layout.items():
        if name.rpartition(".")[2] in ("weight", "bias"):
            size = 1
            for length in shape:
                size *= length
            total += size
    return total
