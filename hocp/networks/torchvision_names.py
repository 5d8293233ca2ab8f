"""State dicts of torchvision's resnet18, r3d_18, r2plus1d_18 and mobilenet_v2 under our names, and back.

Ours are those of the image ResNet for every order, so resnet18 needs no translation. The video networks wrap
each convolution with its norm in a Sequential:

    torchvision r3d_18          torchvision r2plus1d_18         ours
    stem.0                      stem.0, .1, .3                  conv1, or conv1.0, .1, .3
    stem.1                      stem.4                          bn1
    layer1.0.conv1.0            layer1.0.conv1.0.0, .1, .3      layer1.0.conv1, or layer1.0.conv1.0, .1, .3
    layer1.0.conv1.1            layer1.0.conv1.1                layer1.0.bn1

In mobilenet_v2 a stage is a Sequential with a number; block 1 lacks the first stage, so its numbers differ:

    torchvision mobilenet_v2                                    ours
    features.0.0, .1                                            conv1, bn1
    features.1.conv.0.0, .0.1, .1, .2                           layers.0.spatial.0, .1, .project.0, .1
    features.2.conv.0.0, .0.1                                   layers.1.expand.0, .1
    features.2.conv.1.0, .1.1, .2, .3                           layers.1.spatial.0, .1, .project.0, .1
    features.18.0, .1, classifier.1                             last.0, .1, fc
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

#: Patterns and replacements, of which the first that fits counts; or layer -> layer.
Rules = Sequence[tuple[str, str]] | Mapping[str, str]

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


def _mobilenet_names() -> dict[str, str]:
    """torchvision's name of each layer of mobilenet_v2 -> ours."""
    names = {"features.0.0": "conv1", "features.0.1": "bn1", "features.18.0": "last.0",
             "features.18.1": "last.1", "classifier.1": "fc"}  # fmt: skip
    for block in range(17):
        theirs, ours = f"features.{block + 1}.conv", f"layers.{block}"
        stages = ("expand", "spatial") if block else ("spatial",)
        for number, stage in enumerate(stages):
            names |= {f"{theirs}.{number}.{part}": f"{ours}.{stage}.{part}" for part in (0, 1)}
        names |= {f"{theirs}.{len(stages) + part}": f"{ours}.project.{part}" for part in (0, 1)}
    return names


_FROM_MOBILENET = _mobilenet_names()
_TO_MOBILENET = {ours: theirs for theirs, ours in _FROM_MOBILENET.items()}


def rename_on_load(module: Any, state_dict: dict[str, Tensor], prefix: str, *unused: Any) -> None:
    """Load hook: give entries with names of torchvision that differ from ours ours, in place; others stay."""
    inside = {name.removeprefix(prefix): name for name in state_dict if name.startswith(prefix)}
    if "features.0.0.weight" in inside:
        rules = _FROM_MOBILENET
    elif "stem.0.weight" in inside:
        rules = _FROM_R2PLUS1D if "stem.4.weight" in inside else _FROM_R3D
    else:
        return
    # All out before any goes in: "conv1.1" is an old name of one tensor and the new name of another.
    tensors = {name: state_dict.pop(full) for name, full in inside.items()}
    state_dict.update({prefix + _apply(rules, name): tensor for name, tensor in tensors.items()})


def to_torchvision_names(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict under the names that torchvision's network of the same kind has.

    Parameters
    ----------
    state_dict : mapping
        Of ``resnet18``, ``r3d18``, ``r2plus1d18`` or ``mobilenetv2`` here.

    Returns
    -------
    dict
        For ``torchvision.models.resnet18``, ``.video.r3d_18``, ``.video.r2plus1d_18`` or ``.mobilenet_v2``.

    Raises
    ------
    ValueError
        If torchvision has no such network: it has factorized layers, is MobileNet-v2 for CIFAR, or was made
        from MobileNet-v2 by transduction.
    """
    rules = _rules_back(state_dict)
    if rules is None:
        raise ValueError(
            "the state dict is of a network that torchvision does not have; expected one of resnet18, r3d18, "
            "r2plus1d18, mobilenetv2"
        )
    return {_apply(rules, name): tensor for name, tensor in state_dict.items()}


def _rules_back(state_dict: Mapping[str, Tensor]) -> Rules | None:
    """What makes our names torchvision's; None where it has no such network."""
    stem = state_dict.get("conv1.weight", state_dict.get("conv1.0.weight"))
    if stem is None:
        return None
    if "layers.0.spatial.0.weight" in state_dict:
        known = stem.dim() == 4 and "layers.0.expand.0.weight" not in state_dict  # else clips, or CIFAR
        return _TO_MOBILENET if known else None
    if not any(name in state_dict for name in ("layer1.0.conv1.weight", "layer1.0.conv1.0.weight")):
        return None
    if stem.dim() == 4:
        return ()
    return _TO_R3D if "conv1.weight" in state_dict else _TO_R2PLUS1D


def _apply(rules: Rules, name: str) -> str:
    """The name under the first rule that fits, or by the table of layers; unchanged if none does."""
    if isinstance(rules, Mapping):
        layer, dot, tensor = name.rpartition(".")
        return rules.get(layer, layer) + dot + tensor
    for pattern, replacement in rules:
        renamed, count = re.subn(pattern, replacement, name)
        if count:
            return renamed
    return name
