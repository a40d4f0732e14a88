"""Dockerfile syntax that only BuildKit understands, found before an image is built without it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FLAG = re.compile(
    r"(?i)^\s*(?:(RUN)\s+(?:--\S+\s+)*(--(?:mount|network|security)\b)"
    r"|(COPY|ADD)\s+(?:--\S+\s+)*(--(?:chmod|link|parents|exclude|checksum|keep-git-dir|unpack)\b))"
)
_HERE = re.compile(r"(?i)^\s*(RUN|COPY|ADD)\s+(?:--\S+\s+)*(?:[^#'\"]*\s)?(<<-?['\"]?[A-Za-z_]\w*['\"]?)")


@dataclass(frozen=True, slots=True)
class BuildKitSyntax:
    """Name the line of a Dockerfile, and say what of it needs BuildKit."""

    line: int
    why: str


def needs_buildkit(dockerfile: str) -> BuildKitSyntax | None:
    """Find the first line that only BuildKit understands; images are built here by the engine's own builder."""
    goes_on = False
    for number, line in enumerate(dockerfile.splitlines(), 1):
        found = None if goes_on or line.lstrip().startswith("#") else _syntax(line)
        if found:
            return BuildKitSyntax(number, f"`{found}` needs BuildKit, which images are not built with here; {_MEND}")
        goes_on = line.rstrip().endswith("\\") or (goes_on and line.lstrip().startswith("#"))
    return None


_MEND = "write it without, or build the image yourself and name it as `environment.docker_image`"


def _syntax(line: str) -> str:
    flag, here = _FLAG.match(line), _HERE.match(line)
    if flag:
        return " ".join(part for part in flag.groups() if part)
    if here and not (here[1].upper() == "RUN" and _in_shell(line, here.start(2))):
        return f"{here[1]} {here[2]}"
    return ""


def _in_shell(line: str, place: int) -> bool:
    """Say whether a here-document is the shell's own, ended on lines that a backslash joins."""
    return line.rstrip().endswith("\\") and line[:place].strip().upper() != "RUN"
