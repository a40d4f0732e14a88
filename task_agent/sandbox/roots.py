"""Root file systems taken out of images: with one, a task that needs an image runs in a jail, without an engine.

A folder of roots holds one folder for each image: `root.json` (which image, its environment) and `files/`, the root.
"""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from task_agent.sandbox._images import built, context_digest, inspect, is_here
from task_agent.sandbox.base import SandboxSpec
from traces.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from docker import APIClient

RECORD = "root.json"
FILES = "files"


@dataclass(frozen=True, slots=True)
class Root:
    """Name one root: its folder of files, and the id, environment and work directory of the image it came from."""

    files: Path
    image_id: str
    env: Mapping[str, str]
    workdir: str = ""


def keys_of(spec: SandboxSpec) -> list[str]:
    """Name the folders that a place's root may have: by its image, or by its Dockerfile's folder."""
    keys = [f"image-{re.sub(r'[^A-Za-z0-9.-]+', '-', spec.image)}"] if spec.image else []
    return [*keys, f"build-{context_digest(spec.build_context)}"] if spec.build_context is not None else keys


def find_root(roots: Path, spec: SandboxSpec) -> Root | None:
    """Find the root of a place in a folder of roots; None where it is not there, or no image is needed.

    Raises:
        UsageError: What is there is no root.
    """
    for key in keys_of(spec):
        record = roots / key / RECORD
        if record.is_file():
            return _read(record)
    return None


def stand_on(spec: SandboxSpec, root: Root) -> SandboxSpec:
    """Let a place stand on a root instead of its image; the task's own environment goes before the image's."""
    workdir = root.workdir or spec.workdir if spec.image_workdir else spec.workdir
    bare = replace(spec, image=None, build_context=None, workdir=workdir)
    return replace(bare, root=str(root.files), env={**root.env, **spec.env})


def take_out(engine: APIClient, spec: SandboxSpec, roots: Path) -> Path:
    """Take the root of a place's image out of the engine, building the image where there is none; give its folder.

    What is there already is left as it is. Devices are left out.

    Raises:
        NotFoundError: The image is not here and nothing says how to build it.
        SandboxLostError: It does not build.
    """
    image, key = _image(engine, spec)
    target = roots / key
    if (target / RECORD).is_file():
        return target
    roots.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{key[:40]}-", dir=roots))
    try:
        _export(engine, image, draft / FILES)
        (draft / RECORD).write_text(json.dumps(_record(engine, image), indent=1) + "\n", encoding="utf-8")
        draft.chmod(0o755)
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return target


def _image(engine: APIClient, spec: SandboxSpec) -> tuple[str, str]:
    """Give the image to take the root from, and the root's key."""
    keys = keys_of(spec)
    if spec.image is not None and is_here(engine, spec.image):
        return spec.image, keys[0]
    if spec.build_context is None:
        raise NotFoundError("image", str(spec.image), hint="images are never pulled: load it or build it first")
    return built(engine, spec.build_context, spec.build_timeout_s), keys[-1]


def _export(engine: APIClient, image: str, files: Path) -> None:
    container = engine.create_container(image, command=["true"], entrypoint=[])["Id"]
    try:
        stream = cast("Any", _Chunks(engine.export(container)))  # a reader, as far as tarfile reads
        with tarfile.open(fileobj=stream, mode="r|") as tar:
            tar.extractall(files, members=(member for member in tar if not member.isdev()), filter="tar")
    finally:
        engine.remove_container(container, force=True)


class _Chunks:
    """Read the chunks of an answer as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = iter(chunks)
        self._left = b""

    def read(self, size: int) -> bytes:
        """Give up to `size` bytes; none only at the end."""
        while len(self._left) < size and (more := next(self._chunks, None)) is not None:
            self._left += more
        found, self._left = self._left[:size], self._left[size:]
        return found


def _record(engine: APIClient, image: str) -> Mapping[str, object]:
    known = inspect(engine, image)
    env = dict(pair.partition("=")[::2] for pair in known["Config"].get("Env") or [])
    return {"image": image, "id": known["Id"], "env": env, "workdir": known["Config"].get("WorkingDir") or ""}


def _read(record: Path) -> Root:
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        root = Root(
            (record.parent / FILES).resolve(), str(known["id"]), dict(known["env"]), str(known.get("workdir", ""))
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{record} describes no root", hint="take it out anew: ratchet tasks roots") from None
    if not (root.files / "bin").exists():
        raise UsageError(f"{root.files} is no root: it has no /bin", hint="take it out anew: ratchet tasks roots")
    return root
