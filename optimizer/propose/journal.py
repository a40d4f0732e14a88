"""What a session has done so far, written down step by step, so that a killed one goes on after its last finished step.

A line holds a model's reply or a tool's result. A session that is taken up again is played once more from its
beginning: whatever stands here is given back instead of being asked or done, until the lines end.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from task_agent.meter import Budget, Meter
from task_agent.models.base import ModelReply, ModelRequest
from task_agent.models.incident import Incident, IncidentKind
from task_agent.tools.base import ToolInput, ToolResult
from traces.event import TokenUsage

Json = Mapping[str, Any]  # Any: JSON
_VOID: Final = "void"


@dataclass(frozen=True, slots=True)
class KeptReply:
    """Hold a reply, or None where no try has got one, and what was met on the way."""

    reply: ModelReply | None
    heard: tuple[Incident, ...]


@dataclass(frozen=True, slots=True)
class KeptResult:
    """Hold a tool's result, and the working copy after it where it had changed."""

    result: ToolResult
    harness: Mapping[str, bytes] | None


class Journal:
    """Keep the steps of one session.

    Whatever was paid stays in `meter`, also when what was kept no longer fits the session: a program of
    another version may ask otherwise, and then goes on without the rest.

    Args:
        path: The file; steps are kept in memory alone without one.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.meter = Meter(Budget())
        self._path = path
        self._at = 0
        self._lines: list[Json] = []
        for line in _read(path) if path is not None else ():
            self._take(line)
        self.taken_up = bool(self._lines)
        if not self._lines:
            self._append({"kind": "session", "key": "", "mark": secrets.token_hex(4)})
        self._at = 1

    def head(self, opening: Callable[[], str]) -> str:
        """Give the session's opening message: the one it began with, else a new one, which is kept."""
        kept = self._next("opening", "")
        if kept is None:
            kept = {"kind": "opening", "key": "", "text": opening()}
            self._append(kept)
        return str(kept["text"])

    @property
    def mark(self) -> str:
        """Give the session's own mark, the same whenever it is taken up."""
        return str(self._lines[0]["mark"])

    def reply_to(self, request: ModelRequest) -> KeptReply:
        """Give the reply that was paid for already; without one the request is still to be sent."""
        key, heard = _key(request), list[Incident]()
        while (kept := self._next("reply", key)) is not None:
            heard += map(_incident, kept["heard"])
            if kept["reply"] is not None:
                return KeptReply(_reply(kept["reply"]), tuple(heard))
        return KeptReply(None, tuple(heard))

    def keep_reply(self, request: ModelRequest, reply: ModelReply | None, heard: Sequence[Incident]) -> None:
        """Write a reply down before anything is made of it; None says that the tries came to nothing."""
        told = [{"kind": each.kind.value, "text": each.text, "data": dict(each.data)} for each in heard]
        answer = None if reply is None else asdict(reply)
        self._append({"kind": "reply", "key": _key(request), "reply": answer, "heard": told})

    def result_of(self, tool: str, given: ToolInput) -> KeptResult | None:
        """Give the result of a call that was carried out already."""
        kept = self._next("result", _call_key(tool, given))
        if kept is None:
            return None
        files = kept["harness"]
        harness = None if files is None else {path: base64.b64decode(data) for path, data in files.items()}
        return KeptResult(ToolResult(**kept["result"]), harness)

    def keep_result(self, tool: str, given: ToolInput, result: ToolResult, harness: Mapping[str, bytes] | None) -> None:
        """Write a tool's result down, with the working copy where the call changed it."""
        files = None if harness is None else {path: base64.b64encode(data).decode() for path, data in harness.items()}
        key = _call_key(tool, given)
        self._append({"kind": "result", "key": key, "result": asdict(result), "harness": files})

    def remove(self) -> None:
        """Forget the session: its end stands elsewhere."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _next(self, kind: str, key: str) -> Json | None:
        """Give the next line where it is the one meant; any other ends what can be given back."""
        if self._at >= len(self._lines):
            return None
        line = self._lines[self._at]
        if (line["kind"], line["key"]) != (kind, key):
            self._append({"kind": _VOID, "key": "", "from": self._at})
            return None
        self._at += 1
        return line

    def _append(self, line: Json) -> None:
        if self._path is not None:
            _write(self._path, line)
        self._take(line)
        self._at = len(self._lines)

    def _take(self, line: Json) -> None:
        if line["kind"] == _VOID:
            del self._lines[line["from"] :]
            return
        if line["kind"] == "reply" and line["reply"] is not None:
            self.meter.charge(_reply(line["reply"]))
        self._lines.append(line)


def _key(request: ModelRequest) -> str:
    """Name what is asked; how long it may take is not part of it."""
    messages = [[message.role, list(message.content)] for message in request.messages]
    tools = [asdict(tool) for tool in request.tools]
    asked = [request.model, request.system, messages, tools, request.max_tokens, request.user_id, request.effort]
    return _digest(asked)


def _call_key(tool: str, given: ToolInput) -> str:
    return _digest([tool, given])


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _reply(kept: Json) -> ModelReply:
    return ModelReply(**{**kept, "usage": TokenUsage(**kept["usage"])})


def _incident(kept: Json) -> Incident:
    return Incident(IncidentKind(kept["kind"]), kept["text"], kept["data"])


def _read(path: Path) -> list[Json]:
    """Read the whole lines; what a killed process left of its last one is cut off."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        os.truncate(path, len(whole))
    return [json.loads(line) for line in whole.splitlines()]


def _write(path: Path, line: Json) -> None:
    """Add a line that survives a loss of power."""
    fresh = not path.exists()
    with path.open("ab", buffering=0) as file:
        file.write(json.dumps(line, default=_plain).encode() + b"\n")
        os.fsync(file.fileno())
    if fresh:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
