"""Names for the actors of generated films; put together by chance, and meaning nobody."""

import numpy as np

_FIRST = (
    "Zoé",
    "Björn",
    "Łucja",
    "Anaïs",
    "Ömer",
    "Mara",
    "Tadeo",
    "Ilse",
    "Noor",
    "Kenji",
    "Ruth",
    "Odd-Arne",
)
_LAST = (
    "Quennebrück",
    "Ålvik",
    "Pasqüel",
    "de Vré",
    "Smallbone-Ito",
    "Okoronté",
    "Vantongel",
    "Hrubý",
    "Marlowe-Diaz",
)


def actor_names(rng: np.random.Generator, count: int) -> list[str]:
    """
    Draw different names, many with accents, hyphens and several parts.

    Raises
    ------
    ValueError
        If more are wanted than can be put together.
    """
    names = [f"{first} {last}" for first in _FIRST for last in _LAST]
    names += [f"{first} {letter}. {last}" for letter in "BKT" for first in _FIRST for last in _LAST]
    if count > len(names):
        raise ValueError(f"{count} actors, expected at most {len(names)}: lower --subjects or --clips")
    return [names[place] for place in rng.permutation(len(names))[:count]]
