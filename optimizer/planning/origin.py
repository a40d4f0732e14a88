"""Where each setting of a run comes from: a line of its file, a default, the command line, the environment."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from optimizer.config import RunConfig
from task_agent.models import key_for
from traces.errors import CredentialsError

RUNS_VARIABLE = "RATCHET_RUNS_DIR"


@dataclass(frozen=True, slots=True)
class Setting:
    """Hold one key, its value, and where that comes from (Any: YAML values)."""

    key: str
    value: Any
    origin: str


def settings_of(config: RunConfig, overridden: Collection[str] = ()) -> list[Setting]:
    """List every setting of a run, in the order of its keys.

    Args:
        config: The run, resolved.
        overridden: Dotted keys that the command line set.
    """
    return [
        Setting(key, value, _origin(config, key, overridden))
        for key, value in _leaves(config.model_dump(mode="json"), ())
    ]


def surroundings(config: RunConfig, runs: Path, default: Path) -> list[Setting]:
    """List what a run takes from outside its file: the folder of runs, and the key; a key's value is never shown."""
    if os.environ.get(RUNS_VARIABLE) == str(runs):
        origin = f"environment, {RUNS_VARIABLE}"
    else:
        origin = "default" if runs == default else "command line"
    rows = [Setting("(folder of runs)", str(runs), origin)]
    if not config.all_simulated:
        try:
            rows.append(Setting("(model key)", "set", f"environment, {key_for().variable}"))
        except CredentialsError:
            rows.append(Setting("(model key)", None, "not set"))
    return rows


def annotated(settings: Sequence[Setting], *, origins: bool) -> str:
    """Write settings as YAML that loads back as the same run, with a comment on each origin if wanted."""
    lines: list[tuple[str, str]] = []
    above: tuple[str, ...] = ()
    for setting in settings:
        *parents, last = setting.key.split(".")
        shared = next((at for at, (a, b) in enumerate(zip(parents, above, strict=False)) if a != b), None)
        start = min(len(parents), len(above)) if shared is None else shared
        lines += [(f"{'  ' * depth}{_flow(parents[depth])}:", "") for depth in range(start, len(parents))]
        lines.append((f"{'  ' * len(parents)}{_flow(last)}: {_flow(setting.value)}", setting.origin))
        above = tuple(parents)
    widest = min(max((len(text) for text, _ in lines), default=0), 60)
    return "\n".join(f"{text:<{widest}}  # {origin}" if origins and origin else text for text, origin in lines)


def _flow(value: object) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _leaves(value: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[str, Any]]:  # Any: YAML values
    for name, inner in value.items():
        here = (*above, name)
        if isinstance(inner, dict) and inner:
            yield from _leaves(inner, here)
        else:
            yield ".".join(here), inner


def _origin(config: RunConfig, key: str, overridden: Collection[str]) -> str:
    if key in overridden:
        return "command line"
    place = config.place_of(key)
    return str(place) if place else "default"
