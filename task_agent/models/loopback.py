"""A Messages API on this machine's loopback, over any in-process model, with faults on request.

Only the standard library, so that any client in any process can talk to it.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from task_agent.models.base import WireModel, WireReply, WireRequest
from task_agent.models.scripted import wire_error


class FaultKind(StrEnum):
    """Name how one HTTP request goes wrong."""

    STATUS = "status"
    DISCONNECT = "disconnect"
    TRUNCATED = "truncated"
    GARBLED = "garbled"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Fault:
    """Describe one fault; use the named constructors."""

    kind: FaultKind
    reply: WireReply | None = None
    delay_s: float = 0.0

    @classmethod
    def rate_limited(cls, *, retry_after_ms: int | None = None, retry_after_s: float | None = None) -> Fault:
        """Answer 429, with one of the headers that say how long to wait."""
        headers: dict[str, str] = {}
        if retry_after_ms is not None:
            headers["retry-after-ms"] = str(retry_after_ms)
        if retry_after_s is not None:
            headers["retry-after"] = f"{retry_after_s:g}"
        return cls(FaultKind.STATUS, wire_error(429, "rate_limit_error", "too many requests", headers=headers))

    @classmethod
    def overloaded(cls) -> Fault:
        """Answer 529."""
        return cls(FaultKind.STATUS, wire_error(529, "overloaded_error", "overloaded"))

    @classmethod
    def server_error(cls) -> Fault:
        """Answer 500."""
        return cls(FaultKind.STATUS, wire_error(500, "api_error", "internal error"))

    @classmethod
    def disconnect(cls) -> Fault:
        """Close the connection without an answer."""
        return cls(FaultKind.DISCONNECT)

    @classmethod
    def truncated(cls) -> Fault:
        """Announce the whole answer, send half of it, and close."""
        return cls(FaultKind.TRUNCATED)

    @classmethod
    def garbled(cls) -> Fault:
        """Send half of the answer as if it were all of it."""
        return cls(FaultKind.GARBLED)

    @classmethod
    def slow(cls, delay_s: float) -> Fault:
        """Answer properly, but late."""
        return cls(FaultKind.SLOW, delay_s=delay_s)


class LoopbackServer:
    """Serve POST /v1/messages from an in-process model until closed.

    Each request takes the next fault of the queue, if any is left. The server listens on 127.0.0.1
    and a free port; it is for tests and demonstrations, not for a network.

    Args:
        model: Answers the requests; called from several threads at once.
        faults: What happens to the first requests, in order; None lets one through.
        key: When given, other bearer keys get 401.
    """

    def __init__(self, model: WireModel, *, faults: Iterable[Fault | None] = (), key: str | None = None) -> None:
        self.requests: list[WireRequest] = []
        self._model = model
        self._faults = deque(faults)
        self._key = key
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="loopback")
        self._thread.start()

    @property
    def base_url(self) -> str:
        """Give the address to use as a client's `base_url`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop serving; safe to call twice."""
        if not self._closing.is_set():
            self._closing.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def answer(self, request: WireRequest, key: str) -> tuple[WireReply, Fault | None]:
        """Answer one request, and say which fault it meets on its way out."""
        self.requests.append(request)
        fault = self._next_fault()
        if self._key is not None and key != self._key:
            return wire_error(401, "authentication_error", "invalid key"), None
        if request.path != "/v1/messages":
            return wire_error(404, "not_found_error", f"no such path: {request.path}"), None
        if fault is not None and fault.reply is not None:
            return fault.reply, None
        return self._model(request), fault

    def _next_fault(self) -> Fault | None:
        try:
            return self._faults.popleft()
        except IndexError:  # asking first would race with the other threads
            return None

    def wait(self, delay_s: float) -> None:
        """Wait, but no longer than the server lives."""
        self._closing.wait(delay_s)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    owner: LoopbackServer

    def handle_error(self, request: Any, client_address: Any) -> None:  # Any: as the base class has it
        """Stay silent about clients that went away; a bug of the model is printed with its traceback."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        """Answer one request of the Messages API."""
        announced = int(self.headers.get("content-length", 0))
        content = self.rfile.read(announced)
        if len(content) < announced:  # the client died while it asked
            self.close_connection = True
            return
        body = json.loads(content)
        path = self.path.partition("?")[0]
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        reply, fault = self.server.owner.answer(WireRequest(path, body), key)
        kind = fault.kind if fault else None
        if fault is not None and kind is FaultKind.SLOW:
            self.server.owner.wait(fault.delay_s)
        content = json.dumps(reply.body).encode()
        if kind is FaultKind.DISCONNECT:
            self._hang_up()
        elif kind is FaultKind.TRUNCATED:
            self._send(reply, content[: len(content) // 2], announced=len(content))
            self._hang_up()
        elif kind is FaultKind.GARBLED:
            self._send(reply, content[: len(content) // 2], announced=len(content) // 2)
        else:
            self._send(reply, content, announced=len(content))

    def log_message(self, format: str, *args: Any) -> None:  # Any: as the base class has it
        """Say nothing: a test's output is not a server log."""

    def _send(self, reply: WireReply, content: bytes, *, announced: int) -> None:
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(announced))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
