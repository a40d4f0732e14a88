"""Which kind of sandbox works here, tried by running one, and which to take."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypedDict

from task_agent.errors import SandboxLostError
from task_agent.sandbox.base import Sandbox, SandboxKind, SandboxSpec
from traces.errors import SandboxUnavailableError

Wanted = Literal["auto", "process", "bubblewrap", "docker"]

_PROBE_S = 60.0
_MARK = "ratchet-probe-ok"


@dataclass(frozen=True, slots=True)
class Probe:
    """Say whether a kind works on this machine, and in one sentence why or why not."""

    kind: SandboxKind
    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Name the kind taken and one sentence to say aloud: why this one, and why not the others."""

    kind: SandboxKind
    said: str


class Needs(TypedDict):
    """Say what tasks need of a sandbox, as `choose` asks."""

    needs_image: bool
    needs_jail: bool
    refused: Mapping[SandboxKind, str]
    cpus: float


def open_sandbox(kind: SandboxKind, spec: SandboxSpec) -> Sandbox:
    """Make a sandbox of `kind`; nothing starts before its first use.

    Raises:
        SandboxUnavailableError: `spec` asks for something this kind cannot give.
    """
    if kind == "docker":
        from task_agent.sandbox.docker import DockerSandbox

        return DockerSandbox(spec)
    if kind == "bubblewrap":
        from task_agent.sandbox.bubblewrap import BubblewrapSandbox

        return BubblewrapSandbox(spec)
    from task_agent.sandbox.process import ProcessSandbox

    return ProcessSandbox(spec)


def probe(kind: SandboxKind) -> Probe:
    """Start a sandbox of `kind`, run a command and a grading in it, and remove it."""
    try:
        said = run_anywhere(lambda: _try_out(kind))
    except SandboxUnavailableError as error:
        return Probe(kind, False, error.message + (f" ({error.hint})" if error.hint else ""))
    except SandboxLostError as error:
        return Probe(kind, False, error.message)
    return Probe(kind, not said, said or f"a command and a grading ran in it{_held(kind)}")


def _held(kind: SandboxKind) -> str:
    if kind != "bubblewrap":
        return ""
    from task_agent.sandbox.bubblewrap import held

    return f"; {held()}"


def choose(
    wanted: Wanted,
    *,
    allow_unsafe: bool,
    needs_image: bool,
    needs_jail: bool = False,
    refused: Mapping[SandboxKind, str] = MappingProxyType({}),
    cpus: float = 0.0,
) -> Choice:
    """Take the kind that was asked for, or for `auto` the best that works here and holds every task.

    Args:
        wanted: A kind, which is taken or refused, never replaced; or `auto`.
        allow_unsafe: The caller accepts no isolation, or the model is simulated.
        needs_image: Some task names an image or brings a Dockerfile.
        needs_jail: Some task stands on a root, which only a jail can have.
        refused: Why some task cannot be held, by the kinds that cannot hold it.
        cpus: The most CPUs that a task asks for.

    Raises:
        SandboxUnavailableError: The kind wanted does not work here or cannot hold some task, or none does.
    """
    if needs_jail:
        return _jail(wanted, needs_image=needs_image, refused=refused)
    if wanted == "auto":
        return _with_cpus(_best(allow_unsafe=allow_unsafe, needs_image=needs_image, refused=refused), cpus)
    if needs_image and wanted != "docker":
        raise SandboxUnavailableError(
            f"some tasks need an image, which the {wanted} sandbox cannot give", hint="set `sandbox: docker`"
        )
    if wanted in refused:
        raise SandboxUnavailableError(_cannot_hold(wanted, refused[wanted]), hint=_way_out(wanted, refused))
    if wanted == "process" and not allow_unsafe:
        raise SandboxUnavailableError(_REFUSED, hint="set `allow_unsafe: true` if this machine is a throw-away")
    tried = probe(wanted)
    if not tried.ok:
        raise SandboxUnavailableError(
            f"the {wanted} sandbox does not work here: {tried.reason}", hint="`ratchet doctor`"
        )
    return _with_cpus(Choice(wanted, f"{wanted}, as asked for: {tried.reason}"), cpus)


def _cannot_hold(kind: SandboxKind, why: str) -> str:
    return f"the {kind} sandbox cannot hold some tasks: {why}"


def _way_out(kind: SandboxKind, refused: Mapping[SandboxKind, str]) -> str:
    leave_out = "leave those tasks out with `suite.without`"
    return f"set `sandbox: docker`, or {leave_out}" if kind != "docker" and "docker" not in refused else leave_out


