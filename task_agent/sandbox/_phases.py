"""What is done to a container from outside between an agent's phase and a grading, and back."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import TYPE_CHECKING

from task_agent.errors import SandboxLostError
from task_agent.sandbox._tar import below, pack, parents
from task_agent.sandbox._work import carry
from task_agent.sandbox.base import SandboxSpec

if TYPE_CHECKING:
    from docker import APIClient


KEEPER = 65_533
"""Owns the tests: nobody else, not even a root without capabilities, can change them then."""
_SLACK = 2


def lay_tests(engine: APIClient, container: str, tests: Mapping[str, bytes]) -> None:
    """Put the tests in place, for everybody to read and for nobody to write."""
    named = below("/tests", tests)
    folders = parents([*named, "tests/."])
    engine.put_archive(container, "/", pack(named, owner=KEEPER, folders=folders, read_only=True))


def hand_over(engine: APIClient, ended: str, grader: str, spec: SandboxSpec) -> bool:
    """Copy the work directory of a container that has ended; False when it is too large to be graded."""
    from docker.errors import NotFound

    try:
        chunks, _ = engine.get_archive(ended, spec.workdir)
    except NotFound:
        return True
    work = carry(chunks, spec.workdir, spec.disk_mb * 1024 * 1024 * _SLACK)
    with work.tar:
        if work.whole:
            engine.put_archive(grader, posixpath.dirname(spec.workdir), work.tar)
    return work.whole


def begin_grading(engine: APIClient, container: str, spec: SandboxSpec) -> None:
    """End what runs as a user of its own, and give the verifier its own network."""
    if spec.user is not None and not spec.keep_processes:
        _as_user(engine, container, "kill -9 -1", spec.user)
    if spec.verifier_network is not None:
        _switch_network(engine, container, now=spec.verifier_network)


def end_round(engine: APIClient, container: str, spec: SandboxSpec) -> None:
    """Take away what the grading needed, and give the agent its own network again."""
    if spec.verifier_user is not None:
        _as_user(engine, container, "kill -9 -1", spec.verifier_user)
        _as_user(engine, container, "rm -rf /logs/verifier/*", spec.verifier_user)
    _as_user(engine, container, "chmod -R u+w /tests && rm -rf /tests/*", str(KEEPER))
    _as_user(engine, container, "rm -rf /logs/verifier /tests", "")
    if spec.verifier_network is not None:
        _switch_network(engine, container, now=spec.network)


def give_logs(engine: APIClient, container: str, uid: int) -> None:
    """Make the verifier's user the owner of the folder that its reward goes into."""
    engine.put_archive(container, "/", pack({}, owner=uid, folders=["logs/verifier"]))


def uid_in(passwd: bytes, user: str) -> int:
    """Find the number of a user, given by name or number.

    Raises:
        SandboxLostError: There is no such user.
    """
    known = {fields[0]: fields[2] for line in passwd.decode().splitlines() if len(fields := line.split(":")) > 2}
    found = user if user.isdigit() else known.get(user, "")
    if not found.isdigit():
        raise SandboxLostError(f"the image has no user {user!r}")
    return int(found)


def _as_user(engine: APIClient, container: str, command: str, user: str) -> None:
    made = engine.exec_create(container, ["/bin/sh", "-c", command], user=user, workdir="/")
    engine.exec_start(made["Id"])


def _switch_network(engine: APIClient, container: str, *, now: bool) -> None:
    """Let the container out, or cut it off."""
    joined = engine.inspect_container(container)["NetworkSettings"]["Networks"]
    wanted = "bridge" if now else "none"
    if wanted not in joined:
        for name in joined:
            engine.disconnect_container_from_network(container, name, force=True)
        engine.connect_container_to_network(container, wanted)
