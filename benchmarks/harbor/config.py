"""A task.toml of Harbor's format: every field is used, or refused by its name."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from benchmarks.errors import SuiteError
from benchmarks.harbor.host_env import unfilled
from benchmarks.harbor.tables import EnvironmentTable, HarborConfig, StepTable
from benchmarks.harbor.toml_lines import find_line
from task_agent.harness.faults import closest, faults_in
from traces.errors import Place

KEEP_PROCESSES = "keep_processes"
"""Key of [metadata] that says: what the agent started is graded while it runs."""

REWARD_KEY = "reward_key"
"""Key of [metadata] that names the reward that counts among several."""

_HOSTS = "host lists are not supported: a task has the network, or has not"
_ONE_SERVICE = "compose environments are not supported, so there is only `main`"

_ALIKE = 0.7
"""From here on a field was mistyped; below, as `oracle` and `source`, it means something else."""

Refusals = Iterator[tuple[str, str]]


def refusals(config: HarborConfig, host: Mapping[str, str]) -> Refusals:
    """Name every field whose meaning would be lost, with the reason."""
    yield from _place_refusals(config.environment, "environment")
    yield from _network_refusals(config)
    yield from _verifier_refusals(config)
    yield from _copy_refusals(config)
    names = [step.name for step in config.steps]
    for number, step in enumerate(config.steps):
        if step.name in names[:number]:
            yield f"steps.{number}.name", f"{step.name!r} is the name of an earlier step"
        yield from ((f"steps.{number}.{key}", why) for key, why in _step_refusals(step, config))
    if config.multi_step_reward_strategy and not config.steps:
        yield "multi_step_reward_strategy", "there are no `steps`"
    yield from _metadata_refusals(config)
    yield from _host_refusals(config, host)


def _place_refusals(place: EnvironmentTable, at: str) -> Refusals:
    unless_empty: dict[str, tuple[object, str]] = {
        "gpus": (place.gpus, "GPUs are not supported"),
        "gpu_types": (place.gpu_types, "GPUs are not supported"),
        "tpu": (place.tpu, "TPUs are not supported"),
        "mcp_servers": (place.mcp_servers, "MCP servers are not supported"),
        "skills_dir": (place.skills_dir, "a skills folder is not supported"),
        "allowed_hosts": (place.allowed_hosts, _HOSTS),
    }
    yield from ((f"{at}.{key}", why) for key, (value, why) in unless_empty.items() if value)
    if place.os != "linux":
        yield f"{at}.os", "only linux is supported"
    if place.network_mode == "allowlist":
        yield f"{at}.network_mode", _HOSTS
    elif place.network_mode is not None and place.allow_internet not in (None, place.network):
        yield f"{at}.allow_internet", f"contradicts network_mode {place.network_mode!r}"


def _network_refusals(config: HarborConfig) -> Refusals:
    for key, phase in (("agent", config.agent), ("verifier", config.verifier)):
        if phase.network_mode == "allowlist":
            yield f"{key}.network_mode", _HOSTS
        if phase.allowed_hosts:
            yield f"{key}.allowed_hosts", _HOSTS


def _verifier_refusals(config: HarborConfig) -> Refusals:
    verifier = config.verifier
    if verifier.environment is not None:
        yield from _place_refusals(verifier.environment, "verifier.environment")
        if verifier.environment.healthcheck:
            yield "verifier.environment.healthcheck", "the verifier's own place has no health check"
        if not verifier.separate:
            yield "verifier.environment", "contradicts environment_mode 'shared'"
    for number, hook in enumerate(verifier.collect):
        if hook.service != "main":
            yield f"verifier.collect.{number}.service", _ONE_SERVICE
        if hook.user not in (None, config.agent.user):
            yield f"verifier.collect.{number}.user", "hooks run as the agent's user"


def _copy_refusals(config: HarborConfig) -> Refusals:
    lists = {"artifacts": config.artifacts}
    lists |= {f"steps.{number}.artifacts": step.artifacts for number, step in enumerate(config.steps)}
    for at, artifacts in lists.items():
        for number, one in enumerate(artifacts):
            if one.service not in (None, "main"):
                yield f"{at}.{number}.service", _ONE_SERVICE
            if ".." in (one.destination or "").split("/"):
                yield f"{at}.{number}.destination", "leaves the folder of artifacts"


def _step_refusals(step: StepTable, config: HarborConfig) -> Refusals:
    """Refuse what a step would have otherwise than its task: all steps share one place."""
    for phase, own, whole in (("agent", step.agent, config.agent), ("verifier", step.verifier, config.verifier)):
        for name in ("user", "network_mode"):
            if getattr(own, name) not in (None, getattr(whole, name)):
                yield f"{phase}.{name}", f"a step cannot have a {name.partition('_')[0]} of its own"
        if own.allowed_hosts:
            yield f"{phase}.allowed_hosts", _HOSTS
    for name in ("environment_mode", "environment", "collect"):
        if getattr(step.verifier, name):
            yield f"verifier.{name}", "a step is graded where its task says"


def _metadata_refusals(config: HarborConfig) -> Refusals:
    if not isinstance(config.metadata.get(KEEP_PROCESSES, False), bool):
        yield f"metadata.{KEEP_PROCESSES}", "is true or false"
    if not isinstance(config.metadata.get(REWARD_KEY, ""), str):
        yield f"metadata.{REWARD_KEY}", "is the name of a reward"
    if not _is_list(config.metadata.get("slips", []), str):
        yield "metadata.slips", "is a list of names of slips"
    if not _is_list(config.metadata.get("answer_keys", []), (str, int, float)):
        yield "metadata.answer_keys", "is a list of texts"
    if not isinstance(config.metadata.get("inspect", ""), str):
        yield "metadata.inspect", "is a command"


def _is_list(given: object, of: type | tuple[type, ...]) -> bool:
    return isinstance(given, list) and all(isinstance(one, of) for one in given)


def _host_refusals(config: HarborConfig, host: Mapping[str, str]) -> Refusals:
    tables = {
        "environment.env": config.environment.env,
        "verifier.env": config.verifier.env,
        "solution.env": config.solution.env,
    }
    if config.verifier.environment is not None:
        tables["verifier.environment.env"] = config.verifier.environment.env
    tables |= {f"steps.{number}.verifier.env": step.verifier.env for number, step in enumerate(config.steps)}
    for at, env in tables.items():
        for key, name in unfilled(env, host):
            yield f"{at}.{key}", f"takes ${{{name}}} from this machine; allow it with `suite.host_env: [{name}]`"


def parse_config(text: str, path: Path, host: Mapping[str, str] | None = None) -> HarborConfig:
    """Read a task.toml.

    Args:
        text: What the file holds.
        path: Where it lies, for messages.
        host: The variables of this machine that it may take.

    Raises:
        SuiteError: It is not TOML, a field is unknown or has a wrong value, or is not supported.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        at = re.search(r"line (\d+), column (\d+)", str(problem))
        place = Place(path, int(at[1]), int(at[2])) if at else Place(path, text.count("\n") + 1)  # its end
        raise SuiteError(f"is not TOML: {problem}", place=place) from problem
    _prefer_new_spellings(table)
    try:
        config = HarborConfig.model_validate(table)
    except ValidationError as problem:
        raise _invalid(problem, text, path) from problem
    for key, why in refusals(config, host or {}):
        raise SuiteError(f"`{key}`: {why}", place=Place(path, find_line(text, key)), key=key)
    return config


def _prefer_new_spellings(table: dict[str, object]) -> None:
    """Drop `version`, `memory` and `storage` where the new spelling stands beside them, as Harbor does."""
    if "schema_version" in table:
        table.pop("version", None)
    verifier = table.get("verifier")
    places = (table.get("environment"), verifier.get("environment") if isinstance(verifier, dict) else None)
    for place in (place for place in places if isinstance(place, dict)):
        for old in ("memory", "storage"):
            if f"{old}_mb" in place:
                place.pop(old, None)


def _invalid(problem: ValidationError, text: str, path: Path) -> SuiteError:
    first = problem.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    unknown = first["type"] == "extra_forbidden"
    near = closest(key.rpartition(".")[2], faults_in(problem, HarborConfig)[0].allowed, _ALIKE) if unknown else ""
    why = "is not a field of this format" if unknown else first["msg"].removeprefix("Value error, ")
    why += f"; did you mean `{near}`?" if near else ""
    hint = "take it out, or move it under [metadata], which is free" if unknown else ""
    return SuiteError(f"`{key}`: {why}", place=Place(path, find_line(text, key)), key=key, hint=hint)
