"""Reads BFCL's multi-turn records and makes tasks of steps of them; the kind `bfcl` of suites."""

from __future__ import annotations

import difflib
import functools
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.digest import task_digest
from benchmarks.errors import SuiteError
from benchmarks.harbor.files import read_text
from benchmarks.json_lines import Line, read_json_lines
from benchmarks.settings import read_settings
from benchmarks.suite import Suite
from benchmarks.task import Step, Task
from benchmarks.task_id import id_fault
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
_NEW = "The API has more functions now: {}. Does that help?"
_LEAVE_OUT = "mend the record, or name it under `suite.exclude`"
_Model = TypeVar("_Model", bound=BaseModel)


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
    exclude: tuple[str, ...] = ()
    """Ids of records to leave out."""
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
    missed_function: dict[int, list[str]] | None = None
    """Functions that are first offered in a turn, by its number from 0."""
    excluded_function: list[str] | None = None
    """Functions that are never offered."""

    @property
    def long_context(self) -> bool:
        """Say whether the APIs fill their states up, which the published evaluator tells from the id."""
        category = self.id.rpartition("_")[0]
        return "long_context" in category or "composite" in category

    def new_in(self, turn: int) -> list[str]:
        """List the functions that a turn, from 1, is the first to offer."""
        return (self.missed_function or {}).get(turn - 1, [])


class Answer(BaseModel):
    """Hold the right calls of one record, turn by turn."""

    model_config = ConfigDict(extra="forbid")

    id: str
    ground_truth: list[list[str]]


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
    records = [(place, _read(Record, entry, place)) for place, entry in _chosen(path, config)]
    answers = _answers_file(path)
    truths = {answer.id: answer.ground_truth for answer in _answers(answers)}
    folder = _classes_folder(path.parent, config.classes)
    modules = {f"{file.stem}.py": file.read_bytes() for file in sorted(folder.glob("*.py"))}
    tasks = []
    for place, record in records:
        if record.id not in truths:
            raise SuiteError(f"has no answer to {record.id!r}", place=Place(answers))
        _check(record, truths[record.id], place)
        classes = {name: _module_of(name, modules, place) for name in record.involved_classes}
        tasks.append(_task(_Case(record, truths[record.id], modules, classes), config))
    return Suite(path.stem, tuple(tasks))


def stands_on(settings: Mapping[str, object], base: Path) -> Sequence[Path]:
    """Name the records, the right calls, and wherever the APIs' modules are looked for."""
    config = read_settings(BfclConfig, settings)
    given = base / Path(config.path).expanduser()
    path = given.resolve()
    return (given, _answers_file(path), *_classes_places(path.parent, config.classes))


def _answers_file(path: Path) -> Path:
    return path.parent / "possible_answer" / path.name


def _chosen(path: Path, config: BfclConfig) -> list[tuple[Place, Line]]:
    """Give the records to take, in their order; what is left out is not looked at."""
    entries = [(str(entry.get("id")), place, entry) for place, entry in read_json_lines(read_text(path), path)]
    known = {name for name, _, _ in entries}
    for key, names in (("only", config.only or ()), ("exclude", config.exclude)):
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=3)
                hint = f"did you mean {', '.join(near)}?" if near else ""
                raise SuiteError(f"`suite.{key}`: no record {name!r} in {path}", key=f"suite.{key}", hint=hint)
    wanted = known.intersection(known if config.only is None else config.only) - {*config.exclude}
    return [(place, entry) for name, place, entry in entries if name in wanted][: config.limit]


def _answers(path: Path) -> list[Answer]:
    return [_read(Answer, entry, place) for place, entry in read_json_lines(read_text(path), path)]


def _read(model: type[_Model], entry: Line, place: Place) -> _Model:
    try:
        return model.model_validate(entry)
    except ValidationError as problem:
        fault = problem.errors()[0]
        why = f"`{'.'.join(map(str, fault['loc']))}`: {fault['msg']}"
        raise SuiteError(why, place=place, hint=_LEAVE_OUT) from None


def _check(record: Record, truth: Sequence[object], place: Place) -> None:
    """Refuse a record whose turns do not fit together."""
    turns = len(record.question)
    if fault := id_fault(record.id):
        raise SuiteError(f"`id`: {fault}", place=place, hint=_LEAVE_OUT)
    if len(truth) != turns:
        why = f"`question` has {turns} turns, and its answer has {len(truth)}"
        raise SuiteError(why, place=place, hint=_LEAVE_OUT)
    for turn in record.missed_function or {}:
        if not 0 < turn < turns:
            raise SuiteError(f"`missed_function.{turn}`: no later turn than the first", place=place, hint=_LEAVE_OUT)
    for turn, said in enumerate(record.question):
        if not said and not record.new_in(turn + 1):
            why = f"`question.{turn}`: nothing is said, and no function is new"
            raise SuiteError(why, place=place, hint=_LEAVE_OUT)


def _classes_folder(data: Path, given: str | None) -> Path:
    places = _classes_places(data, given)
    found = next((place.resolve() for place in places if place.is_dir()), None)
    if found is None:
        why = f"the APIs' modules are not in {places[0]}; name their folder"
        raise SuiteError(f"`suite.classes`: {why}", key="suite.classes")
    return found


def _classes_places(data: Path, given: str | None) -> list[Path]:
    return [data / Path(given).expanduser()] if given else [data / name for name in _CLASSES]


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
        instruction="\n\n".join(_said(record, turn) for turn in range(1, len(record.question) + 1)),
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
    record = case.record
    scenario = {
        "classes": dict(case.classes),
        "state": record.initial_config,
        "long_context": record.long_context,
        "never": record.excluded_function or [],
        "later": {name: turn + 1 for turn, names in (record.missed_function or {}).items() for name in names},
    }
    files = {f"classes/{name}": content for name, content in case.modules.items()}
    return {**files, "scenario.json": json.dumps(scenario).encode(), "world.py": _source("world")}


def _step(whole: Task, case: _Case, number: int, config: BfclConfig) -> Step:
    """Make a step of a turn; what was said before stands in front of it, since each step is a fresh conversation."""
    before = [_before(case, turn) for turn in range(1, number)]
    truth = {"calls": case.truth, "until": number}
    calls = " ".join(shlex.quote(call) for call in case.truth[number - 1])
    part = replace(
        whole,
        id=f"{whole.id}/turn-{number}",
        instruction="\n\n".join([_ASK, *before, f"Now the user says:\n{_said(case.record, number)}"]),
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


def _before(case: _Case, turn: int) -> str:
    done = "it was done" if case.truth[turn - 1] else "something was still missing for it"
    return f"Earlier the user said, and {done}:\n{_said(case.record, turn)}"


def _said(record: Record, turn: int) -> str:
    """Give the words of a turn, from 1; where functions are new, nothing else is said."""
    said = [str(message.get("content", "")) for message in record.question[turn - 1]]
    new = record.new_in(turn)
    return "\n".join([*said, *([_NEW.format(", ".join(f"`{name}`" for name in new))] if new else [])])


@functools.cache
def _source(name: str) -> bytes:
    return resources.files(f"{__package__}.verifier").joinpath(f"{name}.py").read_bytes()
