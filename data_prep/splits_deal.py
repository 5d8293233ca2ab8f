"""Deal groups into parts of about equal size and make-up."""

import warnings
from collections.abc import Hashable, Sequence

import numpy as np

from data_prep.record import Face


def deal(faces: Sequence[Face], strata: Sequence[Hashable], parts: int, seed: int) -> dict[str, int]:
    """
    Deal groups into parts of about equal size and make-up, frame by frame counted.

    Parameters
    ----------
    faces : sequence of Face
    strata : sequence
        What each face counts for; parts should have equal shares of each.
    parts : int
    seed : int

    Returns
    -------
    dict
        Item -> number of its part.

    Raises
    ------
    ValueError
        If there are fewer groups than parts.
    """
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
