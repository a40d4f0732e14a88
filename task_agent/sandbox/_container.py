"""One container: its making, its files, its shells and its end. Every call here blocks.

The container's first process is a shell that waits for input that never comes, instead of the engine's
init: by ignoring SIGCHLD it lets the kernel collect orphans, it never needs to fork, and as process 1
it cannot be killed from inside, so `kill -9 -1` ends everything an agent left but not the container.
"""

from __future__ import annotations

import functools
import json
import os
import posixpath
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from task_agent.errors import SandboxLostError
from task_agent.sandbox import _images, _phases, mark
from task_agent.sandbox._binding import Bound, bound
from task_agent.sandbox._engine import LABEL, ended_from_outside, engine, engine_cpus, remove
from task_agent.sandbox._frames import SocketLink
from task_agent.sandbox._shown import packed
from task_agent.sandbox._tar import below, pack, parents, unpack, unpack_all
from task_agent.sandbox.base import LOG_LIMIT_BYTES, SandboxSpec
from task_agent.sandbox.shell import Shell, ShellSetup
from traces.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from docker.types import Mount

DEFAULT_IMAGE = "ratchet-base:bookworm"
IMAGE_VARIABLE = "RATCHET_DOCKER_IMAGE"
Config: TypeAlias = Mapping[str, Any]  # Any: the engine's own JSON
_REWARDS = ("reward.json", "reward.txt")
_NOT_FOUND = 404
_CONFLICT = 409
_GO_NOT_REGULAR = 0x8F280000
_UP = "/dev/shm/.ratchet-up"
_FIRST = 'trap "" CHLD; while :; do read -r _ || sleep 60; done'
_FIRST_AFTER_ENTRYPOINT = f"[ $$ = 1 ] && : > {_UP}; {_FIRST}"
_ENTRY_S = 60.0
_ENTRY_LOOK_S = 0.05
_SHELL = "if command -v bash >/dev/null; then exec bash --noprofile --norc /dev/stdin; else exec sh /dev/stdin; fi"


@dataclass(frozen=True, slots=True)
class Box:
    """Name a running container, its place as the image has it, the uid its commands have, and what it binds here."""

    container: str
    spec: SandboxSpec
    owner: int
    bound: Bound | None = None

    def remove(self) -> None:
        """Take the container away, and then what it bound."""
        remove(self.container)
        if self.bound is not None:
            self.bound.remove()


class Attached:
    """Hold one exec'd shell: its id at the engine, its socket, and the conversation with it."""

    def __init__(self, exec_id: str, connection: socket.socket, workdir: str) -> None:
        self.exec_id = exec_id
        self.link = SocketLink(connection)
        self.shell = Shell(self.link, ShellSetup((), {}, workdir, respawns=False))


def bring_up(spec: SandboxSpec, *, emptied: bool = False) -> Box:
    """Create and start the container and put the task's files into it.

    Args:
        spec: What it is made of.
        emptied: Hide what the image has in the work directory: what an agent deleted of it must not be there again.

    Raises:
        SandboxUnavailableError: The image is not on this machine.
    """
    from docker.errors import ImageNotFound

    image = _image_of(spec)
    try:
        config = _config_of(image)
        spec = _as_image_has_it(spec, config)
        box = _created(spec, image, _owner_of(config), emptied=emptied)
    except ImageNotFound:
        hint = f"`docker pull` it, or name another in {IMAGE_VARIABLE}"
        raise SandboxUnavailableError(f"the image {image!r} is not on this machine", hint=hint) from None
    try:
        _lay_out(box)
        _start(box, image, config.get("Entrypoint") or [])
    except BaseException:
        box.remove()
        raise
    return box


def _as_image_has_it(spec: SandboxSpec, config: Config) -> SandboxSpec:
    """Place the work where the image says, if the task does not."""
    return replace(spec, workdir=config.get("WorkingDir") or "/", image_workdir=False) if spec.image_workdir else spec


def _lay_out(box: Box) -> None:
    """Put the task's files and the folders of logs into a container that was made; links that lead to them stay."""
    spec, container = box.spec, box.container
    worker = box.owner if spec.user is None else uid_of(container, spec.user)
    if worker and spec.build_context is None and spec.workdir != "/":
        parent, name = posixpath.split(spec.workdir)
        engine().put_archive(container, parent, pack({}, owner=worker, folders=[name]))
    if spec.files:
        named = below("", spec.files)
        engine().put_archive(container, spec.workdir, pack(named, owner=worker, folders=parents(named)))
    logs = ["logs", "logs/agent", "logs/artifacts"]
    engine().put_archive(container, "/", pack({}, owner=worker, folders=logs))
    if worker != box.owner:
        engine().put_archive(container, "/", pack({}, owner=box.owner, folders=["logs"]))
    if spec.shown and box.bound is None:
        with packed(spec.shown, _phases.KEEPER) as tar:
            engine().put_archive(container, "/", tar)


