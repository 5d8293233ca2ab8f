"""Valence and arousal on SEWA: static networks on frames and temporal ones on clips, published and ours.

``python -m figures.tab_sewa --runs runs.csv --published results/published/paper.yaml --out PREFIX``
"""

from collections.abc import Sequence

from figures import emotion_tables


def main(argv: Sequence[str] | None = None) -> None:
    """Read, compare, write."""
    emotion_tables.main("sewa", __doc__, argv)


if __name__ == "__main__":
    main()
