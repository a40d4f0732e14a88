"""Knowledge a harness holds ready: one line is always in view, the text is read on demand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

MAIN_FILE = "SKILL.md"
"""The file of a skill that is read first."""

_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n?", re.DOTALL)
_DESCRIPTION = re.compile(r"^description:\s*(.+?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Skill:
    """Hold one skill: its folder's name, the line shown first, its whole text, and its further files by path."""

    name: str
    summary: str
    text: str
    files: Mapping[str, str] = field(default_factory=dict)


def parse_skill(name: str, text: str, files: Mapping[str, str] | None = None) -> Skill:
    """Take the `description` of the front matter as the summary, else the first line of the text."""
    front = _FRONT_MATTER.match(text)
    described = _DESCRIPTION.search(front.group(1)) if front else None
    body = text[front.end() :] if front else text
    first = next((line.strip().lstrip("#").strip() for line in body.splitlines() if line.strip("# \t")), "")
    return Skill(name, described.group(1).strip("\"'") if described else first, text, files or {})
