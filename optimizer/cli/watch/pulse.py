"""Does something every so often beside the main thread, while a view is open."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType

HEARTBEAT_S = 20.0
"""Nobody is left without a sign of life for longer than about this."""


class Pulse:
    """Call `beat` every `every_s` seconds from entering to leaving; 0 never calls it."""

    def __init__(self, beat: Callable[[], None], every_s: float) -> None:
        self._beat = beat
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="pulse", daemon=True)

    def __enter__(self) -> Pulse:
        if self._every_s > 0:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _work(self) -> None:
        with contextlib.suppress(OSError):  # nobody looks any more: the terminal or the pipe is gone
            while not self._over.wait(self._every_s):
                self._beat()
