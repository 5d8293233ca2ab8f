"""A polite end: the first SIGTERM or SIGINT asks for a stop at the next step, a second one stops at once."""

import signal
from types import FrameType


class StopRequest:
    """Whether a signal asked this process to stop; use as a context manager.

    Attributes
    ----------
    signal : int or None
        Number of the signal that came.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self):
        self.signal: int | None = None

    def __enter__(self) -> "StopRequest":
        self._before = {number: signal.signal(number, self._note) for number in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, self._before[number])

    def __bool__(self) -> bool:
        return self.signal is not None

    @property
    def exit_status(self) -> int:
        """128 + signal, as shells report it: 143 after SIGTERM, 130 after SIGINT."""
        return 128 + (self.signal or signal.SIGTERM)
