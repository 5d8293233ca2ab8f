"""Who is trained on, who watched, who tested: no subject, session or picture on both sides.

The three data sets have one official split between them (AffectNet's). The other rules are ours: seeded,
recorded, and published as a list with a hash (`splits_list`), which a colleague can use instead of a rule.
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np

from data_prep import splits_list
from data_prep.record import Face, Plan
from data_prep.splits_deal import deal
from hocp.contracts.manifest import FOLDS

RATIOS = {"3:1:1": 5, "8:1:1": 10}  # so many shares, of which test and val have one each


def plan(
    faces: Sequence[Face],
    options: argparse.Namespace,
    *,
    rule: Callable[[Sequence[Face], argparse.Namespace], Plan],
) -> Plan:
    """
    Split by the list that was given, or else by the reader's own rule.

    Raises
    ------
    ValueError
        If the list does not fit the release, or leaks.
    """
    path = getattr(options, "split_list", None)
    if path is None:
        return rule(faces, options)
    given = splits_list.given(faces, path)
    check((splits_list.group(face), given.split[face.item]) for face in faces)
    return given


def official(faces: Sequence[Face], *, share: float, seed: int) -> Plan:
    """
    Official train and test parts; within each class, a seeded share of the train pictures is for validation.

    Rows of one picture stay together.
    """
    if not 0 < share < 1:
        raise ValueError(f"validation share {share}: expected a number between 0 and 1")
    chosen = set()
    rng = np.random.default_rng(seed)
    for _, pictures in sorted(_pictures(faces).items()):
        order = rng.permutation(len(pictures))
        chosen.update(pictures[i] for i in order[: round(share * len(pictures))])
    split = {
        face.item: "test" if face.part == "test" else "val" if face.source in chosen else "train"
        for face in faces
    }
    return _checked(faces, split, rule=f"official; {share:g} of train, by class, for validation", seed=seed)


def _pictures(faces: Sequence[Face]) -> Mapping[str, list[str]]:
    """Pictures of the train part by class; one with several rows counts for its first."""
    classes: dict[str, str] = {}
    for face in faces:
        if face.part == "train":
            classes.setdefault(face.source, face.stratum)
    pictures = defaultdict(list)
    for source in sorted(classes):
        pictures[classes[source]].append(source)
    return pictures


def by_ratio(faces: Sequence[Face], *, ratio: str, seed: int) -> Plan:
    """
    Train, val and test in a ratio, whole groups, balanced by stratum and labels as far as that goes.

    With fewer groups than the ratio has parts, train is the smaller for it, and the rule says so.

    Raises
    ------
    ValueError
        If there are fewer than three groups.
    """
    groups = len({face.group for face in faces})
    parts = max(3, min(RATIOS[ratio], groups))
    shares = 1 / parts, 1 / parts, (parts - 2) / parts
    dealt = deal(faces, [[face.stratum for face in faces], *_labels(faces)], shares=shares, seed=seed)
    split = {item: ("test", "val", "train")[part] for item, part in dealt.items()}
    few = f" ({groups} groups only: {parts - 2}:1:1)" if parts < RATIOS[ratio] else ""
    return _checked(faces, split, rule=f"{ratio} by group, balanced by stratum and labels{few}", seed=seed)


def folds(faces: Sequence[Face], *, seed: int) -> Plan:
    """
    Five folds, whole groups, balanced by the histograms of valence and of arousal over frames.

    Raises
    ------
    ValueError
        If there are fewer groups than folds.
    """
    dealt = deal(faces, _labels(faces), shares=[1 / FOLDS] * FOLDS, seed=seed)
    split = {item: f"fold{part}" for item, part in dealt.items()}
    return _checked(faces, split, rule=f"{FOLDS} folds by group, balanced by labels of frames", seed=seed)


def _labels(faces: Sequence[Face]) -> list[list[Hashable]]:
    """
    What faces count for: valence and arousal by twentieths of their range, and both together by thirds.

    AFEW-VA's whole levels fall into twentieths of their own.
    """
    valence, arousal = (np.array([getattr(face, name) for face in faces]) for name in ("valence", "arousal"))
    both = zip(_thirds(valence), _thirds(arousal), strict=True)
    return [_twentieths(valence), _twentieths(arousal), list(both)]


def _twentieths(values: np.ndarray) -> list[int]:
    return np.rint(20 * (values - values.min()) / (np.ptp(values) or 1)).astype(int).tolist()


def _thirds(values: np.ndarray) -> list[int]:
    """Low, middle or high: cut at the terciles."""
    return np.digitize(values, np.unique(np.quantile(values, [1 / 3, 2 / 3])), right=True).tolist()


def _checked(faces: Sequence[Face], split: Mapping[str, str], *, rule: str, seed: int) -> Plan:
    check((splits_list.group(face), split[face.item]) for face in faces)
    return Plan(split, {"rule": rule, "seed": seed})


def check(pairs: Iterable[tuple[str | bytes, str]]) -> None:
    """
    Check that no group is on two sides.

    Parameters
    ----------
    pairs : iterable of (group, split)

    Raises
    ------
    ValueError
        If one is; names it.
    """
    side: dict[str | bytes, str] = {}
    leaks: dict[str | bytes, set[str]] = {}
    for group, split in pairs:
        first = side.setdefault(group, split)
        if first != split:
            leaks.setdefault(group, {first}).add(split)
    if leaks:
        group, parts = min(leaks.items(), key=lambda leak: str(leak[0]))
        raise ValueError(
            f"{len(leaks)} groups leak between splits, e.g. {group!r} is in {' and '.join(sorted(parts))}"
        )
