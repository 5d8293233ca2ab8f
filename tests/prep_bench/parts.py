"""Where the time of one whole preparation goes: seconds of CPU in each part of it, none counted twice.

Takes arguments as `tests.prep_bench.whole` does, of one process; prints seconds by part as JSON.
"""

import inspect
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import wraps
from typing import Any

from data_prep import __main__ as command_line
from data_prep import images, leaks, pack, video
from data_prep.crops import Crop
from data_prep.entries import Entries
from data_prep.inventory import Traced
from data_prep.store import Store
from hocp.contracts import files

REST = "rest"  # lists, labels, boxes, manifest, split, and the start
#: Part -> functions whose time it is, but for those of other parts that they call.
PARTS = {
    "read and hash": [(Traced, "read"), (Traced, "hashed"), (files, "sha256")],
    "decode to RGB": [(images, "decode"), (video, "frames")],
    "cut and resize": [(Crop, "__call__")],
    "work folder": [
        (Entries, "key"),
        (Entries, "holds"),
        (Entries, "save"),
        (Store, "ask"),
        (Store, "commit"),
    ],
    "crops.h5": [(pack.Crops, "append"), (pack.Crops, "flush")],
    "look for leaks": [(leaks, "check")],
}


class Parts:
    """Seconds of CPU of this process, each counted for the part that was entered last."""

    def __init__(self):
        self.seconds: Counter[str] = Counter()
        self._inside, self._since = [REST], time.process_time()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What runs inside belongs to this part."""
        self._count()
        self._inside.append(name)
        try:
            yield
        finally:
            self._count()
            self._inside.pop()

    def timed(self, name: str, function: Callable) -> Callable:
        """The function, or generator, counted for a part."""

        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            with self.part(name):
                return function(*args, **options)

        @wraps(function)
        def steps(*args: Any, **options: Any) -> Iterator[Any]:
            with closing(function(*args, **options)) as values:
                while True:
                    with self.part(name):
                        try:
                            value = next(values)
                        except StopIteration:
                            return
                    yield value

        return steps if inspect.isgeneratorfunction(function) else call

    def close(self) -> None:
        """Count what has passed since the last part."""
        self._count()

    def _count(self) -> None:
        now = time.process_time()
        self.seconds[self._inside[-1]] += now - self._since
        self._since = now


def main() -> None:
    """Prepare, with every function of `PARTS` counted."""
    parts = Parts()
    for name, functions in PARTS.items():
        for owner, attribute in functions:
            setattr(owner, attribute, parts.timed(name, getattr(owner, attribute)))
    if command_line.main(["prepare", *sys.argv[1:]]):
        sys.exit(1)
    parts.close()
    print(json.dumps({name: parts.seconds[name] for name in (*PARTS, REST)}))


if __name__ == "__main__":
    main()