def _with_cpus(choice: Choice, cpus: float) -> Choice:
    """Say aloud where tasks get fewer CPUs than they ask for."""
    if choice.kind != "docker":
        return choice
    from task_agent.sandbox.docker import engine_cpus

    here = engine_cpus()
    short = f"; tasks that ask for more than {here:g} CPUs (up to {cpus:g}) get {here:g}, all that the engine has"
    return Choice(choice.kind, choice.said + short) if cpus > here else choice


def _jail(wanted: Wanted, *, needs_image: bool, refused: Mapping[SandboxKind, str]) -> Choice:
    """Take the jail that tasks on a root of their own need."""
    if wanted not in ("auto", "bubblewrap"):
        raise SandboxUnavailableError(
            f"`suite.roots` is for jails, and the {wanted} sandbox is asked for", hint="take one of them out"
        )
    if needs_image:
        raise SandboxUnavailableError(
            "some tasks need an image, or powers of root, that no root in `suite.roots` stands in for",
            hint="take their roots out too: ratchet tasks roots; or leave those tasks out with `suite.without`",
        )
    return choose("bubblewrap", allow_unsafe=False, needs_image=False, refused=refused)


_REFUSED = "the process sandbox isolates nothing and is refused for real models"
_WHY: dict[SandboxKind, str] = {
    "docker": "containers without a network that no task asks for, with limits on memory, processes and cpu",
    "bubblewrap": "jails of their own without network, started in milliseconds",
    "process": "NO ISOLATION: commands run as this user, with its files and network",
}


def _best(*, allow_unsafe: bool, needs_image: bool, refused: Mapping[SandboxKind, str]) -> Choice:
    order: tuple[SandboxKind, ...] = ("docker",) if needs_image else ("bubblewrap", "docker", "process")
    passed_over: list[str] = []
    for kind in order:
        if kind == "process" and not allow_unsafe:
            passed_over.append(_REFUSED)
            continue
        if kind in refused:
            passed_over.append(_cannot_hold(kind, refused[kind]))
            continue
        tried = probe(kind)
        if tried.ok:
            rest = [*passed_over, *_not_asked(order, kind)]
            return Choice(kind, "; ".join([f"{kind}: {_WHY[kind]}", *rest]))
        passed_over.append(f"{kind} does not work here: {tried.reason}")
    if needs_image:
        passed_over.append("bubblewrap and process cannot run the images that some tasks need")
    said = "no sandbox works here" + (" for all tasks: " if refused else ": ") + "; ".join(passed_over)
    leave_out = "; or leave those tasks out with `suite.without`" if refused else ""
    raise SandboxUnavailableError(said, hint=f"`ratchet doctor`{leave_out}")


def _not_asked(order: tuple[SandboxKind, ...], taken: SandboxKind) -> list[str]:
    if order == ("docker",):
        return ["not bubblewrap or process: some tasks need an image"]
    if taken == "bubblewrap":
        return ["not docker: no task needs an image", "not process: it isolates nothing"]
    return ["not process: it isolates nothing"] if taken == "docker" else []


async def _try_out(kind: SandboxKind) -> str:
    sandbox = open_sandbox(kind, SandboxSpec(workdir="/probe"))
    try:
        done = await sandbox.exec(f"echo {_MARK}", timeout_s=_PROBE_S)
        if done.output.strip() != _MARK:
            return f"a first command gave {done.output.strip()[:200]!r} and status {done.exit_code}"
        graded = await sandbox.verify({"t.sh": b"#!/bin/sh\n"}, "sh $TESTS_DIR/t.sh", timeout_s=_PROBE_S, env={})
        return "" if graded.result.exit_code == 0 else f"a first grading gave {graded.result.output.strip()[:200]!r}"
    finally:
        await sandbox.close()


def run_anywhere(make: Callable[[], Coroutine[None, None, str]]) -> str:
    """Run a coroutine to its end from anywhere, also where an event loop already runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    answer: list[str | BaseException] = []

    def work() -> None:
        try:
            answer.append(asyncio.run(make()))
        except (SandboxUnavailableError, SandboxLostError) as error:
            answer.append(error)

    thread = threading.Thread(target=work, name="sandbox-probe")
    thread.start()
    thread.join()
    result = answer[0] if answer else SandboxLostError("the probe ended without an answer")
    if isinstance(result, BaseException):
        raise result
    return result
