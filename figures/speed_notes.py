"""What has to be said beside numbers of speed: machine, spread, and how unlike in size the compared are."""

import pandas as pd

from figures import speed

SPREAD = (
    "In brackets the spread: the lower quartile of one timing over the upper quartile of the other, and the "
    "reverse. Everyone is taken in the faster of the memory layouts that were timed."
)


def machine(rows: pd.DataFrame) -> str:
    """Devices and torch versions of the rows."""
    found = (
        rows[["device", "processor", "torch"]].drop_duplicates().sort_values(["device", "processor", "torch"])
    )
    said = []
    for row in found.itertuples():
        name = row.processor if row.device == "cpu" else row.device
        said.append(f"{name or 'an unknown processor'}, torch {row.torch}")
    return f"Timed on {'; '.join(said)}."


def products(rows: pd.DataFrame, meaning: str) -> list[str]:
    """What the two products alone are, and what a number of theirs means; nothing where none were timed."""
    what = (
        "Two products alone: the same layers without their 1-D convolutions, each two matrix products by "
        "torch (convolutions of one tap or linear maps, whichever are faster)"
    )
    return [f"{what}; {meaning}."] if rows["peer"].isin(speed.PRODUCTS).any() else []


def allocators(rows: pd.DataFrame) -> str:
    """What the names of the allocators mean, as far as rows have them."""
    meaning = {
        "kept": "allocator kept: freed memory stays with the process",
        "default": "allocator default: glibc gives large tensors back after each use",
    }
    said = [words for name, words in meaning.items() if name in set(rows["allocator"])]
    return f"{'; '.join(said).capitalize()}." if said else ""


def sizes(rows: pd.DataFrame, rank_of: str = "C") -> str:
    """How large the layers and networks at one rank are beside the dense ones that they are compared with."""
    shares: dict[str, list[float]] = {}
    for case, found in speed.cases(speed.where(rows, rank_of=rank_of)):
        share = parameter_share(found)
        if share is not None:
            name = f"{case.order}-D layers" if case.suite == "layers" else case.subject.partition(",")[0]
            shares.setdefault(name, []).append(share)
    if not shares:
        return ""
    said = ", ".join(f"{name} {per_cent(values)}" for name, values in shares.items())
    return f"Against dense: equal channels, R = {rank_of}; ours are smaller: {said} of the parameters."


def on_cpu(rows: pd.DataFrame) -> bool:
    """Whether timings are of a CPU."""
    return bool((rows["device"] == "cpu").any())


def parameter_share(case: pd.DataFrame) -> float | None:
    """Parameters of ours over those of the dense layer or network; None where one was not timed."""
    ours = speed.fastest(case, speed.OURS) if on_cpu(case) else speed.fastest(case, speed.OURS_ON_GPU)
    dense = speed.fastest(case, ["dense"])
    return None if ours is None or dense is None else ours["parameters"] / dense["parameters"]


def per_cent(shares: list[float]) -> str:
    """One share, or the range of several, in whole per cent."""
    low, high = (f"{100 * bound(shares):.0f}" for bound in (min, max))
    return f"{low} %" if low == high else f"{low} to {high} %"
