"""EmoNet's cleaning of AffectNet: out go images whose expression and whose valence and arousal disagree.

Source: the rule in EmoNet's public data loader (Toisoul et al. 2021). EmoNet had people look at each
expression label besides; their verdicts are not part of the release, so this is the automatic half only.
"""

import argparse
from collections.abc import Callable
from math import hypot
from typing import Any, NamedTuple

from data_prep.record import Face, Quarantine

#: Official parts that are cleaned; the validation part is cut out of train.
PARTS = {"all": ("train", "test"), "train": ("train",), "test": ("test",)}


class Rule(NamedTuple):
    """What valence v, arousal a and r = sqrt(v^2 + a^2) of one expression have to be."""

    expression: str
    wanted: str
    holds: Callable[[float, float, float], bool]


#: Code of the expression -> its rule. All eight are kept as classes.
EMONET = {
    0: Rule("neutral", "r < 0.2", lambda v, a, r: r < 0.2),
    1: Rule("happy", "v > 0 and r > 0.2", lambda v, a, r: v > 0 and r > 0.2),
    2: Rule("sad", "v < 0 and r > 0.2", lambda v, a, r: v < 0 and r > 0.2),
    3: Rule("surprise", "a > 0 and r > 0.2", lambda v, a, r: a > 0 and r > 0.2),
    4: Rule("fear", "a >= 0, v <= 0 and r > 0.2", lambda v, a, r: a >= 0 and v <= 0 and r > 0.2),
    5: Rule("disgust", "v < 0 and r > 0.3", lambda v, a, r: v < 0 and r > 0.3),
    6: Rule("anger", "a > 0 and r > 0.2", lambda v, a, r: a > 0 and r > 0.2),
    7: Rule("contempt", "v < 0 and r > 0.2", lambda v, a, r: v < 0 and r > 0.2),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of AffectNet's reader."""
    parser.add_argument("--clean", choices=("none", "emonet"), default="none", help="rule for sorting out")
    parser.add_argument(
        "--clean-parts", "--clean_parts", choices=tuple(PARTS), default="all", help="parts that it cleans"
    )


def cleaned(face: Face, options: argparse.Namespace) -> Face:
    """
    Pass a face with sound labels on, if the chosen rule keeps it.

    Raises
    ------
    Quarantine
        ``rule_excluded``.
    """
    if getattr(options, "clean", "none") == "none" or face.part not in PARTS[options.clean_parts]:
        return face
    rule = EMONET[face.expression]
    distance = hypot(face.valence, face.arousal)
    if not rule.holds(face.valence, face.arousal, distance):
        values = f"v = {face.valence:g}, a = {face.arousal:g}, r = {distance:.3g}"
        raise Quarantine("rule_excluded", f"{rule.expression} with {values}; EmoNet's rule: {rule.wanted}")
    return face


def facts(options: argparse.Namespace) -> dict[str, Any]:
    """What ``manifest.json`` says of the cleaning; nothing of data sets that have none."""
    if not hasattr(options, "clean"):
        return {}
    if options.clean == "none":
        return {"rule": "none"}
    return {"rule": options.clean, "parts": options.clean_parts, "expressions": sorted(EMONET)}
