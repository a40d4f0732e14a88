"""What every sandbox offers: the isolated place where an attempt's commands run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

SandboxKind = Literal["process", "bubblewrap", "docker"]


class Program(bytes):
    """Hold the content of a file that is executable, though it may not say so by `#!`."""

    __slots__ = ()


def is_program(content: bytes) -> bool:
    """Say whether a file of this content is executable where it is put."""
    return isinstance(content, Program) or content.startswith(b"#!")


@dataclass(frozen=True, slots=True)
class SandboxSpec:
    """Describe the place one attempt needs.

    `files` are put below `workdir` before the first command (paths relative, POSIX). `workdir` is
    absolute inside the sandbox; with `image_workdir` (docker only) it is a guess, and the image's own
    counts. `image` and `build_context` matter to docker only: a local image's name, or the files of a
    Dockerfile's folder (with `Dockerfile` among them) to build once and keep; where an image is named and
    is here, nothing is built. `labels` go on whatever the engine
    can label, so that leftovers can be found.

    `user` and `verifier_user` (docker only) are who the agent's commands and the verifier run as; None
    is the image's own. `keep_processes` lets what the agent started live on while it is graded.
    `root_powers` (docker only) leaves root what package managers and services need: to change owners
    and users, and to pass over file modes. `verifier_network` is the verifier's, where it differs from
    the agent's. `rounds` is how often the sandbox is graded: before the last time, `exec` may follow
    `verify`.

    `apart` (docker; the other kinds always do) grades in a fresh container of the image, which gets the
    work directory and nothing else of the agent. Where the agent's own container grades, changes to what
    a grader relies on are tampering. `system_changes` says that the task's own work may change programs and
    libraries of the system: those are put back from the image before grading, and the rest is tampering.

    `root` (bubblewrap only) is a host folder that stands as the root of the file system, read-only but for
    the work directory, which begins as it is there, `/tmp` and `/logs`; None is this machine's own programs.

    `shown` are files and folders of the host that commands may read and not write, by the absolute place
    they get inside; links in them are left out. They are there before the first command and are not brought
    up to date. The `process` kind cannot show anything without letting it be written, and refuses.
    """

    workdir: str = "/app"
    image_workdir: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)
    shown: Mapping[str, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    root: str | None = None
    build_context: Mapping[str, bytes] | None = None
    build_timeout_s: float = 600.0
    network: bool = False
    verifier_network: bool | None = None
    user: str | None = None
    verifier_user: str | None = None
    keep_processes: bool = False
    root_powers: bool = False
    rounds: int = 1
    apart: bool = False
    system_changes: bool = False
    memory_mb: int = 512
    cpus: float = 1.0
    pids: int = 128
    disk_mb: int = 256
    output_limit_bytes: int = 64_000
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExecResult:
    """Report one finished command.

    `output` is stdout and stderr in the order written, decoded with replacement, cut in the middle
    to the spec's limit; `output_bytes` is the length before the cut. `exit_code` is None when the
    command was ended by its time-out.
    """

    output: str
    exit_code: int | None
    duration_s: float
    output_bytes: int
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class VerifyRun:
    """Report one run of a verifier: its output, and the files it left under `/logs/verifier`.

    Only regular files are read, at most `LOG_LIMIT_BYTES` each; anything else is left out. `tampered`
    names what the agent changed of all that it would be graded with; then nothing was run.
    """

    result: ExecResult
    logs: Mapping[str, bytes]
    tampered: tuple[str, ...] = ()


LOG_LIMIT_BYTES = 1_000_000


class Sandbox(Protocol):
    """Run an attempt's commands away from the host.

    Raises from every method: `task_agent.errors.SandboxLostError` when the place itself died.
    A sandbox starts at its first use, not before.
    """

    @property
    def kind(self) -> SandboxKind:
        """Name the kind of isolation."""
        ...

    def path(self, inside: str) -> str:
        """Give the name that commands use for the absolute path `inside` (differs only for `process`).

        `put` and `get` take both names.
        """
        ...

    async def exec(self, command: str, *, timeout_s: float, stdin: bytes = b"") -> ExecResult:
        """Run `command` in the attempt's one persistent shell: directory and variables carry over.

        A time-out kills everything the shell started, and a fresh shell takes its place.
        """
        ...

    async def put(self, files: Mapping[str, bytes], folder: str) -> None:
        """Write `files` (relative paths) below the absolute `folder`; programs become executable (`is_program`)."""
        ...

    async def get(self, path: str, *, limit_bytes: int = 10_000_000) -> bytes:
        """Read one regular file.

        Raises:
            FileNotFoundError: There is no regular file there (links are not followed out).
            ValueError: It is larger than `limit_bytes`.
        """
        ...

    async def get_folder(self, path: str, *, limit_bytes: int, limit_files: int) -> dict[str, bytes]:
        """Read every file below a folder, by its relative path.

        Raises:
            FileNotFoundError: There is no folder there.
            ValueError: It holds a link, a special file, what may not be read, or more than the limits.
        """
        ...

    async def verify(
        self, tests: Mapping[str, bytes], command: str, *, timeout_s: float, env: Mapping[str, str]
    ) -> VerifyRun:
        """End the agent's phase and grade.

        Kills every process of the agent unless the spec keeps them, wipes `/logs/verifier`, puts `tests`
        at `/tests` (which did not exist before), and runs `command` from the work directory in a fresh
        shell with a clean PATH and environment. `LOGS_DIR` and `TESTS_DIR` name the two folders for the
        `process` kind, where they are not `/logs` and `/tests`. After the last round of it, `exec` may not
        be called again; after an earlier one, tests and logs are gone and the agent's next phase begins.
        """
        ...

    async def close(self) -> None:
        """Kill what still runs and remove every trace; safe to call twice and after a crash."""
        ...
