"""Bounds what reading an agent's file may cost, whatever the file holds."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable

from .archive import WorkbookError

READ_CPU_S = 10.0
"""Processor time, not time that passes: a busy machine makes no workbook too large."""

READ_BYTES = 768_000_000
"""Address space of the whole grader while it reads."""


def bounded(read: Callable[[], str], *, cpu_s: float = READ_CPU_S, memory_bytes: int = READ_BYTES) -> str:
    """Give what `read` returns.

    Raises:
        WorkbookError: It took more processor time or memory than it may.
    """

    def end(*_: object) -> None:
        raise WorkbookError(f"OUTPUT is too large to read: it takes more than {cpu_s:g} s of processor time")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    least = min(bound for bound in (soft, hard, memory_bytes) if bound != resource.RLIM_INFINITY)
    signal.signal(signal.SIGPROF, end)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (least, hard))
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        return read()
    except (MemoryError, RecursionError) as problem:
        raise WorkbookError(f"OUTPUT is too large to read: {type(problem).__name__}") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
