"""Threads for what an answer computes: of their own, for the event loop looks up host names in its own few.

Where a crowd's searches stood in that line, a name would be looked up after them, and a model server that has a name
would seem to say nothing.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

THREADS = min(32, (os.cpu_count() or 1) + 4)
_pool = ThreadPoolExecutor(THREADS, "answer")


async def in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """The result of `work`, done in a turn of one of the threads; what it raises is raised here."""
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(_pool, lambda: context.run(work, *args, **kwargs))
