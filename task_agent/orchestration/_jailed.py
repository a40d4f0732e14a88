"""What orchestration code finds inside its jail: `ctx`, and the line to the broker that answers for it.

This script runs INSIDE the jail and must not import anything of ours. Nothing here is a wall: code that goes
around it meets the jail, and the broker checks every message.
"""

from __future__ import annotations

import asyncio
import collections.abc
import json
import os
import random
import re
import socket
import struct
import sys
import time
import traceback
import types
from collections.abc import Iterator
from typing import Any, NoReturn

HEADER = struct.Struct(">I")
MOST_BYTES = 1_000_000
MOST_DEEP = 100
MOST_TRACE = 4_000
AT_ONCE = 16
DEEP = f"what is given to the call is nested too deeply; the most is {MOST_DEEP} levels"
HALF_A_PAIR = re.compile("[\ud800-\udfff]")
OURS = frozenset({"optimizer", "task_agent", "benchmarks", "traces"})
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class CallError(RuntimeError):
    """Say that the broker refused a call."""


class Line:
    """Talk to the broker: frames of a length and JSON."""

    def __init__(self, fd: int) -> None:
        self.socket = socket.socket(fileno=fd)
        self.left: dict[str, Any] = {}  # Any: JSON
        self.left_at = 0.0
        self.waiting: dict[int, asyncio.Future[Any]] = {}  # Any: JSON
        self.data = bytearray()
        self.number = 0
        self.gate = asyncio.Semaphore(AT_ONCE)

    def send(self, message: dict[str, Any]) -> None:  # Any: JSON
        """Send one message; waits while the broker is behind. Half a surrogate pair becomes U+FFFD."""
        try:
            text = HALF_A_PAIR.sub("\ufffd", json.dumps(message, ensure_ascii=False)).encode()
        except RecursionError:
            raise CallError(DEEP) from None
        if is_deep(message):
            raise CallError(DEEP)
        if len(text) > MOST_BYTES:
            raise CallError(f"a message of {len(text):,} bytes; the most is {MOST_BYTES:,}")
        self.socket.sendall(HEADER.pack(len(text)) + text)

    def greet(self) -> dict[str, Any]:  # Any: JSON
        """Read the first message, before any code of the harness runs."""
        size = HEADER.unpack(self._exactly(HEADER.size))[0]
        hello: dict[str, Any] = json.loads(self._exactly(size))
        self._note_left(hello)
        return hello

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                os._exit(71)
            data += more
        return data

    def listen(self) -> None:
        """Let answers come in from now on."""
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._receive)

    async def ask(self, call: str, **fields: Any) -> Any:  # Any: JSON
        """Make one call and wait for its answer."""
        async with self.gate:
            self.number += 1
            answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            self.waiting[self.number] = answer
            number = self.number
            try:
                self.send({"call": call, "id": number, **fields})
                return await answer
            finally:
                self.waiting.pop(number, None)

    def _receive(self) -> None:
        got = self.socket.recv(65_536, socket.MSG_DONTWAIT)
        if not got:
            os._exit(71)
        self.data += got
        while len(self.data) >= HEADER.size:
            end = HEADER.size + HEADER.unpack_from(self.data)[0]
            if len(self.data) < end:
                break
            message = json.loads(self.data[HEADER.size : end])
            del self.data[:end]
            self._answer(message)

    def _answer(self, message: dict[str, Any]) -> None:  # Any: JSON
        self._note_left(message)
        waiting = self.waiting.get(message["id"])
        if waiting is None or waiting.done():
            return
        if "error" in message:
            waiting.set_exception(CallError(message["error"]))
        else:
            waiting.set_result(message["result"])

    def _note_left(self, message: dict[str, Any]) -> None:  # Any: JSON
        self.left, self.left_at = message["left"], time.monotonic()


def is_deep(value: object) -> bool:
    """Say whether lists and objects stand deeper in one another than the broker reads."""
    level = [value]
    for _ in range(MOST_DEEP + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list | tuple)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return bool(level)


class Record(types.SimpleNamespace):
    """Hold named values."""


