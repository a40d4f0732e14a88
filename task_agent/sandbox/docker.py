"""The kind that runs images: one container per attempt, one exec'd shell in it, graded there or in a fresh one.

All calls of the SDK block, so they run in a few threads (`_engine.py`).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from typing import Literal

from task_agent.errors import SandboxLostError
from task_agent.sandbox import _container, _phases
from task_agent.sandbox._container import Attached, Box, absent_images
from task_agent.sandbox._engine import call, call_heavy, end, engine, engine_cpus, reap, reap_orphans
from task_agent.sandbox._grading import grading_slot
from task_agent.sandbox._output import OutputKeeper
from task_agent.sandbox._restoring import put_back
from task_agent.sandbox._tampering import tampered
from task_agent.sandbox.base import ExecResult, SandboxSpec, VerifyRun
from task_agent.sandbox.refusals import refuse
from task_agent.sandbox.shell import Answer

__all__ = ["DockerSandbox", "absent_images", "engine_cpus", "reap", "reap_orphans"]

_START_S = 60.0
_FOLDERS = {"LOGS_DIR": "/logs", "TESTS_DIR": "/tests"}
_END = "kill -9 -1 2>/dev/null; "
_WIPE = (
    "chmod -R u+rwX /logs /tests 2>/dev/null; rm -rf /logs/verifier /tests; "
    "if [ -L /logs ]; then rm -f /logs; fi; mkdir -p /logs/verifier; "
)


class DockerSandbox:
    """Run an attempt in a container of its own."""

    kind: Literal["docker"] = "docker"

    def __init__(self, spec: SandboxSpec) -> None:
        refuse(self.kind, spec)
        self._spec = spec
        self._lock = asyncio.Lock()
        self._start: asyncio.Future[Box] | None = None
        self._grader: asyncio.Future[Box] | None = None
        self._shell: Attached | None = None
        self._kept: list[Attached] = []
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
        await call(_container.put, await self._box(), files, folder)

    async def get(self, path: str, *, limit_bytes: int = 10_000_000) -> bytes:
        """Read one regular file."""
        return await call(_container.read_file, (await self._box()).container, path, limit_bytes)

    async def get_folder(self, path: str, *, limit_bytes: int, limit_files: int) -> dict[str, bytes]:
        """Read every file below a folder."""
        box = await self._box()
        return await call(_container.read_folder, box.container, path, limit_bytes, limit_files)

    async def verify(
        self, tests: Mapping[str, bytes], command: str, *, timeout_s: float, env: Mapping[str, str]
    ) -> VerifyRun:
        """End the agent's phase and grade by a fresh process tree, in the same container or in one apart."""
        async with self._lock, grading_slot():
            self._rounds = max(0, self._rounds - 1)
            self._keep_or_drop_shell()
            full = _FOLDERS | dict(env)
            if self._spec.apart:
                return await self._grade_apart(tests, command, timeout_s, full)
            return await self._grade_here(tests, command, timeout_s, full)

    def _keep_or_drop_shell(self) -> None:
        if self._spec.keep_processes and self._shell is not None:
            self._kept.append(self._shell)  # its end would take away what its processes write to
            self._shell = None
        self._drop_shell()

    async def _grade_here(
        self, tests: Mapping[str, bytes], command: str, timeout_s: float, env: Mapping[str, str]
    ) -> VerifyRun:
        """Grade where the agent worked, unless it changed what the grader relies on."""
        box = await self._box()
        restored = frozenset[str]()
        if self._spec.system_changes:
            restored = await call_heavy(put_back, box.container, running=self._spec.keep_processes)
        await call(_phases.begin_grading, engine(), box.container, self._spec)
        env = {"PYTHONPYCACHEPREFIX": f"/tmp/.pyc-{os.urandom(8).hex()}", **env}
        wipe = _WIPE if self._spec.keep_processes else _END + _WIPE
        shell, lost = None, None
        try:
            shell = await self._fresh_shell(box, env, wipe)
        except SandboxLostError as error:
            lost = error
        if found := await call(tampered, engine(), box.container, self._spec, restored):
            return VerifyRun(ExecResult("", None, 0.0, 0), {}, found)
        if shell is None:
            raise lost or SandboxLostError("no shell starts in the container")
        await call(_phases.lay_tests, engine(), box.container, tests)
        if self._spec.verifier_user is not None:
            self._drop_shell()
            uid = await call(_container.uid_of, box.container, self._spec.verifier_user)
            await call(_phases.give_logs, engine(), box.container, uid)
            shell = await self._fresh_shell(box, env, user=self._spec.verifier_user)
        return await self._graded(box, shell, command, timeout_s)

    async def _grade_apart(
        self, tests: Mapping[str, bytes], command: str, timeout_s: float, env: Mapping[str, str]
    ) -> VerifyRun:
        """End the agent's container and grade its work directory in a fresh one."""
        worked = await self._box()
        ending = call(end, worked.container)
        self._grader = call_heavy(_container.bring_up_grader, self._spec)
        await ending
        grader = await asyncio.shield(self._grader)
        if not await call(_phases.hand_over, engine(), worked.container, grader.container, self._spec):
            return VerifyRun(ExecResult("", None, 0.0, 0), {}, ("the work directory is larger than the task allows",))
        await call(_phases.lay_tests, engine(), grader.container, tests)
        shell = await self._fresh_shell(grader, env, user=self._spec.verifier_user or "")
        return await self._graded(grader, shell, command, timeout_s)

    async def _graded(self, box: Box, shell: Attached, command: str, timeout_s: float) -> VerifyRun:
        """Run the verifier, end everything at once, and read what it left."""
        result = await self._run(box, shell, f"( {command}\n)", timeout_s, time.monotonic())
        self._drop_shell()
        await call(_container.kill_all if self._rounds else _end_box, box)
        logs = await call(_container.read_logs, box, "/logs/verifier")
        if self._rounds:
            await call(_phases.end_round, engine(), box.container, self._spec)
        return VerifyRun(result, logs)

    async def close(self) -> None:
        """Remove the container with everything in it."""
        async with self._lock:
            self._drop_shell()
            while self._kept:
                self._kept.pop().link.close()
            self._closed = True
            made = [start for start in (self._start, self._grader) if start is not None]
            self._start = self._grader = None
            for start in made:
                await asyncio.wait([start])
                if not start.cancelled() and start.exception() is None:
                    await call_heavy(start.result().remove)

    async def _box(self) -> Box:
        if self._closed:
            raise SandboxLostError("the sandbox is closed")
        if self._start is None:
            self._start = call_heavy(_container.bring_up, self._spec)
        box = await asyncio.shield(self._start)
        self._spec = box.spec
        return box

    async def _fresh_shell(
        self, box: Box, env: Mapping[str, str] | None = None, before: str = "", user: str = ""
    ) -> Attached:
        """Start a shell and hear from it; where nothing more can start, end all that runs and try once more."""
        said = ""
        for attempt in range(2):
            if attempt:
                await call(_container.restart, box)
            try:
                shell = self._shell = await call(_container.attach, box, self._spec.workdir, env or {}, before, user)
                if (await self._turn(shell, ":", OutputKeeper(1), _START_S)).exit_code == 0:
                    return shell
                said = shell.shell.complaint
            except SandboxLostError as error:
                said = error.message
        raise SandboxLostError(f"no shell starts in the container: {said}")

    async def _lay_stdin(self, box: Box, stdin: bytes) -> str:
        if not stdin:
            return "/dev/null"
        name = f".stdin-{os.urandom(8).hex()}"
        await call(_container.put, box, {name: stdin}, "/tmp")
        return f"/tmp/{name}"

    async def _run(
        self, box: Box, shell: Attached, command: str, timeout_s: float, start: float, stdin_file: str = "/dev/null"
    ) -> ExecResult:
        keeper = OutputKeeper(self._spec.output_limit_bytes)
        answer = await self._turn(shell, command, keeper, timeout_s, stdin_file)
        code = answer.exit_code
        if answer.timed_out:
            await call(_container.kill_all, box)
        elif code is None:
            code = await call(_container.own_end, box, shell)
        return ExecResult(keeper.text(), code, time.monotonic() - start, keeper.total, answer.timed_out)

    async def _turn(
        self, shell: Attached, command: str, keeper: OutputKeeper, timeout_s: float, stdin_file: str = "/dev/null"
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


def _end_box(box: Box) -> None:
    end(box.container)
