"""Which recordings the challenges of a year have, and how many of each a look-alike gets."""

# Recordings by part and culture, from the guidelines.
OFFICIAL = {
    2017: {"Train_DE": 34, "Devel_DE": 14, "Test_DE": 16},
    2018: {"Train_DE": 34, "Devel_DE": 14, "Test_DE": 16, "Test_HU": 66},
    2019: {
        "Train_DE": 34, "Devel_DE": 14, "Test_DE": 16,
        "Train_HU": 34, "Devel_HU": 14, "Test_HU": 18, "Test_CN": 70,
    },
}  # fmt: skip
_LEAST = {"Train": 3, "Devel": 1, "Test": 1}


def recordings(year: int, count: int) -> list[str]:
    """
    Names of the recordings of a look-alike.

    Parts without labels serve only to be recognised as such: they get one recording each, unless there are as
    many as in the release. The others share the rest in the official proportion.

    Raises
    ------
    ValueError
        If there are too few, or more than the release has.
    """
    official = OFFICIAL[year]
    least = {group: _LEAST[group.split("_")[0]] for group in official}
    if not sum(least.values()) <= count <= sum(official.values()):
        raise ValueError(
            f"{count} recordings of AVEC {year}, expected {sum(least.values())} to "
            f"{sum(official.values())}: see --segments"
        )
    numbers = dict(least)
    while sum(numbers.values()) < count:
        numbers[_neediest(numbers, official)] += 1
    return [name(year, group, n) for group, most in numbers.items() for n in range(1, most + 1)]


def _neediest(numbers: dict[str, int], official: dict[str, int]) -> str:
    """Group that has the smallest share of its official number; those of Test come last."""
    open_groups = [group for group, count in numbers.items() if count < official[group]]
    shares = [(group.startswith("Test"), numbers[group] / official[group]) for group in open_groups]
    return min(zip(shares, open_groups, strict=True))[1]


def name(year: int, group: str, number: int) -> str:
    """Official name; that of 2017 does not tell the culture."""
    return f"{group.split('_')[0] if year == 2017 else group}_{number:02d}"
