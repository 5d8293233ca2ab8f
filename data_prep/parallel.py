"""Work spread over processes; results come in the order of the tasks, and few are held at a time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import Any

AHEAD = 2  # tasks in flight for each process; bounds memory

_function: Callable[[Any], Any] | None = None  # of this process


def results(function: Callable[[Any], Any], tasks: Iterable[Any], *, processes: int) -> Iterator[Any]:
    """
    Yield ``function(task)`` for each task, in order.

    Parameters
    ----------
    function : picklable callable
        Sent once to each process, so it may keep files open from task to task.
    tasks : iterable
        Drawn from only as far as results are drawn.
    """
    if processes == 1:
        yield from map(function, tasks)
        return
    tasks = iter(tasks)
    # Fresh processes: forked ones would inherit open HDF5 files and locks.
    with ProcessPoolExecutor(processes, get_context("spawn"), _start, (function,)) as pool:
        flying = deque(pool.submit(_run, task) for task in islice(tasks, AHEAD * processes))
        while flying:
            yield flying.popleft().result()
            flying.extend(pool.submit(_run, task) for task in islice(tasks, 1))


def _start(function: Callable[[Any], Any]) -> None:
    global _function
    _function = function


def _run(task: Any) -> Any:
    return _function(task)
