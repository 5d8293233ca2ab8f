"""Random numbers that depend on what they are for, and on nothing that happened before.

Order, windows, augmentation and loss weights of a step come from generators named by the run's seed and
the step. So a resumed run, or one on several processes, draws what an uninterrupted one on one draws.
"""

import hashlib

import torch


def number(seed: int, *names: str | int) -> int:
    """A 63-bit number that depends on seed and names alone, on every machine."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> torch.Generator:
    """A generator of its own for one purpose, on the CPU.

    Examples
    --------
    >>> a = torch.rand(3, generator=generator(0, "augment", 7))
    >>> b = torch.rand(3, generator=generator(0, "augment", 7))
    >>> torch.equal(a, b)
    True
    """
    return torch.Generator().manual_seed(number(seed, *names))