class Agent:
    """Hold one conversation with a model, kept by the broker; `report` is what it reported last, or None."""

    def __init__(self, line: Line, number: int, role: str, prompt: str | None, tools: list[str] | None) -> None:
        self.role = role
        self.answer = ""
        self.report: Record | None = None
        self._line = line
        self._made = {"agent": number, "role": role, "prompt": prompt, "tools": tools}

    async def run(self, message: str) -> str:
        """Say `message`, let the agent work until it has nothing more to do, and give its last words."""
        told = await self._line.ask("run", message=message, **self._made)
        self.answer = told["text"]
        self.report = Record(**told["report"]) if told["report"] else None
        return self.answer


class Ctx:
    """Give the code its task, its agents, its tools and its budget."""

    CallError = CallError

    def __init__(self, line: Line, hello: dict[str, Any]) -> None:  # Any: JSON
        self.task = Record(instruction=hello["instruction"], workdir=hello["workdir"])
        self.params = hello["params"]
        self._openings = hello["openings"]
        self._line = line
        self._agents = 0

    @property
    def budget(self) -> Record:
        """What is left, as of the last answer; None is no bound."""
        left = Record(**self._line.left)
        if left.time_s is not None:
            left.time_s = max(0.0, left.time_s - (time.monotonic() - self._line.left_at))
        return left

    def opening(self, role: str = "main", said: str = "") -> str:
        """Word the first thing an agent is told, as the built-in patterns do; `said` stands below the task."""
        opening = str(self._openings.get(role, self._openings["main"]))
        between = "\n\n" if role == "chooser" else "\n"
        return f"{opening}{between}{said}" if said else opening

    def agent(self, role: str = "main", prompt: str | None = None, tools: list[str] | None = None) -> Agent:
        """Make an agent with a context of its own; `tools` are names."""
        if isinstance(tools, str):
            raise TypeError(f"`tools` is a list of names, as in tools=[{tools!r}]")
        self._agents += 1
        return Agent(self._line, self._agents, role, prompt, None if tools is None else list(tools))

    async def model(self, message: str, *, system: str = "", role: str = "model") -> str:
        """Ask the model one thing, without tools."""
        return str(await self._line.ask("model", message=message, system=system, role=role))

    async def exec(self, command: str, *, timeout_s: float | None = None) -> Record:
        """Run a command in the attempt's shell."""
        return Record(**await self._line.ask("exec", command=command, timeout_s=timeout_s))

    async def tool(self, name: str, tool_input: dict[str, Any] | None = None) -> Record:  # Any: JSON
        """Use one of the harness's tools."""
        return Record(**await self._line.ask("tool", name=name, input=tool_input or {}))

    def note(self, text: object) -> None:
        """Leave a remark in the trace."""
        self._line.send({"call": "note", "text": str(text)})


class Printer:
    """Take what the code prints, for the trace."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, line: Line) -> None:
        self._line = line
        self._text = ""

    def write(self, text: str) -> int:
        """Send whole lines on."""
        self._text += text
        whole, _, self._text = self._text.rpartition("\n")
        for at in range(0, len(whole), MOST_BYTES // 16):
            self._line.send({"call": "print", "text": whole[at : at + MOST_BYTES // 16]})
        return len(text)

    def flush(self) -> None:
        """Send the rest on."""
        if self._text:
            text, self._text = self._text, ""
            self.write(f"{text}\n")

    def isatty(self) -> bool:
        """Be no terminal."""
        return False


class Environment(collections.abc.MutableMapping[str, str]):
    """Stand for an environment that holds nothing, and say that somebody looked."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __getitem__(self, key: str) -> str:
        self._watch.tell("environment", str(key))
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        self._watch.tell("environment", "*")
        return iter(())

    def __len__(self) -> int:
        return 0

    def __setitem__(self, key: str, value: str) -> None:
        raise PermissionError("orchestration code has no environment")

    def __delitem__(self, key: str) -> None:
        raise KeyError(key)