def _created(spec: SandboxSpec, image: str, owner: int, *, emptied: bool) -> Box:
    from docker.types import Mount

    shown = bound(spec.shown, image)
    empty = [Mount(spec.workdir, None, no_copy=True)] if emptied else []
    try:
        return Box(_create(spec, image, [*(shown.mounts() if shown else ()), *empty]), spec, owner, shown)
    except BaseException:
        if shown is not None:
            shown.remove()
        raise


def bring_up_grader(spec: SandboxSpec) -> Box:
    """Create and start a container of the same image, without the task's files and with a folder for rewards."""
    network = spec.network if spec.verifier_network is None else spec.verifier_network
    box = bring_up(replace(spec, files={}, shown={}, user=None, network=network), emptied=True)
    make_folder(box, "logs/verifier")
    return box


def _start(box: Box, image: str, entrypoint: Sequence[str]) -> None:
    from docker.errors import APIError

    try:
        engine().start(box.container)
    except APIError as error:
        if "/bin/sh" in str(error.explanation):
            raise SandboxLostError(f"the image {image!r} has no /bin/sh, and without one nothing can run") from error
        raise
    if entrypoint and not _handed_on(box.container):
        raise SandboxLostError(
            f"the image's ENTRYPOINT {json.dumps(list(entrypoint))} did not hand on to the command it was given:"
            ' let it end with `exec "$@"`, or write `ENTRYPOINT []` in a Dockerfile that stands on the image'
        )


def _handed_on(container: str) -> bool:
    """Wait until an image's own entrypoint has given its place to our first process."""
    end = time.monotonic() + _ENTRY_S
    while time.monotonic() < end and engine().inspect_container(container)["State"]["Running"]:
        if _took_over(container):
            return True
        time.sleep(_ENTRY_LOOK_S)
    return False


def _took_over(container: str) -> bool:
    from docker.errors import APIError

    try:
        made = engine().exec_create(container, ["/bin/sh", "-c", f"rm {_UP}"], workdir="/")
        engine().exec_start(made["Id"])
    except APIError as error:
        if error.status_code != _CONFLICT:  # it has just ended
            raise
        return False
    return bool(engine().exec_inspect(made["Id"])["ExitCode"] == 0)


