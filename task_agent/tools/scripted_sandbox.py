"""A sandbox in memory that follows a script: for tests, and for trying a harness by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from task_agent.sandbox.base import ExecResult, SandboxKind, VerifyRun
from traces.errors import RatchetError


@dataclass(frozen=True, slots=True)
class Command:
    """Record one command a scripted sandbox was given."""

    text: str
    timeout_s: float
    stdin: bytes = b""


Reply = ExecResult | RatchetError
Script = Callable[[Command, "ScriptedSandbox"], Reply]


class ScriptedSandbox:
    """Keep files in a dict and answer commands with a queue of results, or a function of the command.

    Without a script every command prints nothing and succeeds. `commands` and `files` can be looked
    at afterwards. Nothing is run anywhere.
    """

    def __init__(
        self,
        script: Iterable[Reply] | Script = (),
        *,
        files: Mapping[str, bytes] | None = None,
        root: str = "",
        logs: Mapping[str, bytes] | None = None,
    ) -> None:
        self.files = dict(files or {})
        self.commands: list[Command] = []
        self.closed = False
        self._script = script if callable(script) else _queue(script)
        self._root = root
        self._logs = dict(logs or {})

    @property
    def kind(self) -> SandboxKind:
        """Claim no isolation."""
        return "process"

    def path(self, inside: str) -> str:
        """Put `inside` below the root given."""
        return f"{self._root}{inside}"

    async def exec(self, command: str, *, timeout_s: float, stdin: bytes = b"") -> ExecResult:
        """Give the script's next result, or raise its error."""
        given = Command(command, timeout_s, stdin)
        self.commands.append(given)
        reply = self._script(given, self)
        if isinstance(reply, RatchetError):
            raise reply
        return reply

    async def put(self, files: Mapping[str, bytes], folder: str) -> None:
        """Keep the files."""
        for name, content in files.items():
            self.files[f"{folder.removeprefix(self._root).rstrip('/')}/{name}"] = content

    async def get(self, path: str, *, limit_bytes: int = 10_000_000) -> bytes:
        """Give one file back.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is larger than `limit_bytes`.
        """
        path = path.removeprefix(self._root)
        if path not in self.files:
            raise FileNotFoundError(path)
        if len(self.files[path]) > limit_bytes:
            raise ValueError(f"{path} is larger than {limit_bytes:,} bytes")
        return self.files[path]

    async def get_folder(self, path: str, *, limit_bytes: int, limit_files: int) -> dict[str, bytes]:
        """Give the files below a folder.

        Raises:
            FileNotFoundError: There are none.
            ValueError: They are more than the limits.
        """
        start = f"{path.removeprefix(self._root).rstrip('/')}/"
        found = {name.removeprefix(start): data for name, data in self.files.items() if name.startswith(start)}
        if not found:
            raise FileNotFoundError(path)
        if len(found) > limit_files or sum(map(len, found.values())) > limit_bytes:
            raise ValueError(f"{path} holds too much")
        return found

    async def verify(
        self, tests: Mapping[str, bytes], command: str, *, timeout_s: float, env: Mapping[str, str]
    ) -> VerifyRun:
        """Give the logs the sandbox was made with."""
        await self.put(tests, "/tests")
        return VerifyRun(printed(""), self._logs)

    async def close(self) -> None:
        """Note that the sandbox was closed."""
        self.closed = True


def printed(output: str, exit_code: int = 0) -> ExecResult:
    """Make the result of a command that printed `output`."""
    return ExecResult(output, exit_code, 0.0, len(output.encode()))


def _queue(replies: Iterable[Reply]) -> Script:
    steps = iter(replies)
    return lambda _command, _sandbox: next(steps, printed(""))
