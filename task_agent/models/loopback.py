"""A Messages API on this machine's loopback, over any in-process model, with faults on request.

Only the standard library, so that any client in any process can talk to it.
"""

from __future__ import annotations

import hashlib
import json
import socket
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType, TracebackType
from typing import Any, Self

from task_agent.models.base import WireModel, WireReply, WireRequest
from task_agent.models.fault import Fault, FaultKind
from task_agent.models.scripted import wire_error
from task_agent.models.stream import events
from traces.wellformed import well_formed

__all__ = ["Asked", "Fault", "FaultKind", "LoopbackServer"]

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
MODELS = "/v1/models"
UNREADABLE = "the body is not a JSON object, holds half a surrogate pair, or is nested too deeply"
_RETRY_COUNT = "x-stainless-retry-count"


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold one request as a script of faults sees it.

    `number` counts the server's messages from 1, in the order they came in. `tries` is how often the
    same request was made before: what the client says of itself, else what the server has seen.
    """

    request: WireRequest
    number: int
    tries: int


class LoopbackServer:
    """Serve the Messages API from an in-process model until closed: messages, whole or streamed, token counts, models.

    Each message meets the next fault of the queue, if any is left, and else what the script says. The server
    listens on 127.0.0.1; it is for tests and demonstrations, not for a network.

    Args:
        model: Answers the requests; called from several threads at once.
        faults: What happens to the first messages, in order; None lets one through.
        script: Says what happens to any message; None lets it through.
        key: When given, other keys get 401.
        models: The model ids that are served; every one when left empty.
        headers: Headers of every answer.
        port: Where to listen; 0 takes a free port.

    Raises:
        OSError: The port is taken.
    """

    def __init__(
        self,
        model: WireModel,
        *,
        faults: Iterable[Fault | None] = (),
        script: Callable[[Asked], Fault | None] | None = None,
        key: str | None = None,
        models: Sequence[str] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
        port: int = 0,
    ) -> None:
        self.requests: list[WireRequest] = []
        self._model = model
        self._faults = deque(faults)
        self._script = script
        self._key = key
        self._models = tuple(models)
        self.headers = dict(headers)
        self._seen: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._closing = threading.Event()
        self._server = _Server(("127.0.0.1", port), _Handler)
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

    def allows(self, key: str) -> bool:
        """Say whether a key may ask."""
        return self._key is None or key == self._key

    def list_models(self, path: str) -> WireReply:
        """Answer what models there are, or whether there is one."""
        served = self._models or ("simulated",)
        entries = [
            {"type": "model", "id": name, "display_name": name, "created_at": "2026-01-01T00:00:00Z"} for name in served
        ]
        if path == MODELS:
            ends = {"first_id": served[0], "last_id": served[-1], "has_more": False}
            return WireReply(200, {"data": entries, **ends})
        found = next((entry for entry in entries if path == f"{MODELS}/{entry['id']}"), None)
        return WireReply(200, found) if found else _no_model(path.removeprefix(f"{MODELS}/"))

    def answer(self, request: WireRequest, retry_count: str | None = None) -> tuple[WireReply, Fault | None]:
        """Answer one request, and say which fault it meets on its way out."""
        if request.path not in (MESSAGES, COUNT):
            return wire_error(404, "not_found_error", f"no such path: {request.path}"), None
        asked = self._note(request, retry_count)
        fault = self._fault(asked) if request.path == MESSAGES else None
        name = str(request.body.get("model"))
        if self._models and name not in self._models:
            return _no_model(name), None
        if fault is not None and fault.reply is not None:
            return fault.reply, None
        whole = {key: value for key, value in request.body.items() if key != "stream"}
        reply = self._model(replace(request, body=whole))
        return (fault.changed(reply), fault) if fault else (reply, None)

    def _note(self, request: WireRequest, retry_count: str | None) -> Asked:
        text = json.dumps(request.body, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._counting:
            self.requests.append(request)
            before, self._seen[digest] = self._seen[digest], self._seen[digest] + 1
            number = len(self.requests)
        told = retry_count is not None and retry_count.isdigit()
        return Asked(request, number, int(retry_count or 0) if told else before)

    def _fault(self, asked: Asked) -> Fault | None:
        try:
            return self._faults.popleft()
        except IndexError:  # asking first would race with the other threads
            return self._script(asked) if self._script else None

    def wait(self, delay_s: float) -> None:
        """Wait, but no longer than the server lives."""
        self._closing.wait(delay_s)


def _no_model(name: str) -> WireReply:
    return wire_error(404, "not_found_error", f"model: {name}")


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

    def do_GET(self) -> None:
        """Answer what is asked about models."""
        path = self._path()
        if not self._allowed():
            return
        if path == MODELS or path.startswith(f"{MODELS}/"):
            self._send_json(self.server.owner.list_models(path))
        else:
            self._send_json(wire_error(404, "not_found_error", f"no such path: {path}"))

    def do_POST(self) -> None:
        """Answer one request of the Messages API."""
        length = self.headers.get("content-length", "0")
        announced = int(length) if length.isdecimal() else 0
        content = self.rfile.read(announced)
        if len(content) < announced:  # the client died while it asked
            self.close_connection = True
            return
        if not self._allowed():
            return
        body = _json(content)
        if body is None:
            self._send_json(wire_error(400, "invalid_request_error", UNREADABLE))
            return
        request = WireRequest(self._path(), body)
        reply, fault = self.server.owner.answer(request, self.headers.get(_RETRY_COUNT))
        if fault is not None and fault.kind is FaultKind.SLOW:
            self.server.owner.wait(fault.delay_s)
        streamed = bool(body.get("stream")) and reply.status == 200 and request.path == MESSAGES
        self._send(reply, events(reply.body) if streamed else _bytes(reply), fault, streamed=streamed)

    def log_message(self, format: str, *args: Any) -> None:  # Any: as the base class has it
        """Say nothing: a test's output is not a server log."""

    def _path(self) -> str:
        return self.path.partition("?")[0].rstrip("/")

    def _allowed(self) -> bool:
        key = self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")
        if self.server.owner.allows(key):
            return True
        self._send_json(wire_error(401, "authentication_error", "invalid x-api-key"))
        return False

    def _send_json(self, reply: WireReply) -> None:
        self._send(reply, _bytes(reply), None, streamed=False)

    def _send(self, reply: WireReply, content: bytes, fault: Fault | None, *, streamed: bool) -> None:
        kind = fault.kind if fault else None
        sent = content[: len(content) // 2] if kind in (FaultKind.TRUNCATED, FaultKind.GARBLED) else content
        if kind is FaultKind.DISCONNECT:
            self._hang_up()
            return
        ended = kind is not FaultKind.TRUNCATED
        if streamed:
            self._head(reply, "text/event-stream", {"transfer-encoding": "chunked"})
            self.wfile.write(b"%x\r\n%s\r\n%s" % (len(sent), sent, b"0\r\n\r\n" if ended else b""))
        else:
            announced = len(sent) if ended else len(content)
            self._head(reply, "application/json", {"content-length": str(announced)})
            self.wfile.write(sent)
        if not ended:
            self._hang_up()

    def _head(self, reply: WireReply, content_type: str, more: Mapping[str, str]) -> None:
        self.send_response(reply.status)
        for name, value in {**self.server.owner.headers, "content-type": content_type, **reply.headers, **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)


def _json(content: bytes) -> Mapping[str, Any] | None:  # Any: JSON
    """Read a request's body; None is one that an API refuses to read."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and well_formed(body) == body else None


def _bytes(reply: WireReply) -> bytes:
    return json.dumps(reply.body).encode()
