"""Reads a CSV or JSONL of prompts and makes a task of every row; the kind `table` of suites."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.digest import task_digest
from benchmarks.errors import SuiteError
from benchmarks.json_lines import read_json_lines
from benchmarks.settings import read_settings
from benchmarks.suite import Suite
from benchmarks.task import JudgeSpec, Task
from benchmarks.task_id import id_fault
from task_agent.sandbox.base import SandboxSpec
from traces.errors import Place

ANSWER = "answer.txt"
WORKDIR = "/app"
IMAGE = "python:3.11-slim-bookworm"
COLUMNS_SHOWN = 12
Row = Mapping[str, Any]  # Any: JSON values of a JSONL row

_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_ASK = f"\n\nWrite your answer, and nothing else, to {ANSWER} in the working directory."
_TEST = b"""cd "${TESTS_DIR:-/tests}" && exec python3 -I grade_row.py "$OLDPWD"\n"""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Judge(_Settings):
    """Let a model grade by a rubric."""

    rubric: str
    """What a good answer is, in words; the judge sees the row and the answer too."""
    model: str
    """The model that grades, never a simulated one."""
    base_url: str | None = None
    """Where it is served; the provider's own address when empty."""


class Grader(_Settings):
    """Name one way to grade."""

    python: str | None = None
    """A file with `def grade(row, answer)`, which gives a number in [0, 1], or a table of them with `reward`."""
    shell: str | None = None
    """A script; it finds `ANSWER_FILE` and `ROW_FILE`, and the last line it prints is the reward."""
    judge: Judge | None = None
    """A model with a rubric."""


Plain = Literal["exact", "number", "contains"]


class TableConfig(_Settings):
    """Say where the table is, what its columns mean, and how answers are graded."""

    path: str
    """A .csv or .jsonl file; relative to the run file. Graders lie beside it."""
    grader: Plain | Grader = "exact"
    """`exact`, `number` or `contains` compare with the expected answer; or `python`, `shell` or `judge`."""
    prompt: str = "prompt"
    """The column with the instruction."""
    answer: str = "answer"
    """The column with the expected answer; only plain graders and `tasks check` need it."""
    id: str = "id"
    """The column with the task's name; rows are counted where there is none."""
    category: str = "category"
    """The column that groups tasks when splits are drawn."""
    limit: int | None = Field(default=None, ge=1)
    """Take only this many rows."""
    agent_timeout_s: Annotated[float, Field(gt=0)] = 600.0
    """How long an agent may work."""
    verifier_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """How long grading may take."""


def load(settings: Mapping[str, object], base: Path) -> Suite:
    """Read the table that the settings name.

    Raises:
        SuiteError: A setting is wrong, or a row or the grader cannot be used; says where.
    """
    config = read_settings(TableConfig, settings)
    path = (base / Path(config.path).expanduser()).resolve()
    rows = _rows(path)[: config.limit]
    grader, judge = _grader(config, path.parent), _judge(config)
    width = len(str(len(rows)))
    tasks = [_task(row, place, f"row-{number:0{width}d}", config) for number, (place, row) in enumerate(rows, 1)]
    return Suite(
        path.stem, tuple(_graded(task, row, grader, judge) for task, (_, row) in zip(tasks, rows, strict=True))
    )


def stands_on(settings: Mapping[str, object], base: Path) -> Sequence[Path]:
    """Name the table, and the file that grades its answers; a rubric stands in the settings."""
    config = read_settings(TableConfig, settings)
    given = base / Path(config.path).expanduser()
    files = {} if isinstance(config.grader, str) else {"python": config.grader.python, "shell": config.grader.shell}
    return (given, *(given.resolve().parent / name for name in files.values() if name is not None))


def _rows(path: Path) -> list[tuple[Place, Row]]:
    """Give each row with its place."""
    if path.suffix not in (".csv", ".jsonl"):
        raise SuiteError("is neither a .csv nor a .jsonl", place=Place(path), key="suite.path")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise SuiteError(f"cannot be read: {problem}", place=Place(path), key="suite.path") from None
    if path.suffix == ".jsonl":
        return list(read_json_lines(text, path))
    narrow = csv.field_size_limit(len(text) + 1)
    try:
        return list(_csv_rows(text, path))
    finally:
        csv.field_size_limit(narrow)


