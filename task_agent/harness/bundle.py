"""The harness bundle: a folder of files in memory, identified by its content."""

from __future__ import annotations

import hashlib
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from task_agent.harness.errors import HarnessError
from task_agent.harness.script_tool import ScriptToolSpec, parse_tool
from task_agent.harness.skill import MAIN_FILE, Skill, parse_skill
from task_agent.harness.spec import HarnessSpec, parse_spec
from traces.errors import Place

MAX_BUNDLE_BYTES = 2_000_000
MAX_FILES = 500
SPEC_PATH = "harness.yaml"
SYSTEM_PATH = "prompts/system.md"

_PART = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True)
class HarnessBundle:
    """Hold a harness: relative POSIX path -> bytes.

    Equal files are an equal bundle, wherever they were read from. Paths are safe to write below any
    folder; whether the files make a harness that works is for `validate` to say.

    Raises:
        HarnessError: A path leads outside, or the files are too many or too large.
    """

    files: Mapping[str, bytes]

    def __post_init__(self) -> None:
        ordered = {path: bytes(self.files[path]) for path in sorted(self.files)}
        for path in ordered:
            _check_path(path, ordered)
        _check_size(ordered)
        object.__setattr__(self, "files", MappingProxyType(ordered))

    def __reduce__(self) -> tuple[Any, ...]:  # Any: the pickle protocol's own shape
        return (HarnessBundle, (dict(self.files),))

    def __hash__(self) -> int:
        return hash(self.hash)

    @cached_property
    def hash(self) -> str:
        """Sha256 (hex) over every path and its bytes: the harness's identity."""
        digest = hashlib.sha256(b"ratchet harness 1\n")
        for path, content in self.files.items():
            digest.update(f"{len(path)} {len(content)} {path}\n".encode())
            digest.update(content)
        return digest.hexdigest()

    @property
    def short_hash(self) -> str:
        """The first 16 characters of the hash, for people."""
        return self.hash[:16]

    @cached_property
    def spec(self) -> HarnessSpec:
        """The parsed `harness.yaml`.

        Raises:
            HarnessError: It is missing or not valid.
        """
        return parse_spec(self._file(SPEC_PATH))

    @cached_property
    def tools(self) -> tuple[ScriptToolSpec, ...]:
        """The script tools, by name."""
        folders = _folders(self.files, "tools")
        return tuple(parse_tool(files, Path("tools") / name) for name, files in folders.items())

    @cached_property
    def skills(self) -> tuple[Skill, ...]:
        """The skills, by name."""
        folders = _folders(self.files, "skills")
        texts = {name: {path: content.decode() for path, content in files.items()} for name, files in folders.items()}
        return tuple(parse_skill(name, files.pop(MAIN_FILE), files) for name, files in texts.items())

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that have a prompt file, by name."""
        names = (
            path.removeprefix("prompts/").removesuffix(".md") for path in self.files if path.startswith("prompts/")
        )
        return tuple("main" if name == "system" else name for name in names)

    def prompt(self, role: str, *, default: str | None = None) -> str:
        """Give the text of a role's prompt file: `prompts/system.md` for `main`, else `prompts/<role>.md`.

        Raises:
            HarnessError: There is no such file and no `default`.
        """
        path = SYSTEM_PATH if role == "main" else f"prompts/{role}.md"
        if default is not None and path not in self.files:
            return default
        return self._file(path).decode()

    def _file(self, path: str) -> bytes:
        try:
            return self.files[path]
        except KeyError:
            raise HarnessError("the harness lacks this file", place=Place(Path(path))) from None


def read_folder(path: Path) -> HarnessBundle:
    """Read the files below `path` without asking whether they make a valid harness.

    Raises:
        HarnessError: There is no such folder, or it holds a link, a special file, or too much.
    """
    if not path.is_dir():
        raise HarnessError("no such harness folder", place=Place(path), hint="give a folder with a harness.yaml")
    files: dict[str, bytes] = {}
    total = 0
    for entry in sorted(path.rglob("*")):
        mode = entry.lstat().st_mode
        if stat.S_ISDIR(mode):
            continue
        if not stat.S_ISREG(mode):
            raise HarnessError("only plain files belong in a harness: no links or devices", place=Place(entry))
        total += entry.lstat().st_size
        if total > MAX_BUNDLE_BYTES or len(files) >= MAX_FILES:
            raise HarnessError(_too_large(), place=Place(path))
        files[entry.relative_to(path).as_posix()] = entry.read_bytes()
    return HarnessBundle(files)


def save_bundle(bundle: HarnessBundle, path: Path) -> None:
    """Write the bundle's files below `path`, all or nothing; the same bundle there already is fine.

    Raises:
        HarnessError: Something else is at `path`.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        if path.is_dir() and read_folder(path) == bundle:
            return
        raise HarnessError("something else is there already", place=Place(path), hint="choose a new folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    staged.chmod(0o755)
    for relative, content in bundle.files.items():
        target = staged / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        if content.startswith(b"#!"):
            target.chmod(0o755)
    staged.replace(path)


def _folders(files: Mapping[str, bytes], top: str) -> dict[str, dict[str, bytes]]:
    """Group the files of `top` by folder, with paths relative to it."""
    found: dict[str, dict[str, bytes]] = {}
    for path, content in files.items():
        parts = path.split("/", 2)
        if parts[0] == top and len(parts) > 2:
            found.setdefault(parts[1], {})[parts[2]] = content
    return found


def _check_path(path: str, files: Mapping[str, bytes]) -> None:
    parts = PurePosixPath(path).parts
    if any("/".join(parts[:end]) in files for end in range(1, len(parts))):
        raise HarnessError(f"{path!r} lies below something that is a file")
    safe = path == "/".join(parts) and all(_PART.fullmatch(part) and part.strip(".") for part in parts)
    if not safe or not parts or len(path) > 300:
        raise HarnessError(
            f"{path!r} is not a path a harness may have",
            hint="relative paths of letters, digits, `.`, `_` and `-`, without `..`",
        )


def _check_size(files: Mapping[str, bytes]) -> None:
    if len(files) > MAX_FILES or sum(len(content) for content in files.values()) > MAX_BUNDLE_BYTES:
        raise HarnessError(_too_large())


def _too_large() -> str:
    return f"a harness holds at most {MAX_FILES} files and {MAX_BUNDLE_BYTES:,} bytes"
