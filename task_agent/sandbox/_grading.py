"""How many gradings run at once in one process: what is graded under load would be graded by the load."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

VARIABLE = "RATCHET_GRADINGS"
_PER_CORE = 4
_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


@asynccontextmanager
async def grading_slot() -> AsyncIterator[None]:
    """Wait for one of the slots of this event loop, of which attempts in flight have no part."""
    loop = asyncio.get_running_loop()
    if loop not in _slots:
        _slots[loop] = asyncio.Semaphore(int(os.environ.get(VARIABLE, _PER_CORE * (os.cpu_count() or 1))))
    async with _slots[loop]:
        yield
