"""Valence and arousal on AffectNet: static networks on single images, published and ours.

``python -m figures.tab_affectnet --runs runs.csv --published results/published/paper.yaml --out PREFIX``
"""

from collections.abc import Sequence

from figures import emotion_tables


def main(argv: Sequence[str] | None = None) -> None:
    """Read, compare, write."""
    emotion_tables.main("affectnet", __doc__, argv)


if __name__ == "__main__":
    main()
