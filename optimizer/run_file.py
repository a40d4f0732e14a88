"""Reads a run file, resolves its paths, and applies what the command line overrides."""

from __future__ import annotations

import copy
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from optimizer.config import RunConfig
from task_agent.harness.errors import HarnessError
from task_agent.harness.yaml_source import MAX_YAML_BYTES, Loc, YamlSource, dotted, read_yaml, sourced
from traces.errors import ConfigError, NotFoundError, Place, UsageError

PATH_KEYS = ("harness", "prices")
PROGRAM_FOLDER = "proposer.program.folder"
OPTIONS = {
    "stop.iterations": "--max-iterations",
    "stop.budget_usd": "--budget-usd",
    "stop.hours": "--deadline",
    "seed": "--seed",
    "tuner.trials": "--trials",
    "harness": "--harness",
    "gate.force": "--force",
    "warm_start": "--warm-start",
}
"""Options of the command line, by the key they override."""
_STAND_IN = {"suite": {"kind": "pitfalls"}, "models": dict.fromkeys(("task", "proposer", "reflector"), "simulated")}
"""What stands in for a part that is missing or wrong, so that the other parts can be looked at."""


@dataclass(frozen=True, slots=True)
class Draft:
    """Hold a run file as far as it can be read.

    `faults` are in the order in which they stand in the file. `config` is what the file says with wrong values
    replaced by defaults; the sections that `broken` names hold such values, so they say nothing of their own.
    """

    config: RunConfig
    faults: tuple[ConfigError, ...]
    broken: frozenset[str]


def load_run_file(path: Path, overrides: Mapping[str, Any] | None = None) -> RunConfig:
    """Read and validate the run file at `path`; its relative paths count from its own folder.

    Args:
        path: The run file.
        overrides: Dotted keys that win over the file, such as `stop.iterations` (Any: YAML values).

    Raises:
        NotFoundError: There is no such file.
        ConfigError: It is not valid; says where, and holds what else is wrong.
    """
    source, faults = read_source(path)
    draft = _draft(source, faults)
    _raise_first(draft.faults)
    places = {key: place for key, place in _places(source).items() if key not in (overrides or {})}
    config = _override(draft.config, overrides or {}).placed_by(places)
    with config.pointing():
        for fault in _absent(config, path.resolve().parent):
            if fault.key in (overrides or {}):
                fault.hint = f"mend {OPTIONS.get(fault.key, fault.key)}"
            raise fault
    return config.model_copy(update=_resolved(config, path.resolve().parent))  # keeps the places


def read_draft(path: Path) -> Draft:
    """Read a run file however wrong it is, the paths it names included.

    Raises:
        NotFoundError: There is no such file.
        ConfigError: It cannot be read at all, or is not YAML.
    """
    source, faults = read_source(path)
    draft = _draft(source, faults)
    config = draft.config.placed_by(_places(source))
    typos = any(fault.allowed and "." not in fault.key for fault in draft.faults)
    gone = []
    unsure = set()
    for fault in _absent(config, path.resolve().parent):
        section = fault.key.split(".")[0]
        unsure.add(section)
        if place := config.place_of(fault.key):
            fault.point_at(place)
        if section not in draft.broken and (place or not typos):  # a mistyped key explains a default
            gone.append(fault)
    resolved = config.model_copy(update=_resolved(config, path.resolve().parent))
    return Draft(resolved, (*draft.faults, *gone), draft.broken | unsure)


def _places(source: YamlSource) -> dict[str, Place]:
    return {dotted(loc): place for loc, place in source.values.items() if loc}


def read_source(path: Path) -> tuple[YamlSource, list[ConfigError]]:
    """Parse the run file at `path`; keys that are given twice or are no text are faults, the rest is read.

    Raises:
        NotFoundError: There is no such file.
        ConfigError: It cannot be read at all, or is not YAML.
    """
    found: list[HarnessError] = []
    source = read_yaml(_content(path), path, found)
    if not isinstance(source.data, dict):
        raise ConfigError(
            "a run file is a mapping of keys",
            place=Place(path, 1, 1),
            hint="start from configs/quickstart.yaml; `ratchet config schema` lists the keys",
        )
    return source, list(found)


def _content(path: Path) -> bytes:
    try:
        mode, size = path.stat().st_mode, path.stat().st_size
        if stat.S_ISDIR(mode):
            raise ConfigError("is a folder, not a run file", place=Place(path), hint=f"name a file in {path}")
        if not stat.S_ISREG(mode):
            raise ConfigError("is not a plain file", place=Place(path))
        if size > MAX_YAML_BYTES:
            most = f"a run file has at most {MAX_YAML_BYTES:,}"
            raise ConfigError(f"{size:,} bytes are too many; {most}", place=Place(path))
        return path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError("run file", str(path), hint="see configs/ for run files to start from") from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", place=Place(path), hint=f"ls -l {path}") from None


