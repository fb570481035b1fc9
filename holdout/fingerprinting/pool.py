"""Several at a time, in their order."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")

_AHEAD: Final = 8
"""So many for each thread are begun before the first is taken: one slow picture must not stop the others."""


def in_order(
    function: Callable[[_In], _Out], values: Iterable[_In], *, threads: int
) -> Generator[_Out, None, None]:
    """`function` of each value, `threads` at a time. Who closes it waits for those under way."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="holdout")
    begun: deque[Future[_Out]] = deque()
    try:
        for value in values:
            begun.append(pool.submit(function, value))
            if len(begun) >= threads * _AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
