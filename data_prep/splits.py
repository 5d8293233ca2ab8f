"""Who is trained on, who watched, who tested: no subject, session or picture on both sides.

The three data sets have one official split between them (AffectNet's). The other rules are ours: seeded,
recorded, and published as a list with a hash.
"""

import warnings
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np

from data_prep.record import Face, Plan
from hocp.contracts import files
from hocp.contracts.manifest import FOLDS

RATIOS = {"3:1:1": 5, "8:1:1": 10}  # groups are dealt into so many parts, the first two are test and val


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
    check((face.content, split[face.item]) for face in faces)
    return _plan(split, split, rule=f"official; {share:g} of train, by class, for validation", seed=seed)


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
    Train, val and test in a ratio, whole groups, balanced by stratum as far as that goes.

    With fewer groups than the ratio has parts, train is the smaller for it, and the rule says so.

    Raises
    ------
    ValueError
        If there are fewer than three groups.
    """
    groups = len({face.group for face in faces})
    parts = max(3, min(RATIOS[ratio], groups))
    dealt = _deal(faces, [face.stratum for face in faces], parts, seed)
    split = {item: {0: "test", 1: "val"}.get(part, "train") for item, part in dealt.items()}
    few = f" ({groups} groups only: {parts - 2}:1:1)" if parts < RATIOS[ratio] else ""
    return _grouped(faces, split, rule=f"{ratio} by group, stratified{few}", seed=seed)


def folds(faces: Sequence[Face], *, seed: int) -> Plan:
    """
    Five folds, whole groups, balanced by the joint histogram of valence and arousal over frames.

    Raises
    ------
    ValueError
        If there are fewer groups than folds.
    """
    valence = _thirds([face.valence for face in faces])
    arousal = _thirds([face.arousal for face in faces])
    dealt = _deal(faces, list(zip(valence.tolist(), arousal.tolist(), strict=True)), FOLDS, seed)
    split = {item: f"fold{part}" for item, part in dealt.items()}
    return _grouped(faces, split, rule=f"{FOLDS} folds by group, balanced by labels of frames", seed=seed)


def _thirds(values: list[float]) -> np.ndarray:
    """Low, middle or high: labels cut at their own terciles."""
    return np.digitize(values, np.unique(np.quantile(values, [1 / 3, 2 / 3])), right=True)


def _deal(faces: Sequence[Face], strata: Sequence[Hashable], parts: int, seed: int) -> dict[str, int]:
    """Deal groups into parts of about equal size and make-up, frame by frame counted."""
    from sklearn.model_selection import StratifiedGroupKFold  # a second to import

    groups = [face.group for face in faces]
    if len(set(groups)) < parts:
        raise ValueError(
            f"{len(set(groups))} subjects or sessions cannot be dealt into {parts} parts; expected as many"
        )
    codes = {stratum: code for code, stratum in enumerate(sorted(set(strata)))}
    labels = [codes[stratum] for stratum in strata]
    if max(np.bincount(labels)) < parts:  # every stratum is tiny: balance sizes only
        labels = [0] * len(faces)
    dealer = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a stratum smaller than the number of parts is expected
        shares = [share for _, share in dealer.split(np.zeros(len(faces)), labels, groups)]
    if not all(map(len, shares)):
        raise ValueError(f"dealing {len(set(groups))} subjects or sessions left one of {parts} parts empty")
    # The dealer's seed decides only between groups of equal make-up; which part is which is drawn here.
    order = np.random.default_rng(seed).permutation(parts).tolist()
    return {faces[i].item: part for part, share in zip(order, shares, strict=True) for i in share}


def _grouped(faces: Sequence[Face], split: Mapping[str, str], *, rule: str, seed: int) -> Plan:
    check((face.group, split[face.item]) for face in faces)
    return _plan(split, {face.clip: split[face.item] for face in faces}, rule=rule, seed=seed)


def _plan(split: Mapping[str, str], published: Mapping[str, str], *, rule: str, seed: int) -> Plan:
    return Plan(split, {"rule": rule, "seed": seed, "sha256": files.sha256_of(published)})


def check(pairs: Iterable[tuple[str, str]]) -> None:
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
    sides = defaultdict(set)
    for group, split in pairs:
        sides[group].add(split)
    leaks = {group: sorted(parts) for group, parts in sides.items() if len(parts) > 1}
    if leaks:
        group, parts = min(leaks.items())
        raise ValueError(
            f"{len(leaks)} groups leak between splits, e.g. {group!r} is in {' and '.join(parts)}"
        )
