"""What a run file says about tasks in Harbor's format beyond where they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Say how tasks are read; the defaults read them as they are.

    `images` maps names after FROM, and of `docker_image`, to images that are here. `host` holds the
    variables of this machine that `${NAME}` may take. `keep_processes` is for all tasks, or for those
    named. `default_network` is for tasks that do not say; `offline` overrules what they do say.
    """

    images: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, str] = field(default_factory=dict)
    keep_processes: bool | frozenset[str] = False
    reward_key: str | None = None
    default_network: bool = False
    root_powers: bool = False
    system_changes: bool = False
    offline: bool = False

    def keeps(self, name: str) -> bool:
        """Say whether the task of that name is graded with its processes alive."""
        return name in self.keep_processes if isinstance(self.keep_processes, frozenset) else self.keep_processes


AS_IT_IS = ReadOptions()
