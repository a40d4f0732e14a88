"""What a harness lets the tuner turn: its declared ranges, how they stand, and the harness with others set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from task_agent.harness.bundle import SPEC_PATH, HarnessBundle
from task_agent.harness.errors import HarnessError
from task_agent.harness.pattern import PATTERNS
from task_agent.harness.spec import HarnessSpec, SearchRange, parse_spec

Value = str | int | float | bool | None
"""What a key of `harness.yaml` can be set to."""


@dataclass(frozen=True, slots=True)
class Knob:
    """Hold one key that may be tuned, its range, and how it stands."""

    key: str
    range: SearchRange
    value: Value


def knobs(bundle: HarnessBundle) -> tuple[Knob, ...]:
    """List what `search` declares, in the order of the file.

    Raises:
        HarnessError: `harness.yaml` is missing or not valid.
    """
    spec = bundle.spec
    return tuple(Knob(key, search, _value(spec, key)) for key, search in spec.search.items())


def with_setting(bundle: HarnessBundle, setting: Mapping[str, Value]) -> HarnessBundle:
    """Set keys of `harness.yaml` that stand otherwise, and leave the rest of it as it is, comments too.

    Raises:
        HarnessError: A key cannot be set, or not to that value.
    """
    content = bundle.files[SPEC_PATH]
    for key, value in setting.items():
        if _value(parse_spec(content), key) != value:
            content = _set(content, key, value)
    return HarnessBundle({**bundle.files, SPEC_PATH: content})


def put(data: dict[str, Any], key: str, value: object) -> None:
    """Set a dotted key of a spec as plain JSON (Any), in place.

    Raises:
        HarnessError: The key lies below something that is no mapping.
    """
    *parents, last = key.split(".")
    here: Any = data
    for part in parents:
        here = here.setdefault(part, {}) if isinstance(here, dict) else None
    if not isinstance(here, dict):
        raise HarnessError(f"there is no key {key!r}")
    here[last] = value


def _value(spec: HarnessSpec, key: str) -> Any:  # Any: a leaf of the spec, defaults of the pattern included
    data: Any = spec.model_dump(mode="json")
    pattern = PATTERNS.get(spec.orchestration.pattern)
    if pattern is not None:
        data["orchestration"]["params"] = pattern.params.model_validate(spec.orchestration.params).model_dump()
    for part in key.split("."):
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _set(content: bytes, key: str, value: Value) -> bytes:
    """Change the text where the key stands; where that would not say what is meant, write the file anew."""
    wanted = yaml.safe_load(content)
    put(wanted, key, value)
    changed = _edited(content.decode(), key.split("."), value)
    if changed is None or yaml.safe_load(changed) != wanted:
        changed = yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True)
    return changed.encode()


def _edited(text: str, path: list[str], value: Value) -> str | None:
    """Replace the value at `path`, or add the key to the closest mapping around it; None when neither is simple."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    for at, part in enumerate(path):
        if not isinstance(node, yaml.MappingNode):
            return None
        found = next((child for name, child in node.value if name.value == part), None)
        if found is None:
            return _added(text, node, _entry(path[at:], value), top=at == 0)
        node = found
    if not isinstance(node, yaml.ScalarNode):
        return None
    return text[: node.start_mark.index] + written(value) + text[node.end_mark.index :]


def _added(text: str, node: yaml.MappingNode, entry: str, *, top: bool) -> str:
    """Write an entry into a mapping: inside its braces, above its first key, or at the end of the file."""
    start = node.start_mark
    if node.flow_style:
        return f"{text[: start.index + 1]}{entry}{', ' if node.value else ''}{text[start.index + 1 :]}"
    if top:
        return f"{text.rstrip()}\n{entry}\n"
    return f"{text[: start.index]}{entry}\n{' ' * start.column}{text[start.index :]}"


def _entry(path: list[str], value: Value) -> str:
    *outer, last = path
    entry = f"{last}: {written(value)}"
    for part in reversed(outer):
        entry = f"{part}: {{{entry}}}"
    return entry


def written(value: Value) -> str:
    """Write a value as it may stand in braces, too."""
    return yaml.safe_dump([value], default_flow_style=True, allow_unicode=True).strip()[1:-1]
