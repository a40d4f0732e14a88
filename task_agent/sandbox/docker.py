"""The kind that runs images: one container per attempt, one exec'd shell in it.

The container's first process is a shell that waits for input that never comes, instead of the engine's
init: by ignoring SIGCHLD it lets the kernel collect orphans, it never needs to fork, and as process 1
it cannot be killed from inside, so `kill -9 -1` ends everything an agent left but not the container.

All calls of the SDK block, so they run in a few threads, which also bounds how many heavy actions are
under way at once.
"""

from __future__ import annotations

import asyncio
import functools
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar

from task_agent.errors import SandboxLostError
from task_agent.sandbox import _images, _phases, mark
from task_agent.sandbox._frames import SocketLink
from task_agent.sandbox._host import OURS, check_workdir
from task_agent.sandbox._output import OutputKeeper
from task_agent.sandbox._tar import below, pack, parents, unpack
from task_agent.sandbox.base import LOG_LIMIT_BYTES, ExecResult, SandboxSpec, VerifyRun
from task_agent.sandbox.shell import Answer, Shell, ShellSetup
from traces.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")
P = ParamSpec("P")

DEFAULT_IMAGE = "ratchet-base:bookworm"
IMAGE_VARIABLE = "RATCHET_DOCKER_IMAGE"
LABEL = "ratchet.sandbox"
_HEAVY_AT_ONCE = 8
_CALL_S = 120
_START_S = 60.0
_REWARDS = ("reward.json", "reward.txt")
_CONFLICT = 409
_NOT_FOUND = 404
_GO_NOT_REGULAR = 0x8F280000
_FIRST = 'trap "" CHLD; while :; do read -r _ || sleep 60; done'
_END = "kill -9 -1 2>/dev/null; "
_WIPE = "rm -rf /logs/verifier /tests; mkdir -p /logs/verifier; "
_SHELL = "if command -v bash >/dev/null; then exec bash --noprofile --norc /dev/stdin; else exec sh /dev/stdin; fi"


