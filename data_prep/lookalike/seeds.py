"""Random streams that depend on the seed and on what is drawn, never on who draws it or when."""

from zlib import crc32

import numpy as np


def stream(seed: int, *keys: int | str) -> np.random.Generator:
    """
    Give the random stream of one item.

    Parameters
    ----------
    seed
        The user's seed, at least 0.
    *keys
        What is drawn, for example ``"sewa", "subject", 12``. Text counts by its CRC-32.

    Returns
    -------
    numpy.random.Generator
        A stream of its own for each list of keys, so that items may be drawn in any order and in any process.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected an integer of at least 0: choose another --seed")
    words = [crc32(key.encode()) if isinstance(key, str) else int(key) for key in keys]
    # The count keeps ("a",) and ("a", 0) apart: a SeedSequence does not see zeros at the end.
    return np.random.default_rng(np.random.SeedSequence([seed, len(words), *words]))
