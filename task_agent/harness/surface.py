"""The edit surface: which areas of a harness a candidate may change, checked on the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from task_agent.harness.bundle import SPEC_PATH, HarnessBundle
from task_agent.harness.patch import diff
from task_agent.harness.yaml_source import nearest
from traces.errors import UsageError

Area = Literal["prompts", "tools", "skills", "orchestration", "limits", "context", "model", "name", "search"]
AREAS: tuple[str, ...] = get_args(Area)

_AREA_OF_KEY = {
    "name": "name",
    "tools": "tools",
    "limits": "limits",
    "orchestration": "orchestration",
    "models": "model",
    "context": "context",
    "search": "search",
}
_AREA_OF_PATH = {
    "prompts": "prompts",
    "tools": "tools",
    "skills": "skills",
    "orchestration.py": "orchestration",
    "README.md": "name",
}


@dataclass(frozen=True)
class EditSurface:
    """Allow the areas in `editable` that are not in `locked`.

    `name` covers README.md too, and `search` the tuner's ranges.

    Raises:
        UsageError: An area does not exist.
    """

    editable: frozenset[str]
    locked: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for area in sorted(self.editable | self.locked):
            if area not in AREAS:
                raise UsageError(f"no area {area!r} of a harness; {nearest(area, AREAS)}")

    def allows(self, area: str | None) -> bool:
        """Say whether a candidate may change `area`; None is no area at all."""
        return area in self.editable and area not in self.locked


def violations(surface: EditSurface, parent: HarnessBundle, child: HarnessBundle) -> list[str]:
    """List every change outside the surface, by path and by key of `harness.yaml`; empty means allowed.

    Comments and spelled-out defaults of `harness.yaml` change nothing and violate nothing.

    Raises:
        HarnessError: A `harness.yaml` is missing or not valid.
    """
    found: list[str] = []
    for change in diff(parent, child).changes:
        if change.path == SPEC_PATH:
            found += _key_violations(surface, parent, child)
            continue
        area = _AREA_OF_PATH.get(change.path.split("/")[0])
        if not surface.allows(area):
            found.append(f"{change.path}: {_reason(surface, area)}")
    return found


def allows_key(surface: EditSurface, key: str) -> bool:
    """Say whether a candidate may change a dotted key of `harness.yaml`."""
    return surface.allows(_AREA_OF_KEY.get(key.split(".")[0]))


def changed_keys(parent: HarnessBundle, child: HarnessBundle) -> list[str]:
    """List the dotted keys of `harness.yaml` whose values differ."""
    before, after = (dict(_leaves(bundle.spec.model_dump(mode="json"), ())) for bundle in (parent, child))
    return [".".join(key) for key in sorted(before.keys() | after.keys()) if before.get(key) != after.get(key)]


def _key_violations(surface: EditSurface, parent: HarnessBundle, child: HarnessBundle) -> Iterable[str]:
    for key in changed_keys(parent, child):
        area = _AREA_OF_KEY[key.split(".")[0]]
        if not surface.allows(area):
            yield f"{SPEC_PATH}: `{key}`: {_reason(surface, area)}"


def _leaves(value: object, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*key, str(name)))
    else:
        yield key, value


def _reason(surface: EditSurface, area: str | None) -> str:
    if area is None:
        return "not part of a harness"
    return f"area `{area}` is {'locked' if area in surface.locked else 'not editable'}"