class DockerSandbox:
    """Run an attempt in a container of its own."""

    kind: Literal["docker"] = "docker"

    def __init__(self, spec: SandboxSpec) -> None:
        check_workdir(spec.workdir, OURS)
        self._spec = spec
        self._lock = asyncio.Lock()
        self._start: asyncio.Future[_Box] | None = None
        self._shell: _Attached | None = None
        self._kept: list[_Attached] = []
        self._rounds = spec.rounds
        self._closed = False

    def path(self, inside: str) -> str:
        """Give `inside` itself: the container has its own root."""
        return inside

    async def exec(self, command: str, *, timeout_s: float, stdin: bytes = b"") -> ExecResult:
        """Run `command` in the attempt's one persistent shell."""
        if not self._rounds:
            raise RuntimeError("the agent's phase is over: `exec` may not follow `verify`")
        async with self._lock:
            box = await self._box()
            start = time.monotonic()
            shell = self._shell or await self._fresh_shell(box, user=self._spec.user or "")
            stdin_file = await self._lay_stdin(box, stdin)
            return await self._run(box, shell, command, timeout_s, start, stdin_file)

    async def put(self, files: Mapping[str, bytes], folder: str) -> None:
        """Write `files` below the absolute `folder`."""
        await _call(_put, await self._box(), files, folder)

    async def get(self, path: str, *, limit_bytes: int = 10_000_000) -> bytes:
        """Read one regular file."""
        return await _call(_read_file, (await self._box()).container, path, limit_bytes)

    async def verify(
        self, tests: Mapping[str, bytes], command: str, *, timeout_s: float, env: Mapping[str, str]
    ) -> VerifyRun:
        """End the agent's phase and grade in the same container, by a fresh process tree."""
        async with self._lock:
            self._rounds = max(0, self._rounds - 1)
            box = await self._box()
            if self._spec.keep_processes and self._shell is not None:
                self._kept.append(self._shell)  # its end would take away what its processes write to
                self._shell = None
            self._drop_shell()
            await _call(_phases.begin_grading, _engine(), box.container, self._spec)
            full = {"LOGS_DIR": "/logs", "TESTS_DIR": "/tests", **env}
            shell = await self._fresh_shell(box, full, _WIPE if self._spec.keep_processes else _END + _WIPE)
            await _call(_put, box, tests, "/tests")
            if self._spec.verifier_user is not None:
                self._drop_shell()
                await _call(
                    _phases.give_logs, _engine(), box.container, _uid_of(box.container, self._spec.verifier_user)
                )
                shell = await self._fresh_shell(box, full, user=self._spec.verifier_user)
            result = await self._run(box, shell, f"( {command}\n)", timeout_s, time.monotonic())
            logs = await _call(_read_logs, box, "/logs/verifier")
            if self._rounds:
                self._drop_shell()
                await _call(_phases.end_round, _engine(), box.container, self._spec)
            return VerifyRun(result, logs)

    async def close(self) -> None:
        """Remove the container with everything in it."""
        async with self._lock:
            self._drop_shell()
            while self._kept:
                self._kept.pop().link.close()
            self._closed = True
            if self._start is None:
                return
            start, self._start = self._start, None
            await asyncio.wait([start])
            if start.exception() is None:
                await _call(_remove, start.result().container)

    async def _box(self) -> _Box:
        if self._closed:
            raise SandboxLostError("the sandbox is closed")
        if self._start is None:
            self._start = _call(_bring_up, self._spec)
        return await asyncio.shield(self._start)

    async def _fresh_shell(
        self, box: _Box, env: Mapping[str, str] | None = None, before: str = "", user: str = ""
    ) -> _Attached:
        """Start a shell and hear from it; where nothing more can start, end all that runs and try once more."""
        said = ""
        for attempt in range(2):
            if attempt:
                await _call(_restart, box)
            try:
                shell = self._shell = await _call(_attach, box, self._spec.workdir, env or {}, before, user)
                if (await self._turn(shell, ":", OutputKeeper(1), _START_S)).exit_code == 0:
                    return shell
                said = shell.shell.complaint
            except SandboxLostError as error:
                said = error.message
        raise SandboxLostError(f"no shell starts in the container: {said}")

    async def _lay_stdin(self, box: _Box, stdin: bytes) -> str:
        if not stdin:
            return "/dev/null"
        name = f".stdin-{os.urandom(8).hex()}"
        await _call(_put, box, {name: stdin}, "/tmp")
        return f"/tmp/{name}"

    async def _run(
        self, box: _Box, shell: _Attached, command: str, timeout_s: float, start: float, stdin_file: str = "/dev/null"
    ) -> ExecResult:
        keeper = OutputKeeper(self._spec.output_limit_bytes)
        answer = await self._turn(shell, command, keeper, timeout_s, stdin_file)
        code = answer.exit_code
        if answer.timed_out:
            await _call(_kill_all, box)
        elif code is None:
            code = await _call(_own_end, box, shell)
        return ExecResult(keeper.text(), code, time.monotonic() - start, keeper.total, answer.timed_out)

    async def _turn(
        self, shell: _Attached, command: str, keeper: OutputKeeper, timeout_s: float, stdin_file: str = "/dev/null"
    ) -> Answer:
        answer = Answer(None)
        try:
            answer = await shell.shell.run(command, keeper, timeout_s=timeout_s, stdin_path=stdin_file)
            return answer
        finally:
            if answer.exit_code is None:
                self._drop_shell()

    def _drop_shell(self) -> None:
        shell, self._shell = self._shell, None
        if shell is not None:
            shell.link.close()


@dataclass(frozen=True, slots=True)
class _Box:
    """Name a running container and the uid its commands have."""

    container: str
    owner: int


class _Attached:
    """Hold one exec'd shell: its id at the engine, its socket, and the conversation with it."""

    def __init__(self, exec_id: str, connection: socket.socket, workdir: str) -> None:
        self.exec_id = exec_id
        self.link = SocketLink(connection)
        self.shell = Shell(self.link, ShellSetup((), {}, workdir, respawns=False))


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_HEAVY_AT_ONCE, thread_name_prefix="docker")


