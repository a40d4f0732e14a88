"""Images at the engine: is one here, and the building of a Dockerfile's folder, once for each content."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from task_agent.errors import SandboxLostError
from task_agent.sandbox._tar import pack, parents
from task_agent.sandbox.base import Program
from task_agent.sandbox.buildkit import needs_buildkit

if TYPE_CHECKING:
    from docker import APIClient

TAG = "ratchet-build"
_building = threading.Lock()


def inspect(engine: APIClient, image: str) -> dict[str, Any]:  # the engine's own JSON
    """Give what the engine knows of an image that is here."""
    answer: dict[str, Any] = engine.inspect_image(image)  # type: ignore[no-untyped-call]
    return answer


def is_here(engine: APIClient, image: str) -> bool:
    """Say whether the engine has the image; none is pulled."""
    from docker.errors import ImageNotFound

    try:
        inspect(engine, image)
    except ImageNotFound:
        return False
    return True


def context_digest(context: Mapping[str, bytes]) -> str:
    """Give the name of what a Dockerfile's folder holds."""
    digest = hashlib.sha256()
    for name, data in sorted(context.items()):
        mark = "x " if isinstance(data, Program) else ""
        digest.update(f"{len(name)} {name} {len(data)} {mark}".encode() + data)
    return digest.hexdigest()[:24]


def built(engine: APIClient, context: Mapping[str, bytes], timeout_s: float) -> str:
    """Build the image of a Dockerfile's folder unless one of the same content is there; give its name.

    Raises:
        SandboxLostError: It does not build, or not in time.
    """
    tag = f"{TAG}:{context_digest(context)}"
    with _building:
        if not is_here(engine, tag):
            _check_syntax(context)
            said = _build(engine, io.BytesIO(pack(context, folders=parents(context))), tag, timeout_s)
            if not is_here(engine, tag):
                last = next((str(line["error"]) for line in reversed(said) if "error" in line), "no reason given")
                raise SandboxLostError(f"the image did not build: {last}")
    return tag


def _check_syntax(context: Mapping[str, bytes]) -> None:
    found = needs_buildkit(context["Dockerfile"].decode(errors="replace")) if "Dockerfile" in context else None
    if found is not None:
        raise SandboxLostError(f"the image did not build: line {found.line} of its Dockerfile: {found.why}")


def _build(engine: APIClient, context: io.BytesIO, tag: str, timeout_s: float) -> list[dict[str, Any]]:  # Any: JSON
    """Give what the engine says while it builds; to leave its answer unread ends the build."""
    from requests.exceptions import ConnectionError, ReadTimeout
    from urllib3.exceptions import ReadTimeoutError

    said: list[dict[str, Any]] = []
    end = time.monotonic() + timeout_s
    silence_s = max(1, int(timeout_s))
    lines = engine.build(
        fileobj=context, custom_context=True, tag=tag, rm=True, forcerm=True, decode=True, timeout=silence_s
    )
    try:
        for line in lines:
            said.append(line)
            if time.monotonic() > end:
                raise ReadTimeout
    except (ReadTimeout, ReadTimeoutError, ConnectionError):
        lines.close()
        raise SandboxLostError(f"the image did not build in {timeout_s:.0f} s") from None
    return said
