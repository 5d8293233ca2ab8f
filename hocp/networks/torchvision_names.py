"""State dicts of torchvision's resnet18, r3d_18 and r2plus1d_18 under our names, and back.

Ours are those of the image ResNet for every order, so resnet18 needs no translation. The video networks wrap
each convolution with its norm in a Sequential:

    torchvision r3d_18          torchvision r2plus1d_18         ours
    stem.0                      stem.0, .1, .3                  conv1, or conv1.0, .1, .3
    stem.1                      stem.4                          bn1
    layer1.0.conv1.0            layer1.0.conv1.0.0, .1, .3      layer1.0.conv1, or layer1.0.conv1.0, .1, .3
    layer1.0.conv1.1            layer1.0.conv1.1                layer1.0.bn1
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

Rules = Sequence[tuple[str, str]]

_FROM_BLOCKS = (
    (r"^(layer\d\.\d)\.conv(\d)\.1\.", r"\1.bn\2."),
    (r"^(layer\d\.\d)\.conv(\d)\.0\.", r"\1.conv\2."),
)
_TO_BLOCKS = (
    (r"^(layer\d\.\d)\.conv(\d)\.", r"\1.conv\2.0."),
    (r"^(layer\d\.\d)\.bn(\d)\.", r"\1.conv\2.1."),
)
_FROM_R3D = ((r"^stem\.0\.", "conv1."), (r"^stem\.1\.", "bn1."), *_FROM_BLOCKS)
_FROM_R2PLUS1D = ((r"^stem\.4\.", "bn1."), (r"^stem\.", "conv1."), *_FROM_BLOCKS)
_TO_R3D = ((r"^conv1\.", "stem.0."), (r"^bn1\.", "stem.1."), *_TO_BLOCKS)
_TO_R2PLUS1D = ((r"^bn1\.", "stem.4."), (r"^conv1\.", "stem."), *_TO_BLOCKS)


def rename_on_load(module: Any, state_dict: dict[str, Tensor], prefix: str, *unused: Any) -> None:
    """Load hook: give entries with torchvision's video names ours, in place; others stay."""
    inside = {name.removeprefix(prefix): name for name in state_dict if name.startswith(prefix)}
    if "stem.0.weight" not in inside:
        return
    rules = _FROM_R2PLUS1D if "stem.4.weight" in inside else _FROM_R3D
    # All out before any goes in: "conv1.1" is an old name of one tensor and the new name of another.
    tensors = {name: state_dict.pop(full) for name, full in inside.items()}
    state_dict.update({prefix + _apply(rules, name): tensor for name, tensor in tensors.items()})


def to_torchvision_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A ResNet-18 state dict under the names that torchvision's network of the same kind has.

    Parameters
    ----------
    state_dict : mapping
        Of ``resnet18``, ``r3d18`` or ``r2plus1d18`` here.

    Returns
    -------
    dict
        For ``torchvision.models.resnet18``, ``.video.r3d_18`` or ``.video.r2plus1d_18``.

    Raises
    ------
    ValueError
        If the network has factorized layers or is no ResNet: torchvision has no such network.
    """
    stem = state_dict.get("conv1.weight", state_dict.get("conv1.0.weight"))
    block = any(name in state_dict for name in ("layer1.0.conv1.weight", "layer1.0.conv1.0.weight"))
    if stem is None or not block:
        raise ValueError(
            "the state dict is of a network that torchvision does not have; expected one of resnet18, r3d18, "
            "r2plus1d18"
        )
    if stem.dim() == 4:
        return dict(state_dict)
    rules = _TO_R3D if "conv1.weight" in state_dict else _TO_R2PLUS1D
    return {_apply(rules, name): tensor for name, tensor in state_dict.items()}


def _apply(rules: Rules, name: str) -> str:
    """The name under the first rule that fits; unchanged if none does."""
    for pattern, replacement in rules:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name