_ROOT_POWERS = (
    *("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL"),
    *("NET_BIND_SERVICE", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
)
"""What the engine gives root by itself, without raw sockets, device files and the audit log."""


def _create(spec: SandboxSpec, image: str, mounts: Sequence[Mount]) -> str:
    """Make the container; an image's own entrypoint is given our first process as its command."""
    from docker.types import LogConfig, Ulimit

    memory, file_bytes = spec.memory_mb * 1024 * 1024, spec.disk_mb * 1024 * 1024
    host = engine().create_host_config(
        network_mode="bridge" if spec.network else "none",
        cap_drop=["ALL"],
        cap_add=list(_ROOT_POWERS) if spec.root_powers else None,
        security_opt=["no-new-privileges"],
        mem_limit=memory,
        memswap_limit=memory,
        nano_cpus=int(min(spec.cpus, engine_cpus()) * 1_000_000_000),
        pids_limit=spec.pids,
        ulimits=[Ulimit(name="core", soft=0, hard=0), Ulimit(name="fsize", soft=file_bytes, hard=file_bytes)],
        log_config=LogConfig(type="none"),
        mounts=list(mounts) or None,
    )
    made = engine().create_container(
        image,
        entrypoint=None if _config_of(image).get("Entrypoint") else ["/bin/sh", "-c", _FIRST],
        command=["/bin/sh", "-c", _FIRST_AFTER_ENTRYPOINT] if _config_of(image).get("Entrypoint") else [],
        stdin_open=True,
        environment=dict(spec.env),
        working_dir=spec.workdir,
        hostname="sandbox",
        labels={mark.LABEL: mark.current(), mark.OWNER_LABEL: mark.owner(), **spec.labels, LABEL: "1"},
        host_config=host,
    )
    return str(made["Id"])


def _image_of(spec: SandboxSpec) -> str:
    if spec.build_context is not None and not (spec.image and _images.is_here(engine(), spec.image)):
        return _images.built(engine(), spec.build_context, spec.build_timeout_s)
    return spec.image or os.environ.get(IMAGE_VARIABLE) or DEFAULT_IMAGE


def absent_images(images: Iterable[str | None]) -> list[str]:
    """List those of the images (None is the default one) that this machine does not have; none is pulled."""
    names = {image or os.environ.get(IMAGE_VARIABLE) or DEFAULT_IMAGE for image in images}
    return sorted(name for name in names if not _images.is_here(engine(), name))


def uid_of(container: str, user: str) -> int:
    """Find the number of a user that the image knows, maybe by name."""
    name = user.partition(":")[0]
    passwd = b"" if name.isdigit() else read_file(container, "/etc/passwd", LOG_LIMIT_BYTES)
    return _phases.uid_in(passwd, name)


@functools.cache
def _config_of(image: str) -> Config:
    """Give what an image says of its containers."""
    config: Config = _images.inspect(engine(), image)["Config"]
    return config


def _owner_of(config: Config) -> int:
    """Find the uid that commands have: what the image says, a name being taken for root."""
    user = str(config.get("User") or "0").partition(":")[0]
    return int(user) if user.isdigit() else 0


def attach(box: Box, workdir: str, env: Mapping[str, str], before: str, user: str) -> Attached:
    """Start a shell in the container and take over its socket."""
    made = engine().exec_create(
        box.container, ["/bin/sh", "-c", before + _SHELL], user=user, stdin=True, environment=dict(env), workdir="/"
    )
    stream = engine().exec_start(made["Id"], socket=True)
    return Attached(made["Id"], _taken_over(stream), workdir)


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


def kill_all(box: Box) -> None:
    """Kill every process of the container but the first."""
    from docker.errors import APIError

    made = engine().exec_create(box.container, ["/bin/sh", "-c", "kill -9 -1"], workdir="/")
    try:
        engine().exec_start(made["Id"])
    except APIError:
        restart(box)
        return
    if engine().exec_inspect(made["Id"])["ExitCode"] != 0:
        restart(box)


def restart(box: Box) -> None:
    """End everything in the container from outside and start it again with its files.

    Raises:
        SandboxLostError: The container had already ended.
    """
    if not engine().inspect_container(box.container)["State"]["Running"]:
        raise ended_from_outside(box.container)
    engine().restart(box.container, timeout=0)


def own_end(box: Box, shell: Attached) -> int:
    """Tell a shell that ended itself from a container that was ended from outside."""
    if not engine().inspect_container(box.container)["State"]["Running"]:
        raise ended_from_outside(box.container)
    code = engine().exec_inspect(shell.exec_id)["ExitCode"]
    if not shell.shell.ready:
        raise SandboxLostError(f"the container's shell did not start: {shell.shell.complaint or code}")
    return int(code) if code is not None else 137


def put(box: Box, files: Mapping[str, bytes], folder: str) -> None:
    """Write files below a folder, as the container's user; a folder that is there, maybe by a link, stays."""
    named = below("", files)
    _into(box, folder, pack(named, owner=box.owner, folders=parents(named)))


def _into(box: Box, folder: str, tar: bytes) -> None:
    """Unpack in a folder, which is made where it is not there."""
    from docker.errors import APIError

    try:
        engine().put_archive(box.container, folder, tar)
    except APIError:  # it is not there, or no folder
        parent, name = posixpath.split(folder.rstrip("/"))
        if not name:
            raise
        _into(box, parent, pack({}, owner=box.owner, folders=[name]))
        engine().put_archive(box.container, folder, tar)


def make_folder(box: Box, name: str) -> None:
    """Make a folder that belongs to the container's user."""
    engine().put_archive(box.container, "/", pack({}, owner=box.owner, folders=[name]))


def read_file(container: str, path: str, limit_bytes: int) -> bytes:
    """Read one regular file."""
    from docker.errors import APIError

    try:
        chunks, stat = engine().get_archive(container, path)
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


def read_folder(container: str, path: str, limit_bytes: int, limit_files: int) -> dict[str, bytes]:
    """Read every file below a folder."""
    from docker.errors import APIError

    try:
        chunks, _ = engine().get_archive(container, path)
    except APIError as error:
        if error.status_code == _NOT_FOUND or "too many links" in str(error.explanation):
            raise FileNotFoundError(f"no folder at {path!r}") from None
        raise
    return unpack_all(chunks, limit_bytes, limit_files)


def read_logs(box: Box, folder: str) -> dict[str, bytes]:
    """Read the regular files below a folder, those with the reward even when the folder is too large."""
    from docker.errors import NotFound

    try:
        chunks, _ = engine().get_archive(box.container, folder)
    except NotFound:
        return {}
    read = unpack(chunks, LOG_LIMIT_BYTES)
    for name in () if read.whole else _REWARDS:
        try:
            read.files[name] = read_file(box.container, f"{folder}/{name}", LOG_LIMIT_BYTES)
        except (FileNotFoundError, ValueError):
            continue
    return read.files