def _draft(source: YamlSource, faults: list[ConfigError]) -> Draft:
    """Validate again and again, each time without what was found wrong, until the rest is right."""
    data = _textual(copy.deepcopy(source.data))
    found, broken = list(faults), {fault.key.split(".")[0] for fault in faults}
    while True:
        try:
            config = RunConfig.model_validate(data)
            break
        except ValidationError as error:
            new = sourced(error, RunConfig, source)
            found += [fault for fault in new if not _follows(fault, found)]
            broken |= {fault.key.split(".")[0] for fault in new}
            for fault in error.errors(include_url=False):
                _take_out(data, fault["loc"])
    found.sort(key=lambda fault: (fault.place.line or 0, fault.place.column or 0) if fault.place else (0, 0))
    return Draft(config, tuple(found), frozenset(broken))


def _follows(fault: ConfigError, found: list[ConfigError]) -> bool:
    """Say whether a section complains of a value that was found wrong before and has been taken out."""
    inside = [each.key.split(".")[1] for each in found if each.key.startswith(f"{fault.key}.")]
    return any(name in fault.message for name in inside)


def _textual(data: Any) -> Any:  # Any: YAML values
    """Leave out keys that are not text; they were found before."""
    if isinstance(data, dict):
        return {key: _textual(value) for key, value in data.items() if isinstance(key, str)}
    return data


def _take_out(data: dict[str, Any], loc: Loc) -> None:  # Any: YAML values
    """Remove the wrong value at `loc`; what must be there is replaced by a stand-in."""
    section = str(loc[0])
    if section in _STAND_IN:
        data[section] = {
            name: {"model": value} if section == "models" else value for name, value in _STAND_IN[section].items()
        }
        return
    if section not in data:
        return
    here, last = data, section
    for part in loc[1:]:
        inner = here[last]
        if not isinstance(inner, dict) or part not in inner:
            break
        here, last = inner, str(part)
    del here[last]


def _raise_first(faults: tuple[ConfigError, ...]) -> None:
    if not faults:
        return
    first, *more = faults
    first.more = tuple(more)
    raise first


def _override(config: RunConfig, overrides: Mapping[str, Any]) -> RunConfig:
    if not overrides:
        return config
    data = config.model_dump()
    for key, value in overrides.items():
        *parents, last = key.split(".")
        part = data
        for name in parents:
            part = part[name]
        part[last] = value
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = next((key for key in overrides if dotted(first["loc"]).startswith(key)), dotted(first["loc"]))
        raise UsageError(
            f"`{key}` cannot be {first['input']!r}: {first['msg'][:1].lower()}{first['msg'][1:]}",
            hint=f"mend {OPTIONS[key]}" if key in OPTIONS else "",
        ) from None


def _named(config: RunConfig, base: Path) -> dict[str, Path]:
    """List the paths a run file names, by key."""
    paths = {key: getattr(config, key) for key in PATH_KEYS}
    if "path" in config.suite:
        paths["suite.path"] = Path(str(config.suite["path"]))
    if config.proposer.program is not None and config.proposer.program.folder is not None:
        paths[PROGRAM_FOLDER] = config.proposer.program.folder
    return {key: base / _expanded(path) for key, path in paths.items()}


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # `~nobody`: there is no such user
        return path


def _resolved(config: RunConfig, base: Path) -> dict[str, Any]:  # Any: fields of a run file
    paths = {key: path.resolve() if _exists(path) else path for key, path in _named(config, base).items()}
    suite = dict(config.suite)
    if "suite.path" in paths:
        suite["path"] = str(paths.pop("suite.path"))
    proposer = config.proposer
    if PROGRAM_FOLDER in paths and proposer.program is not None:
        program = proposer.program.model_copy(update={"folder": paths.pop(PROGRAM_FOLDER)})
        proposer = proposer.model_copy(update={"program": program})
    jobs = tuple((base / _expanded(path)).resolve() for path in config.warm_start)
    return {**paths, "suite": suite, "proposer": proposer, "warm_start": jobs}


def _absent(config: RunConfig, base: Path) -> Iterator[ConfigError]:
    for key, path in _named(config, base).items():
        if not _exists(path):
            hint = f"relative paths count from {base}, the run file's own folder"
            unset = " by default" if "." not in key and key not in config.model_fields_set else ""
            yield ConfigError(f"`{key}` names {str(path)!r}{unset}, which does not exist", key=key, hint=hint)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long a name, a NUL in it, a folder that may not be entered
        return False


def dump(config: RunConfig) -> str:
    """Write a resolved config as YAML."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