def _call(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Run a blocking piece of work in a thread, and turn the engine's errors into ours."""
    return asyncio.get_running_loop().run_in_executor(_threads(), functools.partial(_translated, work, *args, **kwargs))


def _translated(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    from docker.errors import APIError, DockerException
    from requests.exceptions import RequestException

    try:
        return work(*args, **kwargs)
    except APIError as error:
        raise SandboxLostError(f"the Docker engine refused: {error.explanation or error}") from error
    except (DockerException, RequestException) as error:
        raise SandboxLostError(f"the Docker engine did not answer: {error}") from error


@functools.cache
def _engine() -> APIClient:
    import docker
    from docker.errors import DockerException

    try:
        return docker.from_env(timeout=_CALL_S, max_pool_size=4 * _HEAVY_AT_ONCE).api
    except DockerException as error:
        said = f"no Docker engine answers here: {error}"
        raise SandboxUnavailableError(said, hint="start one, or use bubblewrap") from None


def reap(labels: Mapping[str, str]) -> int:
    """Remove the containers that carry our label and all of `labels`; gives their number."""
    wanted = [f"{LABEL}=1", *(f"{name}={value}" for name, value in labels.items())]
    found = _engine().containers(all=True, filters={"label": wanted})
    for entry in found:
        _remove(entry["Id"])
    return len(found)


def _bring_up(spec: SandboxSpec) -> _Box:
    """Create and start the container and put the task's files into it."""
    image = _image_of(spec)
    owner = _owner_of(image)
    container = _create(spec, image)
    try:
        worker = owner if spec.user is None else _uid_of(container, spec.user)
        files = below(spec.workdir, spec.files)
        own = parents(files) if spec.build_context is not None else parents([f"{spec.workdir.strip('/')}/.", *files])
        folders = dict.fromkeys([*own, "logs", "logs/agent", "logs/artifacts"])
        _engine().put_archive(container, "/", pack(files, owner=worker, folders=folders))
        if worker != owner:
            _engine().put_archive(container, "/", pack({}, owner=owner, folders=["logs"]))
        _engine().start(container)
    except BaseException:
        _remove(container)
        raise
    return _Box(container, owner)


def _create(spec: SandboxSpec, image: str) -> str:
    from docker.types import LogConfig, Ulimit

    engine = _engine()
    memory = spec.memory_mb * 1024 * 1024
    host = engine.create_host_config(
        network_mode="bridge" if spec.network else "none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=memory,
        memswap_limit=memory,
        nano_cpus=int(spec.cpus * 1_000_000_000),
        pids_limit=spec.pids,
        ulimits=[Ulimit(name="core", soft=0, hard=0)],
        log_config=LogConfig(type="none"),
    )
    made = engine.create_container(
        image,
        entrypoint=["/bin/sh", "-c", _FIRST],
        command=[],
        stdin_open=True,
        environment=dict(spec.env),
        working_dir=spec.workdir,
        hostname="sandbox",
        labels={mark.LABEL: mark.current(), **spec.labels, LABEL: "1"},
        host_config=host,
    )
    return str(made["Id"])


def _image_of(spec: SandboxSpec) -> str:
    if spec.build_context is not None and not (spec.image and _images.is_here(_engine(), spec.image)):
        return _images.built(_engine(), spec.build_context, spec.build_timeout_s)
    name = spec.image or os.environ.get(IMAGE_VARIABLE) or DEFAULT_IMAGE
    if not _images.is_here(_engine(), name):
        hint = f"`docker pull` it, or name another in {IMAGE_VARIABLE}"
        raise SandboxUnavailableError(f"the image {name!r} is not on this machine", hint=hint)
    return name


def absent_images(images: Iterable[str | None]) -> list[str]:
    """List those of the images (None is the default one) that this machine does not have; none is pulled."""
    names = {image or os.environ.get(IMAGE_VARIABLE) or DEFAULT_IMAGE for image in images}
    return sorted(name for name in names if not _images.is_here(_engine(), name))


def _uid_of(container: str, user: str) -> int:
    """Find the number of a user that the image knows, maybe by name."""
    name = user.partition(":")[0]
    passwd = b"" if name.isdigit() else _read_file(container, "/etc/passwd", LOG_LIMIT_BYTES)
    return _phases.uid_in(passwd, name)


@functools.cache
def _owner_of(image: str) -> int:
    """Find the uid that commands have: what the image says, a name being taken for root."""
    user = str(_images.inspect(_engine(), image)["Config"].get("User") or "0").partition(":")[0]
    return int(user) if user.isdigit() else 0


def _attach(box: _Box, workdir: str, env: Mapping[str, str], before: str, user: str) -> _Attached:
    """Start a shell in the container and take over its socket."""
    engine = _engine()
    made = engine.exec_create(
        box.container, ["/bin/sh", "-c", before + _SHELL], user=user, stdin=True, environment=dict(env), workdir="/"
    )
    stream = engine.exec_start(made["Id"], socket=True)
    return _Attached(made["Id"], _taken_over(stream), workdir)


def _taken_over(
    stream: Any,
) -> socket.socket:  # the SDK's wrapper differs by transport and has no public way to its socket
    """Keep the connection itself and let the SDK close all that it wrapped around it."""
    raw: socket.socket = getattr(stream, "_sock", stream)
    connection = socket.socket(fileno=os.dup(raw.fileno()))
    stream._response.close()
    stream.close()
    raw.close()
    return connection


def _kill_all(box: _Box) -> None:
    """Kill every process of the container but the first."""
    from docker.errors import APIError

    made = _engine().exec_create(box.container, ["/bin/sh", "-c", "kill -9 -1"], workdir="/")
    try:
        _engine().exec_start(made["Id"])
    except APIError:
        _restart(box)
        return
    if _engine().exec_inspect(made["Id"])["ExitCode"] != 0:
        _restart(box)


def _restart(box: _Box) -> None:
    """End everything in the container from outside and start it again with its files.

    Raises:
        SandboxLostError: The container had already ended.
    """
    if not _engine().inspect_container(box.container)["State"]["Running"]:
        raise SandboxLostError("the container was ended from outside")
    _engine().restart(box.container, timeout=0)


def _own_end(box: _Box, shell: _Attached) -> int:
    """Tell a shell that ended itself from a container that was ended from outside."""
    if not _engine().inspect_container(box.container)["State"]["Running"]:
        raise SandboxLostError("the container was ended from outside")
    code = _engine().exec_inspect(shell.exec_id)["ExitCode"]
    if not shell.shell.ready:
        raise SandboxLostError(f"the container's shell did not start: {shell.shell.complaint or code}")
    return int(code) if code is not None else 137


def _put(box: _Box, files: Mapping[str, bytes], folder: str) -> None:
    named = below(folder, files)
    folders = parents([*named, f"{folder.strip('/')}/."]) if folder != "/tmp" else []
    _engine().put_archive(box.container, "/", pack(named, owner=box.owner, folders=folders))


def _read_file(container: str, path: str, limit_bytes: int) -> bytes:
    from docker.errors import APIError

    try:
        chunks, stat = _engine().get_archive(container, path)
    except APIError as error:
        if error.status_code == _NOT_FOUND or "too many links" in str(error.explanation):
            raise FileNotFoundError(f"no regular file at {path!r}") from None
        raise
    if stat["mode"] & _GO_NOT_REGULAR:
        raise FileNotFoundError(f"no regular file at {path!r}")
    if stat["size"] > limit_bytes:
        raise ValueError(f"{path!r} is larger than {limit_bytes} bytes")
    found = unpack(chunks, limit_bytes).files
    if not found:
        raise FileNotFoundError(f"no regular file at {path!r}")
    return next(iter(found.values()))


def _read_logs(box: _Box, folder: str) -> dict[str, bytes]:
    from docker.errors import NotFound

    try:
        chunks, _ = _engine().get_archive(box.container, folder)
    except NotFound:
        return {}
    read = unpack(chunks, LOG_LIMIT_BYTES)
    for name in () if read.whole else _REWARDS:
        try:
            read.files[name] = _read_file(box.container, f"{folder}/{name}", LOG_LIMIT_BYTES)
        except (FileNotFoundError, ValueError):
            continue
    return read.files


def _remove(container: str) -> None:
    from docker.errors import APIError, NotFound

    try:
        _engine().remove_container(container, force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != _CONFLICT:
            raise
