"""Drafts of the same work: copies of the working directory that are put aside, compared and put back."""

from __future__ import annotations

import shlex

from task_agent.orchestration.ctx import Ctx

COPY_S = 60.0
_SHOWN_LINES = 60

_BEGIN = """\
work=$(cd {work} && pwd -P) && store=$(mktemp -d) && store=$(cd "$store" && pwd -P) || exit 1
case "$store/" in "${{work%/}}"/*) rmdir "$store"; exit 1;; esac
cp -a "$work" "$store/start" && echo "$store"
"""
_RESTORE = "cd {work} && find . -mindepth 1 -delete && cp -a {store}/{name}/. ."
_CHANGES = """\
cd {store} && diff -rq start {name} | sed 's/^Only in start/Removed from start/;s/^Only in {name}/New in {name}/'
diff -ruN start {name} | cut -c 1-200
"""


class Drafts:
    """Keep drafts of the work in the sandbox, outside the working directory.

    Only the working directory is put back: packages, services, variables of the shell and files
    elsewhere stay as the draft before left them, and a later draft could read an earlier one.
    """

    def __init__(self, ctx: Ctx) -> None:
        self._ctx = ctx
        self._store = ""

    async def begin(self) -> bool:
        """Copy the working directory as it is; False where there is no place for it."""
        work = shlex.quote(self._ctx.task.workdir)
        printed = await self._run(_BEGIN.format(work=work))
        self._store = "" if printed is None else printed.strip().rpartition("\n")[2]
        return bool(self._store)

    async def keep(self, number: int) -> bool:
        """Put the work done so far aside as draft `number`; False where it could not be copied."""
        work, target = shlex.quote(self._ctx.task.workdir), shlex.quote(self.folder(number))
        return await self._run(f"cp -a {work} {target}") is not None

    async def restart(self) -> bool:
        """Put the working directory back as it was at the beginning, and the attempt's shell into it."""
        if not await self._restore("start"):
            return False
        return (await self._ctx.exec(f"cd {shlex.quote(self._ctx.task.workdir)}", timeout_s=COPY_S)).exit_code == 0

    async def put_back(self, number: int) -> bool:
        """Make draft `number` the result."""
        return await self._restore(str(number))

    async def changes(self, number: int) -> str:
        """Show what draft `number` changed: the files, and the beginning of the difference."""
        command = _CHANGES.format(store=shlex.quote(self._store), name=number)
        lines = (await self._run(f"{command}true") or "").splitlines()
        more = [f"[{len(lines) - _SHOWN_LINES} lines more]"] if len(lines) > _SHOWN_LINES else []
        return "\n".join([*lines[:_SHOWN_LINES], *more]) or "(nothing changed)"

    def folder(self, number: int) -> str:
        """Say where draft `number` is kept."""
        return f"{self._store}/{number}"

    async def drop(self) -> None:
        """Remove every copy."""
        if self._store:
            await self._run(f"rm -rf {shlex.quote(self._store)}")

    async def _restore(self, name: str) -> bool:
        work, store = shlex.quote(self._ctx.task.workdir), shlex.quote(self._store)
        return await self._run(_RESTORE.format(work=work, store=store, name=name)) is not None

    async def _run(self, command: str) -> str | None:
        """Run a command that leaves the attempt's shell alone; None when it fails."""
        result = await self._ctx.exec(f"(exec bash -c {shlex.quote(command)})", timeout_s=COPY_S)
        return result.output if result.exit_code == 0 and not result.timed_out else None
