"""What containers are shown of this machine: bound read-only where its files are the engine's too, else packed."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from task_agent.sandbox import mark
from task_agent.sandbox._engine import LABEL, engine, remove
from task_agent.sandbox._folder import SHOWN, AttemptFolder

if TYPE_CHECKING:
    from docker.types import Mount

_LOOK_S = 30
_NOT_FOUND = 404
_PLACE = "/shown"


class Bound:
    """Lay files out in a folder of their own, by links where the disk allows, for a container to bind.

    A run's segments may be among the files themselves: nothing in a container can write through the binding.
    """

    def __init__(self, shown: Mapping[str, Path]) -> None:
        self._shown = tuple(shown)
        self._folder = AttemptFolder("/app")
        self._folder.show(shown)

    def mounts(self) -> list[Mount]:
        """Name what the container binds."""
        from docker.types import Mount

        places = ((inside, f"{self._folder.path}/{SHOWN}/{number}") for number, inside in enumerate(self._shown))
        return [Mount(inside, source, type="bind", read_only=True) for inside, source in places]

    def remove(self) -> None:
        """Take the folder away, once the container is gone."""
        self._folder.remove()


def bound(shown: Mapping[str, Path], image: str) -> Bound | None:
    """Lay out what is shown, unless there is nothing or the engine cannot bind it."""
    return Bound(shown) if shown and binds(image) else None


@functools.cache
def binds(image: str) -> bool:
    """Say whether a container reads a file of this machine through a binding, and cannot write it: tried out once.

    The engine may be on another machine, see other folders, or be forbidden to share these.
    """
    folder = AttemptFolder("/app")
    word = secrets.token_hex(16)
    try:
        folder.write("/app", {"word": word.encode()})
        word_file = Bound({_PLACE: Path(folder.host("/app/word"))})
        try:
            return _reads(image, word_file, word)
        finally:
            word_file.remove()
    finally:
        folder.remove()


def _reads(image: str, word_file: Bound, word: str) -> bool:
    from docker.errors import APIError

    host = engine().create_host_config(network_mode="none", cap_drop=["ALL"], mounts=word_file.mounts())
    look = f'[ "$(cat {_PLACE})" = {word} ] && ! (: >> {_PLACE}) 2>/dev/null'
    labels = {mark.LABEL: mark.current(), mark.OWNER_LABEL: mark.owner(), LABEL: "1"}
    try:
        made = engine().create_container(image, entrypoint=["/bin/sh", "-c", look], labels=labels, host_config=host)
    except APIError as error:
        if error.status_code == _NOT_FOUND:
            raise
        return False
    try:
        engine().start(made["Id"])
        return bool(engine().wait(made["Id"], timeout=_LOOK_S)["StatusCode"] == 0)
    except APIError:
        return False
    finally:
        remove(made["Id"])
