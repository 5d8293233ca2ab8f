"""One case of a campaign: hostile or broken input, and how it has to end."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """Build the input in an empty folder, run the code under test, name the outcome.

    Attributes
    ----------
    kind : str
        What is wrong with the input; cases of one kind differ in their random details.
    expected : frozenset of str
        Outcomes that are right: statuses of the manifest, "refused", "ok", ...
    run : callable
        Takes the folder and returns the outcome; an exception that escapes is a failure of the case.
    """

    kind: str
    expected: frozenset[str]
    run: Callable[[Path], str]
