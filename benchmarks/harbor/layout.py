"""Dockerfiles that only lay out files, which can be followed without an engine."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks.task import BARE_IMAGES


@dataclass(slots=True)
class Layout:
    """Collect what a plain Dockerfile says: base image, work directory, variables, files by absolute path."""

    image: str = ""
    workdir: str = "/"
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def below_workdir(self) -> dict[str, str] | None:
        """Give the files by path below the work directory, or None when some lie elsewhere."""
        start = self.workdir.rstrip("/") + "/"
        if not all(path.startswith(start) for path in self.files):
            return None
        return {path.removeprefix(start): source for path, source in self.files.items()}


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Give each instruction of a Dockerfile: its word in capitals, and the rest."""
    joined = re.sub(r"\\[ \t]*\n", " ", re.sub(r"(?m)^\s*#.*\n?", "", dockerfile))
    for line in joined.splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word.upper(), rest.strip()


def variables(rest: str) -> dict[str, str] | None:
    """Read what ENV sets, in either spelling; None when it cannot be read."""
    try:
        words = shlex.split(rest)
    except ValueError:
        return None
    if words and "=" not in words[0]:
        return {words[0]: " ".join(words[1:])} if len(words) > 1 else None
    return dict(word.split("=", 1) for word in words) if all("=" in word for word in words) else None


def _copied(rest: str, workdir: str, context: Mapping[str, bytes]) -> dict[str, str] | None:
    """Resolve one COPY to target -> file of the context, or None when it does more than copy."""
    words = rest.split()
    if len(words) < 2 or rest.startswith(("-", "[")) or re.search(r"[*?\"'\\\[]", rest):
        return None
    *sources, target = words
    goal = posixpath.normpath(posixpath.join(workdir, target))
    into_folder = target.endswith("/") or len(sources) > 1 or f"{workdir}/".startswith(f"{goal}/")
    found: dict[str, str] = {}
    for given in sources:
        source = posixpath.normpath(given.lstrip("/") or ".")
        if source in context:
            found[posixpath.join(goal, posixpath.basename(source)) if into_folder else goal] = source
            continue
        prefix = "" if source == "." else source + "/"
        below = [name for name in context if name.startswith(prefix)]
        if not below:
            return None
        found |= {posixpath.join(goal, name.removeprefix(prefix)): name for name in below}
    return found


def _follow(layout: Layout, word: str, rest: str, context: Mapping[str, bytes]) -> bool:
    """Apply one instruction; say whether it was plain."""
    if "$" in rest:
        return False
    if word == "FROM":
        first, layout.image = not layout.image, rest
        return first and " " not in rest
    if word == "WORKDIR":
        if not rest.startswith("/") and layout.workdir == "/" and layout.image not in BARE_IMAGES:
            return False  # it stands below the image's own, which is not known here
        layout.workdir = posixpath.normpath(posixpath.join(layout.workdir, rest))
        return True
    if word == "USER":
        return rest in ("root", "0")
    if word == "ENV":
        given = variables(rest)
        layout.env.update(given or {})
        return given is not None
    if word == "COPY":
        copied = _copied(rest, layout.workdir, context)
        layout.files.update(copied or {})
        return copied is not None
    return False


def read_layout(dockerfile: str, context: Mapping[str, bytes]) -> Layout | None:
    """Understand a Dockerfile of only FROM, WORKDIR, COPY, ENV and USER root; None for any other.

    Args:
        dockerfile: Its text.
        context: The files that COPY takes from, by path.
    """
    if ".dockerignore" in context:
        return None
    layout = Layout()
    plain = all(_follow(layout, word, rest, context) for word, rest in instructions(dockerfile))
    return layout if plain and layout.image else None
