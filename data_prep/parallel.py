"""Work spread over processes; results come in the order of the tasks, and few are held at a time."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any

AHEAD = 2  # tasks in flight for each process; bounds memory

_function: Callable[[Any], Any] | None = None  # of this process


def results(
    function: Callable[[Any], Any], tasks: Iterable[tuple[Any, list[Any]]], *, processes: int
) -> Iterator[tuple[Any, list[Any]]]:
    """
    Yield ``label, [function(argument) for argument in arguments]`` for each task, in order.

    Parameters
    ----------
    function : picklable callable
        Sent once to each process, so it may keep files open from task to task.
    tasks : iterable of (label, arguments)
        Drawn from only as far as results are drawn. The label stays here. A task without arguments costs no
        process anything, and where no task has any, none is started.

    Raises
    ------
    ValueError
        If a process was killed from outside.
    """
    if processes == 1:
        for label, arguments in tasks:
            yield label, list(map(function, arguments))
        return
    # Fresh processes: forked ones would inherit open HDF5 files and locks.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start, (function,))
    flying: deque[tuple[Any, Future | None]] = deque()
    try:
        for label, arguments in tasks:
            flying.append((label, pool.submit(_run, arguments) if arguments else None))
            if len(flying) >= AHEAD * processes:
                yield _landed(*flying.popleft())
        while flying:
            yield _landed(*flying.popleft())
    except BrokenProcessPool:
        raise ValueError(
            "a process was killed, perhaps for want of memory: run again with fewer --processes"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _landed(label: Any, future: Future | None) -> tuple[Any, list[Any]]:
    return label, [] if future is None else future.result()


def _start(function: Callable[[Any], Any]) -> None:
    global _function
    _function = function
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Do not outlive a parent that was killed: nobody else would end this process."""
    parent_process().join()
    os._exit(1)


def _run(arguments: list[Any]) -> list[Any]:
    return list(map(_function, arguments))
