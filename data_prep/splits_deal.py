"""Deal groups into parts of given shares whose histograms are alike.

Stratified dealers in libraries know one histogram and parts of one size, and go through the groups once. Here
groups are swapped until no swap helps.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from data_prep.record import Face


def deal(
    faces: Sequence[Face], histograms: Sequence[Sequence[Hashable]], *, shares: Sequence[float], seed: int
) -> dict[str, int]:
    """
    Deal groups into parts, frame by frame counted; the numbers of groups are as the shares say.

    Parameters
    ----------
    faces : sequence of Face
    histograms : sequence of sequences
        What each face counts for, in every histogram in which the parts should be alike.
    shares : sequence of float
        Of each part; they add up to 1.
    seed : int
        Of the deal that the swaps start from.

    Returns
    -------
    dict
        Item -> number of its part; the same in whichever order the faces come.

    Raises
    ------
    ValueError
        If there are fewer groups than parts.
    """
    groups, place = np.unique([face.group for face in faces], return_inverse=True)
    if len(groups) < len(shares):
        raise ValueError(
            f"{len(groups)} subjects or sessions cannot be dealt into {len(shares)} parts; expected as many"
        )
    ends = np.floor(np.cumsum(shares) * len(groups) + 0.5)
    start = np.searchsorted(ends, np.arange(len(groups)), side="right")
    part = np.random.default_rng(seed).permutation(start)
    _swap(_counts(place, histograms), part, np.asarray(shares))
    return {face.item: int(part[k]) for face, k in zip(faces, place, strict=True)}


def _counts(place: np.ndarray, histograms: Sequence[Sequence[Hashable]]) -> np.ndarray:
    """Bars of all histograms side by side, shape (groups, bars)."""
    blocks = []
    for values in histograms:
        codes = {value: code for code, value in enumerate(sorted(set(values)))}
        blocks.append(np.zeros((place.max() + 1, len(codes))))
        np.add.at(blocks[-1], (place, [codes[value] for value in values]), 1)
    return np.hstack(blocks)


def _swap(counts: np.ndarray, part: np.ndarray, shares: np.ndarray) -> None:
    """
    Swap groups of two parts, for each group the best other one, until no swap makes parts more alike.

    Parameters
    ----------
    counts : array, shape (groups, bars)
    part : integer array, shape (groups,)
        Changed in place.
    shares : array, shape (parts,)
    """
    wanted = np.outer(shares, counts.sum(axis=0))
    have = np.stack([counts[part == p].sum(axis=0) for p in range(len(shares))])

    def off(p, bars):
        return np.abs(bars - wanted[p]).sum(axis=-1) / wanted[p].sum(axis=-1)

    swapped = True
    while swapped:
        swapped = False
        for i in range(len(part)):
            p = part[i]
            taken = counts - counts[i]  # what part p gains by taking each other group for this one
            gain = off(p, have[p] + taken) - off(p, have[p])
            gain += off(part, have[part] - taken) - off(part, have[part])
            gain[part == p] = 0
            j = gain.argmin()
            if gain[j] < -1e-9:
                have[p] += taken[j]
                have[part[j]] -= taken[j]
                part[i], part[j] = part[j], p
                swapped = True
