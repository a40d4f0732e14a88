"""Reads a track of exercises and makes tasks of them; the kind `exercism` of suites."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.digest import task_digest
from benchmarks.errors import SuiteError
from benchmarks.harbor.files import FolderFiles, RenamedFiles, read_text
from benchmarks.settings import read_settings
from benchmarks.suite import Suite
from benchmarks.task import Task
from task_agent.sandbox.base import SandboxSpec
from traces.errors import Place

WORKDIR = "/app"
IMAGE = "python:3.11-slim-bookworm"
_HIDDEN = (".meta/", ".docs/", ".approaches/", ".articles/")
_TEXTS = ("introduction.md", "instructions.md", "instructions.append.md")
_PYTHON = 'python3 -B "$TESTS/run_unittest.py" {tests}'
_TEST = """\
TESTS="${{TESTS_DIR:-/tests}}" REWARD="${{LOGS_DIR:-/logs}}/verifier/reward.txt" PLACE="$(mktemp -d)"
export TESTS
echo 0 > "$REWARD"
cp -R "$TESTS/files/." "$PLACE"
for name in {solution}; do
  test -f "$name" && ! test -L "$name" || {{ echo "$name is not there"; exit; }}
  mkdir -p "$(dirname "$PLACE/$name")" && cp "$name" "$PLACE/$name"
done
cd "$PLACE" && ( {command} ) && echo 1 > "$REWARD"
"""


class ExercismConfig(BaseModel):
    """Say where the exercises are, and how their tests are run."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    path: str
    """A track, its `exercises/practice`, or one exercise; relative to the run file."""
    command: str | None = None
    """Runs the tests, from a folder with them and the solution, and ends with 0 when all pass; unittest for Python."""
    image: str = IMAGE
    """An image with what the command needs."""
    only: tuple[str, ...] | None = None
    """Names of exercises to take and no others."""
    exclude: tuple[str, ...] = ()
    """Names of exercises to leave out."""
    limit: int | None = Field(default=None, ge=1)
    """Take only this many, in the order of their names."""
    agent_timeout_s: float = Field(default=600.0, gt=0)
    """How long an agent may work."""
    verifier_timeout_s: float = Field(default=120.0, gt=0)
    """How long the tests may run."""


@dataclass(frozen=True, slots=True)
class _Exercise:
    """Name the files of one exercise: what is edited, what tests it, and what solves it."""

    folder: Path
    solution: tuple[str, ...]
    tests: tuple[str, ...]
    example: tuple[str, ...]


def load(settings: Mapping[str, object], base: Path) -> Suite:
    """Read the exercises that the settings name.

    Raises:
        SuiteError: A setting is wrong, or an exercise cannot be used; says where.
    """
    config = read_settings(ExercismConfig, settings)
    root = (base / Path(config.path).expanduser()).resolve()
    folders = {folder.name: folder for folder in _folders(root)}
    for key, names in (("only", config.only or ()), ("exclude", config.exclude)):
        for name in names:
            if name not in folders:
                raise SuiteError(
                    f"`suite.{key}`: no exercise {name!r}", key=f"suite.{key}", allowed=sorted(folders)[:20]
                )
    wanted = [name for name in config.only or folders if name not in config.exclude]
    tasks = [_task(_exercise(folders[name]), config) for name in sorted(wanted)[: config.limit]]
    return Suite(root.name, tuple(tasks))


def stands_on(settings: Mapping[str, object], base: Path) -> Sequence[Path]:
    """Name the track, or the exercise."""
    return (base / Path(read_settings(ExercismConfig, settings).path).expanduser(),)


def _folders(root: Path) -> list[Path]:
    if (root / ".meta").is_dir():
        return [root]
    place = next((root / part for part in ("exercises/practice", "practice") if (root / part).is_dir()), root)
    found = [path for path in sorted(place.iterdir()) if (path / ".meta").is_dir()] if place.is_dir() else []
    if not found:
        raise SuiteError("holds no exercises: folders with a `.meta`", place=Place(root), key="suite.path")
    return found


def _exercise(folder: Path) -> _Exercise:
    path = folder / ".meta" / "config.json"
    try:
        files = json.loads(read_text(path))["files"]
        lists = {key: tuple(map(str, files.get(key) or ())) for key in ("solution", "test", "example", "exemplar")}
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise SuiteError(f"says nothing of its `files`: {problem}", place=Place(path)) from None
    found = _Exercise(folder, lists["solution"], lists["test"], lists["example"] or lists["exemplar"])
    if not found.solution or not found.tests:
        raise SuiteError("`files` must name `solution` and `test`", place=Place(path))
    for name in (*found.solution, *found.tests, *found.example):
        if not (folder / name).is_file():
            raise SuiteError(f"`files` names {name!r}, which is not there", place=Place(path))
    return found


def _task(exercise: _Exercise, config: ExercismConfig) -> Task:
    every = FolderFiles(exercise.folder)
    open_files = {name: name for name in every if not name.startswith(_HIDDEN) and name not in exercise.tests}
    sound = {f"files/{name}": name for name in every if not name.startswith(_HIDDEN) and name not in exercise.solution}
    names = " ".join(map(shlex.quote, exercise.solution))
    command = (config.command or _python(exercise)).replace("{tests}", " ".join(map(shlex.quote, exercise.tests)))
    script = _TEST.format(solution=names, command=command)
    runner = resources.files(__package__).joinpath("verifier/run_unittest.py").read_bytes()
    task = Task(
        id=exercise.folder.name,
        instruction=_instruction(exercise, every),
        environment=SandboxSpec(
            WORKDIR, files=RenamedFiles(every, open_files), image=config.image, memory_mb=2048, pids=512
        ),
        tests={**RenamedFiles(every, sound), "run_unittest.py": runner, "test.sh": script.encode()},
        solution=_solution(exercise, every),
        category="exercise",
        agent_timeout_s=config.agent_timeout_s,
        verifier_timeout_s=config.verifier_timeout_s,
    )
    return replace(task, digest=task_digest(task))


def _python(exercise: _Exercise) -> str:
    if all(name.endswith(".py") for name in exercise.tests):
        return _PYTHON
    place = Place(exercise.folder)
    raise SuiteError("is not Python: say how tests are run in `suite.command`", place=place, key="suite.command")


def _instruction(exercise: _Exercise, every: Mapping[str, bytes]) -> str:
    texts = [every[f".docs/{name}"].decode("utf-8", "replace").strip() for name in _TEXTS if f".docs/{name}" in every]
    if not texts:
        raise SuiteError("is missing", place=Place(exercise.folder / ".docs" / "instructions.md"))
    files = ", ".join(exercise.solution)
    return "\n\n".join([*texts, f"Solve this by editing {files}. Hidden tests use the names that stand there already."])


def _solution(exercise: _Exercise, every: Mapping[str, bytes]) -> dict[str, bytes]:
    """Put the reference in the place of the stub, file by file."""
    if len(exercise.example) != len(exercise.solution):
        return {}
    pairs = list(zip(exercise.example, exercise.solution, strict=True))
    lines = [
        f'cp "$(dirname "$0")"/{shlex.quote(f"{number}.txt")} {shlex.quote(to)}' for number, (_, to) in enumerate(pairs)
    ]
    files = {f"{number}.txt": every[source] for number, (source, _) in enumerate(pairs)}
    return {**files, "solve.sh": ("\n".join(lines) + "\n").encode()}
