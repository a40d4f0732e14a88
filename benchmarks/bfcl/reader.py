"""Reads BFCL's multi-turn records and makes tasks of steps of them; the kind `bfcl` of suites."""

from __future__ import annotations

import functools
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.digest import task_digest
from benchmarks.errors import SuiteError
from benchmarks.harbor.files import read_text
from benchmarks.settings import read_settings
from benchmarks.suite import Suite
from benchmarks.task import Step, Task
from task_agent.sandbox.base import SandboxSpec
from traces.errors import Place

WORKDIR = "/app"
IMAGE = "python:3.11-slim-bookworm"
_API = ".api"
_CLASSES = ("func_source_code", "../eval_checker/multi_turn_eval/func_source_code")
_TEST = b"""exec python3 -I -B "${TESTS_DIR:-/tests}/check.py" "$PWD/.api/calls.jsonl"\n"""
_CALL = '#!/bin/sh\nexec python3 -I -B "$(dirname "$0")/.api/api.py" "$@"\n'
_ASK = """\
You work for a user through an API. `./api` in the working directory lists its functions; \
./api "name(argument='value')" calls one, also several in one go. Arguments are literals. \
Do what the user asks by calls, and nothing beyond it.
"""


class BfclConfig(BaseModel):
    """Say where the records are, and which to take."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    path: str
    """A file of multi-turn records, with `possible_answer/` beside it; relative to the run file."""
    classes: str | None = None
    """The folder with the APIs' modules, from the records' folder; looked for where it is published."""
    image: str = IMAGE
    """An image with what the modules need."""
    only: tuple[str, ...] | None = None
    """Ids of records to take and no others."""
    limit: int | None = Field(default=None, ge=1)
    """Take only this many, in their order."""
    turn_timeout_s: float = Field(default=300.0, gt=0)
    """How long an agent may work on one turn."""


class Record(BaseModel):
    """Hold one published record."""

    model_config = ConfigDict(extra="forbid")

    id: str
    question: list[list[dict[str, Any]]]  # Any: messages of the Messages kind
    initial_config: dict[str, Any] = {}  # Any: each API's own
    path: list[str] = []
    involved_classes: list[str]
    missed_function: Any = None  # refused unless empty
    excluded_function: Any = None  # refused unless empty


@dataclass(frozen=True, slots=True)
class _Case:
    """Hold a record with the right calls of each turn, and the modules it needs."""

    record: Record
    truth: Sequence[Sequence[str]]
    modules: Mapping[str, bytes]
    classes: Mapping[str, str]


def load(settings: Mapping[str, object], base: Path) -> Suite:
    """Read the records that the settings name.

    Raises:
        SuiteError: A setting is wrong, or a record, its answer or its API cannot be used; says where.
    """
    config = read_settings(BfclConfig, settings)
    path = (base / Path(config.path).expanduser()).resolve()
    answers = path.parent / "possible_answer" / path.name
    truths = {str(entry["id"]): entry["ground_truth"] for _, entry in _entries(answers)}
    folder = _classes_folder(path.parent, config.classes)
    modules = {f"{file.stem}.py": file.read_bytes() for file in sorted(folder.glob("*.py"))}
    chosen = [(line, entry) for line, entry in _entries(path) if config.only is None or entry.get("id") in config.only]
    tasks = []
    for line, entry in chosen[: config.limit]:
        record = _record(entry, Place(path, line))
        if record.id not in truths:
            raise SuiteError(f"has no answer to {record.id!r}", place=Place(answers))
        classes = {name: _module_of(name, modules, Place(path, line)) for name in record.involved_classes}
        tasks.append(_task(_Case(record, truths[record.id], modules, classes), config))
    return Suite(path.stem, tuple(tasks))


def _entries(path: Path) -> list[tuple[int, dict[str, Any]]]:  # Any: JSON
    found = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            try:
                found.append((number, dict(json.loads(line))))
            except (ValueError, TypeError) as problem:
                raise SuiteError(f"is not an object of JSON: {problem}", place=Place(path, number)) from None
    return found


def _record(entry: Mapping[str, Any], place: Place) -> Record:  # Any: JSON
    try:
        record = Record.model_validate(entry)
    except ValidationError as problem:
        fault = problem.errors()[0]
        raise SuiteError(f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg']}", place=place) from None
    for name in ("missed_function", "excluded_function"):
        if getattr(record, name):
            raise SuiteError(f"`{name}`: functions that come and go between turns are not supported", place=place)
    return record


def _classes_folder(data: Path, given: str | None) -> Path:
    places = [data / Path(given).expanduser()] if given else [data / name for name in _CLASSES]
    found = next((place.resolve() for place in places if place.is_dir()), None)
    if found is None:
        why = f"the APIs' modules are not in {places[0]}; name their folder"
        raise SuiteError(f"`suite.classes`: {why}", key="suite.classes")
    return found


def _module_of(name: str, modules: Mapping[str, bytes], place: Place) -> str:
    for file, content in modules.items():
        if re.search(rf"^class {re.escape(name)}\b", content.decode("utf-8", "replace"), re.MULTILINE):
            return file.removesuffix(".py")
    raise SuiteError(f"`involved_classes`: no module defines {name!r}", place=place)


def _task(case: _Case, config: BfclConfig) -> Task:
    record = case.record
    world = _world(case)
    files = {f"{_API}/{name}": content for name, content in {**world, "api.py": _source("api")}.items()}
    whole = Task(
        id=record.id,
        instruction="\n\n".join(_said(turn) for turn in record.question),
        environment=SandboxSpec(
            WORKDIR, files={**files, "api": _CALL.encode()}, image=config.image, rounds=len(record.question)
        ),
        tests={},
        category="+".join(sorted(record.involved_classes)),
        agent_timeout_s=config.turn_timeout_s * len(record.question),
        step_reward="final",
    )
    steps = tuple(_step(whole, case, number, config) for number in range(1, len(record.question) + 1))
    whole = replace(whole, steps=steps)
    return replace(whole, digest=task_digest(whole))


def _world(case: _Case) -> dict[str, bytes]:
    scenario = {"classes": dict(case.classes), "state": case.record.initial_config}
    files = {f"classes/{name}": content for name, content in case.modules.items()}
    return {**files, "scenario.json": json.dumps(scenario).encode(), "world.py": _source("world")}


def _step(whole: Task, case: _Case, number: int, config: BfclConfig) -> Step:
    """Make a step of a turn; what was said before stands in front of it, since each step is a fresh conversation."""
    turns = case.record.question
    before = [f"Earlier the user said, and it was done:\n{_said(turn)}" for turn in turns[: number - 1]]
    truth = {"calls": case.truth, "until": number}
    calls = " ".join(shlex.quote(call) for call in case.truth[number - 1])
    part = replace(
        whole,
        id=f"{whole.id}/turn-{number}",
        instruction="\n\n".join([_ASK, *before, f"Now the user says:\n{_said(turns[number - 1])}"]),
        tests={
            **_world(case),
            "check.py": _source("check"),
            "truth.json": json.dumps(truth).encode(),
            "test.sh": _TEST,
        },
        solution={"solve.sh": f"./api {calls}\n".encode() if calls else b"true\n"},
        agent_timeout_s=config.turn_timeout_s,
        verifier_timeout_s=60.0,
    )
    return Step(part, {f"{_API}/turn": f"{number}\n".encode()}, {"reward": 1.0})


def _said(turn: Sequence[Mapping[str, Any]]) -> str:  # Any: a message
    return "\n".join(str(message.get("content", "")) for message in turn)


@functools.cache
def _source(name: str) -> bytes:
    return resources.files(f"{__package__}.verifier").joinpath(f"{name}.py").read_bytes()
