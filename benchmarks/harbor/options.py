"""What a run file says about tasks in Harbor's format beyond where they are."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Chosen: TypeAlias = bool | frozenset[str]
"""All tasks, none, or those of these names; `*` stands for anything."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Say how tasks are read; the defaults read them as they are.

    `images` maps names after FROM, and of `docker_image`, to images that are here. `host` holds the
    variables of this machine that `${NAME}` may take. `default_network` is for tasks that do not say;
    `offline` overrules what they do say. `keep_processes`, `system_changes` and `apart` are for all tasks,
    or for those named; `user` and `verifier_user` for tasks that name none.
    """

    images: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, str] = field(default_factory=dict)
    keep_processes: Chosen = False
    reward_key: str | None = None
    default_network: bool = False
    root_powers: bool = False
    system_changes: Chosen = False
    apart: Chosen = False
    user: str | None = None
    verifier_user: str | None = None
    offline: bool = False

    def keeps(self, name: str) -> bool:
        """Say whether the task of that name is graded with its processes alive."""
        return _is_among(name, self.keep_processes)

    def changes_system(self, name: str) -> bool:
        """Say whether the task of that name may change what graders run."""
        return _is_among(name, self.system_changes)

    def wants_apart(self, name: str) -> bool:
        """Say whether the task of that name is graded apart, unless it is one of the two above."""
        return _is_among(name, self.apart) and not self.keeps(name) and not self.changes_system(name)


def _is_among(name: str, chosen: Chosen) -> bool:
    if isinstance(chosen, bool):
        return chosen
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in chosen)


AS_IT_IS = ReadOptions()
