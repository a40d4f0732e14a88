"""Which places a kind of sandbox cannot hold, known before anything starts."""

from __future__ import annotations

from task_agent.sandbox.base import SandboxKind, SandboxSpec
from traces.errors import SandboxUnavailableError

_OURS = ("/tests", "/logs", "/harness", "/solution", "/proc", "/dev")
_HOSTS = (*_OURS, "/", "/etc", "/usr", "/bin", "/lib", "/tmp")
_ENGINES = ("/proc", "/dev", "/sys", "/tests", "/solution", "/harness")
_JAILS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/tmp", "/sys", *_OURS)
"""Places of a jail's own: read-only, made up, or another folder of the attempt."""


def refusal(kind: SandboxKind, spec: SandboxSpec) -> str:
    """Say what a place asks for that the kind cannot give; empty where it can hold it."""
    asked = {**_asked_of_engine(spec), **_workdir(kind, spec.workdir)} if kind == "docker" else _asked(kind, spec)
    return next((f"it {what}" for what, wanted in asked.items() if wanted), "")


def refuse(kind: SandboxKind, spec: SandboxSpec) -> None:
    """Refuse a place that the kind cannot hold.

    Raises:
        SandboxUnavailableError: Says what it asks for.
    """
    if said := refusal(kind, spec):
        better = "bubblewrap" if spec.root is not None else "docker"
        hint = f"use the {better} sandbox" if kind != better else "the task asks for what no kind of sandbox gives"
        raise SandboxUnavailableError(f"the {kind} sandbox cannot hold this: {said}", hint=hint)


def _asked_of_engine(spec: SandboxSpec) -> dict[str, object]:
    return {
        "has no root of a task's own": spec.root is not None,
        "grades no task with living processes or rounds apart": spec.apart and (spec.keep_processes or spec.rounds > 1),
    }


def _asked(kind: SandboxKind, spec: SandboxSpec) -> dict[str, object]:
    jail = kind == "bubblewrap"
    return {
        "has no users of an image": spec.user or spec.verifier_user,
        "has no processes kept alive": spec.keep_processes,
        "has no powers of root": spec.root_powers,
        "has no root of a task's own": not jail and spec.root is not None,
        "has no network": jail and (spec.network or spec.verifier_network),
        **_workdir(kind, spec.workdir),
    }


def _workdir(kind: SandboxKind, workdir: str) -> dict[str, object]:
    taken, closed = {"docker": (_OURS, _ENGINES), "bubblewrap": (_HOSTS, _JAILS), "process": (_HOSTS, ())}[kind]
    impossible = not workdir.startswith("/") or ".." in workdir.split("/") or workdir in taken
    inside = any(workdir.startswith(f"{place}/") for place in closed)
    return {f"cannot place a work directory at {workdir!r}": impossible or inside}
