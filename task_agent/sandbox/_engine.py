"""The engine and how it is called: one client for each process, its blocking calls in a few threads.

Starts and removals wait for threads of their own, so that a queue of them delays no command of an
attempt that already runs. The engine itself gains nothing from more starts at once than cores allow.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from task_agent.errors import EngineLostError, SandboxLostError
from task_agent.sandbox import mark
from traces.errors import SandboxUnavailableError

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")
P = ParamSpec("P")

LABEL = "ratchet.sandbox"
_LIGHT_AT_ONCE = 8
_STARTS_PER_CORE = 2
_CALL_S = 120
_GOING_S = 5.0
_EVENTS_S = 600
_LOOK_S = 0.1
_CONFLICT = 409


@functools.cache
def engine() -> APIClient:
    """Give this process's one client.

    Raises:
        SandboxUnavailableError: No engine answers.
    """
    import docker
    from docker.errors import DockerException

    try:
        return docker.from_env(timeout=_CALL_S, max_pool_size=4 * _LIGHT_AT_ONCE).api
    except DockerException as error:
        said = f"no Docker engine answers here: {error}"
        raise SandboxUnavailableError(said, hint="start one, or use bubblewrap") from None


@functools.cache
def engine_cpus() -> float:
    """Give the number of CPUs that the engine has; it refuses a container that asks for more."""
    return float(engine().info()["NCPU"])


def call(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Run a blocking piece of work in a thread, and turn the engine's errors into ours."""
    return _submit(_light(), functools.partial(_translated, work, *args, **kwargs))


def call_heavy(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
    """Do the same for a start or a removal, of which only a few run at once."""
    return _submit(_heavy(), functools.partial(_translated, work, *args, **kwargs))


def _submit(pool: ThreadPoolExecutor, work: Callable[[], T]) -> asyncio.Future[T]:
    return asyncio.get_running_loop().run_in_executor(pool, work)


@functools.cache
def _light() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_LIGHT_AT_ONCE, thread_name_prefix="docker")


@functools.cache
def _heavy() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_STARTS_PER_CORE * (os.cpu_count() or 1), thread_name_prefix="docker-start")


def _translated(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    from docker.errors import APIError, DockerException
    from requests.exceptions import ConnectionError, RequestException, Timeout
    from urllib3.exceptions import ReadTimeoutError

    try:
        return work(*args, **kwargs)
    except APIError as error:
        raise SandboxLostError(f"the Docker engine refused: {error.explanation or error}") from error
    except ConnectionError as error:
        silent = isinstance(error, Timeout) or any(isinstance(cause, ReadTimeoutError) for cause in error.args)
        kind, said = (SandboxLostError, "did not answer") if silent else (EngineLostError, "is gone")
        raise kind(f"the Docker engine {said}: {error}") from error
    except (DockerException, RequestException) as error:
        raise SandboxLostError(f"the Docker engine did not answer: {error}") from error


def ended_from_outside(container: str) -> SandboxLostError:
    """Say why a container ended that nothing inside could end: its engine went down, or somebody ended it.

    An engine that goes down ends its containers first and itself a moment later; one that came up again
    knows of no end of this container.
    """
    from requests.exceptions import RequestException

    try:
        if not _saw_the_end_of(container):
            return EngineLostError("the Docker engine was restarted, and the container ended with it")
        end = time.monotonic() + _GOING_S
        while time.monotonic() < end:
            engine().ping()
            time.sleep(_LOOK_S)
        out_of_memory = engine().inspect_container(container)["State"]["OOMKilled"]
    except RequestException:
        return EngineLostError("the Docker engine went down, and the container with it")
    why = "its memory was used up" if out_of_memory else "somebody ended it from outside"
    return SandboxLostError(f"the container ended: {why}")


def _saw_the_end_of(container: str) -> bool:
    """Say whether the engine, since it is up, has seen the container end; it forgets with its own end."""
    now = int(time.time())
    seen = engine().events(since=now - _EVENTS_S, until=now + 1, filters={"container": container, "event": "die"})
    return any(seen)


def reap(labels: Mapping[str, str]) -> int:
    """Remove the containers that carry our label and all of `labels`; gives their number."""
    wanted = [f"{LABEL}=1", *(f"{name}={value}" for name, value in labels.items())]
    found = engine().containers(all=True, filters={"label": wanted})
    for entry in found:
        remove(entry["Id"])
    return len(found)


def reap_orphans() -> int:
    """Remove our containers whose maker is gone; gives their number."""
    found = engine().containers(all=True, filters={"label": f"{LABEL}=1"})
    orphans = [entry["Id"] for entry in found if mark.is_orphaned(entry["Labels"].get(mark.OWNER_LABEL, ""))]
    for container in orphans:
        remove(container)
    return len(orphans)


def end(container: str) -> None:
    """End everything in a container at once, from outside; its files stay."""
    from docker.errors import APIError

    try:
        engine().kill(container)
    except APIError as error:
        if error.status_code != _CONFLICT:
            raise


def remove(container: str) -> None:
    """Remove a container, whatever its state."""
    from docker.errors import APIError, NotFound

    try:
        engine().remove_container(container, force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != _CONFLICT:
            raise
