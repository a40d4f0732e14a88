"""A container's programs and libraries put back as its image has them, for tasks whose work may change them.

Inside a container the agent could change everything, a package manager's own records too, so nothing there
tells an upgrade from a forgery. The image does: what is taken from it is what a grader would have met.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from task_agent.sandbox import mark
from task_agent.sandbox._engine import LABEL, end, engine, remove
from task_agent.sandbox._tampering import replaced

if TYPE_CHECKING:
    from docker import APIClient


def put_back(container: str, *, running: bool) -> frozenset[str]:
    """Put back what was changed as a package manager would; give the paths that are as in the image.

    Args:
        container: Where the agent worked.
        running: Let its processes live meanwhile; else they end first, so that none undoes it.
    """
    if not replaced(engine(), container) or not _runs(container):
        return frozenset()
    if not running:
        end(container)
    paths = replaced(engine(), container)
    image = str(engine().inspect_container(container)["Image"])
    labels = {mark.LABEL: mark.current(), mark.OWNER_LABEL: mark.owner(), LABEL: "1"}
    fresh = str(engine().create_container(image, entrypoint=["/bin/sh"], labels=labels)["Id"])
    try:
        done = frozenset(path for path in paths if _copied(engine(), path, fresh, container))
    finally:
        remove(fresh)
    if not running:
        engine().start(container)
    return done


def _runs(container: str) -> bool:
    return bool(engine().inspect_container(container)["State"]["Running"])


def _copied(client: APIClient, path: str, source: str, target: str) -> bool:
    """Copy one file, link or folder; False where the place for it is no folder any more."""
    from docker.errors import APIError

    chunks, _ = client.get_archive(source, path)
    try:
        return bool(client.put_archive(target, posixpath.dirname(path), chunks))
    except APIError:
        return False
