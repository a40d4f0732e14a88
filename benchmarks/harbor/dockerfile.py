"""What a Dockerfile that an engine builds says about the place it makes."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from benchmarks.harbor.layout import instructions, variables

_FROM = re.compile(r"(?im)^(\s*FROM\s+(?:--\S+\s+)*)(\S+)")
_COPIED_FROM = re.compile(r"(?im)^(\s*COPY\s+(?:--\S+\s+)*?--from=)(\S+)")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::-([^}]*))?\}|(\w+))")


def with_images(dockerfile: str, images: Mapping[str, str]) -> str:
    """Put the images that are here in the place of those named by FROM, with its ARGs' defaults, and by COPY --from."""
    given = _arguments(dockerfile)

    def mapped(found: re.Match[str]) -> str:
        name = _VARIABLE.sub(
            lambda variable: given.get(variable[1] or variable[3]) or variable[2] or variable[0], found[2]
        )
        return found[1] + images.get(name, found[2])

    return _COPIED_FROM.sub(mapped, _FROM.sub(mapped, dockerfile))


def _arguments(dockerfile: str) -> dict[str, str]:
    """Read the defaults of ARGs before the first FROM, which are the ones that FROM may use."""
    found: dict[str, str] = {}
    for word, rest in instructions(dockerfile):
        if word == "FROM":
            break
        found |= (variables(rest) or {}) if word == "ARG" and "=" in rest else {}
    return found


@dataclass(slots=True)
class _Stage:
    workdir: str | None = None
    values: dict[str, str] = field(default_factory=dict)


def final_workdir(dockerfile: str) -> str | None:
    """Follow WORKDIR through the stages to the last one; None where it hangs on what is not known here.

    That is the case where a stage stands on an image and names no absolute WORKDIR, or one with an unknown variable:
    only the image that is built can tell then.
    """
    stages: dict[str, _Stage] = {}
    stage, outer = _Stage(), dict[str, str]()
    for word, rest in instructions(dockerfile):
        if word == "FROM":
            base, _, name = (part.strip() for part in re.sub(r"--\S+\s+", "", rest).partition(" "))
            known = stages.get(base.lower(), _Stage())
            stage = _Stage(known.workdir, {**outer, **known.values})
            stages[name.removeprefix("AS ").removeprefix("as ").lower()] = stage
        elif word in ("ARG", "ENV"):
            given = (variables(rest) or {}) if word == "ENV" or "=" in rest else {}
            (stage.values if stages else outer).update(given)
        elif word == "WORKDIR":
            stage.workdir = _joined(stage, rest)
    return stage.workdir


def _joined(stage: _Stage, rest: str) -> str | None:
    def value(found: re.Match[str]) -> str:
        return stage.values.get(found[1] or found[3]) or found[2] or found[0]

    target = _VARIABLE.sub(value, rest.strip("\"'"))
    if "$" in target or (stage.workdir is None and not target.startswith("/")):
        return None
    return posixpath.normpath(posixpath.join(stage.workdir or "/", target))


class MappedContext(Mapping[str, bytes]):
    """Show a build context whose Dockerfile stands on other images."""

    def __init__(self, context: Mapping[str, bytes], images: Mapping[str, str]) -> None:
        self._context = context
        self._images = dict(images)

    def __getitem__(self, name: str) -> bytes:
        content = self._context[name]
        return with_images(content.decode(), self._images).encode() if name == "Dockerfile" else content

    def __iter__(self) -> Iterator[str]:
        return iter(self._context)

    def __len__(self) -> int:
        return len(self._context)

    def __contains__(self, name: object) -> bool:
        return name in self._context