class Watch:
    """Tell the broker of things that are not there and were looked for."""

    def __init__(self, line: Line, allowed: tuple[str, ...]) -> None:
        self._line = line
        self._allowed = allowed
        self._told: set[tuple[str, str]] = set()
        self._busy = False

    def hook(self, event: str, args: tuple[Any, ...]) -> None:  # Any: each event has its own
        """Be called by the interpreter before it does something."""
        if self._busy:
            return
        if event == "open" and isinstance(args[0], str | bytes):
            self._look(args[0], writes=isinstance(args[2], int) and bool(args[2] & WRITING))
        elif event in ("os.listdir", "os.scandir") and isinstance(args[0], str | bytes | None):
            self._look(args[0] or ".")
        elif event == "import" and str(args[0]).partition(".")[0] in OURS:
            self.tell("import", str(args[0]))
        elif event in ("ctypes.dlopen", "ctypes.dlsym"):
            self.tell("ctypes", str(args[-1]))

    def _look(self, path: str | bytes, *, writes: bool = False) -> None:
        name = os.path.normpath(os.path.join("/", os.fsdecode(path)))
        if writes and name != os.devnull:
            self.tell("write", name)
        elif not name.startswith(self._allowed):
            self.tell("file", name)

    def stop(self) -> None:
        """Look away: what follows is not the harness's doing."""
        self._busy = True

    def tell(self, kind: str, detail: str) -> None:
        """Tell of one thing once."""
        if self._busy or (kind, detail) in self._told or len(self._told) >= 50:
            return
        self._busy = True
        try:
            self._told.add((kind, detail))
            self._line.send({"call": "notice", "kind": kind, "detail": detail[:300]})
        finally:
            self._busy = False


def run(fd: int, bundle: str) -> NoReturn:
    """Be the process of one attempt; never returns."""
    line = Line(fd)
    hello = line.greet()
    random.seed(hello["seed"])
    watch = Watch(
        line, (f"{bundle}/", *(f"{path}/" for path in sys.path if path), "/dev/null", os.path.dirname(__file__))
    )
    sys.stdout = sys.stderr = Printer(line)
    sys.dont_write_bytecode = True
    sys.argv = [f"{bundle}/orchestration.py"]
    try:
        last = {"call": "done", "text": asyncio.run(_orchestrate(line, hello, bundle, watch))}
    except BaseException as error:
        watch.stop()
        last = {"call": "crashed", "traceback": _told(error, bundle)}
    _finish(line, last, watch, bundle)


def _finish(line: Line, last: dict[str, Any], watch: Watch, bundle: str) -> NoReturn:  # Any: JSON
    """Say the last words, or why they cannot be said."""
    watch.stop()
    try:
        sys.stdout.flush()
        line.send(last)
    except BaseException as error:
        line.send({"call": "crashed", "traceback": _told(error, bundle)})
    finally:
        os._exit(0)


async def _orchestrate(line: Line, hello: dict[str, Any], bundle: str, watch: Watch) -> str:  # Any: JSON
    line.listen()
    path = f"{bundle}/orchestration.py"
    module = types.ModuleType("orchestration")
    module.__file__ = path
    with open(path, encoding="utf-8") as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    sys.modules["orchestration"] = module
    os.environ = Environment(watch)  # type: ignore[assignment]  # noqa: B003  # nothing is to be cleared
    sys.addaudithook(watch.hook)
    exec(code, module.__dict__)
    return _worded(await module.orchestrate(Ctx(line, hello)))


def _worded(answer: object) -> str:
    """Give the last words as text; what still has to be awaited is none."""
    if isinstance(answer, Agent):
        raise TypeError("orchestrate(ctx) returned an agent; return what it says: `return await agent.run(...)`")
    if isinstance(answer, collections.abc.Awaitable):
        if isinstance(answer, collections.abc.Coroutine):
            answer.close()
        raise TypeError("orchestrate(ctx) returned a call that was not awaited; await it: `return await ...`")
    return "" if answer is None else str(answer)


def _told(error: BaseException, bundle: str) -> str:
    """Word an error with the lines of the harness's own code, and no more than is of use."""
    try:
        told = traceback.TracebackException.from_exception(error, limit=50)
        _keep_own_lines(told, f"{bundle}/")
        return _shortened("".join(told.format()))
    except BaseException as another:
        return _shortened(f"{type(error).__name__}, and {type(another).__name__} while it was put into words")


def _keep_own_lines(told: traceback.TracebackException, bundle: str) -> None:
    """Leave out the frames of libraries and of this file, also of the errors behind the error."""
    own = (frame for frame in told.stack if frame.filename.startswith((bundle, "<string>")))
    told.stack[:] = list(own)
    for behind in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if behind is not None:
            _keep_own_lines(behind, bundle)


def _shortened(text: str) -> str:
    """Leave out the middle: the code's lines stand at the beginning, and how it ended at the end."""
    half = MOST_TRACE // 2
    return text if len(text) <= MOST_TRACE else f"{text[:half]}\n[... left out ...]\n{text[-half:]}"