def _csv_rows(text: str, path: Path) -> Iterator[tuple[Place, Row]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        for row in reader:
            place = Place(path, reader.line_num)
            if None in row or None in row.values():
                hint = _other_delimiter(reader.fieldnames or ())
                raise SuiteError("has another number of cells than the first line", place=place, hint=hint)
            yield place, row
    except csv.Error as problem:
        raise SuiteError(f"is not CSV: {problem}", place=Place(path, reader.line_num)) from None


def _cell(row: Row, name: str, place: Place, key: str, why: str = "") -> Any:  # Any: a JSON value
    """Take a cell of a column that must be there."""
    if name in row:
        return row[name]
    columns = ", ".join([f"`{column}`" for column in row][:COLUMNS_SHOWN]) or "none"
    rest = f" and {len(row) - COLUMNS_SHOWN} more" if len(row) > COLUMNS_SHOWN else ""
    hint = _other_delimiter([*row]) or _alike(row, name)
    raise SuiteError(f"has no column `{name}`{why}; there are {columns}{rest}", place=place, key=key, hint=hint)


def _other_delimiter(columns: Sequence[str]) -> str:
    found = [words for mark, words in _DELIMITERS.items() if len(columns) == 1 and mark in columns[0]]
    return f"cells are separated by commas; the first line seems to have {found[0]} between them" if found else ""


def _alike(row: Row, name: str) -> str:
    near = [column for column in row if column.strip().casefold() == name.strip().casefold()]
    near = near or difflib.get_close_matches(name, row, n=1)
    return f"did you mean {near[0]!r}? blanks and the case of letters count" if near else ""


def _task(row: Row, place: Place, number: str, config: TableConfig) -> Task:
    """Make a task of a row, without its grader."""
    prompt = _cell(row, config.prompt, place, "suite.prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        raise SuiteError(f"has no text in the column `{config.prompt}`", place=place, key="suite.prompt")
    answer = row.get(config.answer)
    if answer is None and isinstance(config.grader, str):
        why = f", which `grader: {config.grader}` compares with"
        _cell(row, config.answer, place, "suite.answer", why)
        raise SuiteError(f"has nothing in the column `{config.answer}`{why}", place=place, key="suite.answer")
    solution = {} if answer is None else {"solve.sh": f'cat "$(dirname "$0")/{ANSWER}" > {ANSWER}\n'.encode()}
    name = str(row.get(config.id) or number)
    if fault := id_fault(name):
        raise SuiteError(f"`{config.id}`: {fault}", place=place, key="suite.id")
    return Task(
        id=name,
        instruction=prompt.rstrip() + _ASK,
        environment=SandboxSpec(workdir=WORKDIR, image=IMAGE),
        tests={},
        solution=solution if answer is None else {**solution, ANSWER: _text(answer).encode()},
        category=str(row.get(config.category) or "default"),
        agent_timeout_s=config.agent_timeout_s,
        verifier_timeout_s=config.verifier_timeout_s,
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _graded(task: Task, row: Row, grader: Mapping[str, bytes], judge: JudgeSpec | None) -> Task:
    tests = {**grader, "row.json": json.dumps(row, ensure_ascii=False).encode()} if grader else {}
    task = replace(task, tests=tests, judge=replace(judge, row=row) if judge else None)
    return replace(task, digest=task_digest(task))


def _grader(config: TableConfig, folder: Path) -> dict[str, bytes]:
    """Give the files that grade a row, its own file left out."""
    runner = resources.files(__package__).joinpath("verifier/grade_row.py").read_bytes()
    files = {"test.sh": _TEST, "grade_row.py": runner, "answer_column": config.answer.encode()}
    if isinstance(config.grader, str):
        return {**files, "how": config.grader.encode()}
    named = {name: value for name, value in config.grader if value is not None}
    if len(named) != 1:
        raise SuiteError("`suite.grader` names one of python, shell and judge", key="suite.grader")
    how, value = next(iter(named.items()))
    if how == "judge":
        return {}
    try:
        return {**files, "how": how.encode(), "grader": (folder / value).read_bytes()}
    except OSError as problem:
        key = f"suite.grader.{how}"
        raise SuiteError(f"`{key}`: {folder / value} cannot be read: {problem.strerror}", key=key) from None


def _judge(config: TableConfig) -> JudgeSpec | None:
    judge = None if isinstance(config.grader, str) else config.grader.judge
    if judge is None:
        return None
    if judge.model == "simulated":
        raise SuiteError("`suite.grader.judge.model`: a simulated model cannot judge", key="suite.grader.judge.model")
    return JudgeSpec(judge.rubric, judge.model, judge.base_url, f"{WORKDIR}/{ANSWER}")
