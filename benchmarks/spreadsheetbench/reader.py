"""Reads SpreadsheetBench as published and makes tasks of it; the kind `spreadsheetbench` of suites."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from benchmarks.errors import SuiteError
from benchmarks.settings import read_settings
from benchmarks.spreadsheetbench.cells import case_cells, check_workbooks, expected_file
from benchmarks.spreadsheetbench.dataset import Fault, Item, read_items, refuse
from benchmarks.spreadsheetbench.files import Facts, LazyFiles, Scripts
from benchmarks.spreadsheetbench.library import grader_zip, openpyxl_zip, test_script
from benchmarks.spreadsheetbench.record import RawRecord, Record, check_record, read_record
from benchmarks.suite import Suite
from benchmarks.task import Task
from task_agent.sandbox.base import SandboxSpec

WORKDIR = "/app"
LIBRARY = ".lib/openpyxl.zip"
IMAGE = "python:3.11-slim-bookworm"
READING_S = 40.0
"""What the verifier may take for one case beside the program; reading is ended after 10 s of processor time."""
_VERSION = 1
"""Part of every digest: raise it when the same records give other work or other grades."""


class SpreadsheetBenchConfig(BaseModel):
    """Say where the dataset is, which of its tasks to take, and how to score."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)

    path: str
    """The folder with dataset.json, from the run file's folder."""
    limit: int | None = Field(default=None, ge=1)
    """Take only this many, spread evenly over what is left after the other choices."""
    ids: tuple[str, ...] | None = None
    """Take only these."""
    skip: tuple[str, ...] = ()
    """Leave these out; the others must be sound."""
    types: tuple[Literal["cell_level", "sheet_level"], ...] | None = None
    """Take only tasks of these kinds."""
    score: Literal["hard", "soft"] = "hard"
    """`hard`: 1 when all cases are right. `soft`: the share of cases that are right."""
    case_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """How long the agent's program may run on one workbook."""


def load(settings: Mapping[str, object], base: Path) -> Suite:
    """Read the dataset that the settings name.

    Raises:
        SuiteError: A setting is wrong, or the dataset or a chosen record is malformed; says where.
    """
    config = read_settings(SpreadsheetBenchConfig, settings)
    folder = base / Path(config.path).expanduser()
    records, faults = _sound(folder, *_chosen(read_items(folder), config, folder))
    refuse(faults)
    return Suite(
        name="spreadsheetbench",
        tasks=tuple(make_task(record, config) for _, record in records),
        examine=functools.partial(_examine, tuple(records)),
    )


def stands_on(settings: Mapping[str, object], base: Path) -> Sequence[Path]:
    """Name the dataset's folder: its records and the workbooks of their cases lie below it."""
    return (base / Path(read_settings(SpreadsheetBenchConfig, settings).path).expanduser(),)


def _chosen(
    items: Sequence[Item], config: SpreadsheetBenchConfig, folder: Path
) -> tuple[list[tuple[Item, RawRecord]], list[Fault]]:
    """Choose the records to take, and tell which of those named cannot be read at all."""
    unknown = {*(config.ids or ()), *config.skip} - {item.name for item in items}
    if unknown:
        key = "suite.ids" if unknown & {*(config.ids or ())} else "suite.skip"
        raise SuiteError(f"`{key}`: {folder} has no record {sorted(unknown)[0]!r}", key=key)
    read: list[tuple[Item, RawRecord]] = []
    faults: list[Fault] = []
    for item in items:
        if item.name in config.skip or (config.ids is not None and item.name not in config.ids):
            continue
        try:
            read.append((item, read_record(item.content)))
        except SuiteError as problem:
            faults.append(item.fault(problem.message))
    taken = [(item, raw) for item, raw in read if config.types is None or raw.level in config.types]
    if not taken and not faults:
        raise SuiteError(f"no record of {folder} is left after `ids`, `types` and `skip`", key="suite")
    count = min(config.limit or len(taken), len(taken))
    return [taken[number * len(taken) // count] for number in range(count)], faults


def _sound(
    folder: Path, chosen: Sequence[tuple[Item, RawRecord]], faults: Sequence[Fault]
) -> tuple[list[tuple[Item, Record]], list[Fault]]:
    """Check every chosen record with its workbooks, and tell all that is wrong."""
    records: list[tuple[Item, Record]] = []
    found = list(faults)
    for item, raw in chosen:
        try:
            record = check_record(folder, raw)
            check_workbooks(record)
            records.append((item, record))
        except SuiteError as problem:
            found.append(item.fault(problem.message))
    return records, found


def _examine(records: Sequence[tuple[Item, Record]], names: Collection[str]) -> None:
    """Read all cells that grading or the reference solution will need of these tasks.

    Raises:
        SuiteError: Some cannot be read; all are named.
    """
    faults: list[Fault] = []
    for item, record in records:
        try:
            for case in record.cases if record.id in names else ():
                case_cells(record, case)
        except SuiteError as problem:
            faults.append(item.fault(problem.message))
    refuse(faults)


def make_task(record: Record, config: SpreadsheetBenchConfig) -> Task:
    """Turn a checked record into a task; its files are read when they are needed."""
    first = record.cases[0].source
    metadata = {
        "category": record.level,
        "family": record.level,
        "cases": len(record.cases),
        "inspect": f"ls -l; python3 -m zipfile -l {first.name} | head -n 20",
    }
    environment = SandboxSpec(
        workdir=WORKDIR,
        files=LazyFiles({first.name: first, LIBRARY: openpyxl_zip}),
        env={"PYTHONPATH": f"{WORKDIR}/{LIBRARY}:{LIBRARY}", "PYTHONDONTWRITEBYTECODE": "1"},
        image=IMAGE,
        memory_mb=1024,
        pids=512,
        disk_mb=256,
    )
    return Task(
        id=record.id,
        instruction=write_instruction(record, config.case_timeout_s),
        environment=environment,
        tests=_tests(record, config),
        solution=Scripts(record),
        category=record.level,
        agent_timeout_s=600.0,
        verifier_timeout_s=len(record.cases) * (config.case_timeout_s + READING_S) + 30.0,
        metadata=Facts(record, metadata),
        digest=_digest(record, config),
    )


def write_instruction(record: Record, limit_s: float) -> str:
    """Word the task as an agent is given it."""
    name = record.cases[0].source.name
    where = ", ".join(map(str, record.ranges))
    first_sheet = "" if all(one.sheet for one in record.ranges) else " (of the first sheet where none is named)"
    data = f"- The data stands in {record.data_position}.\n" if record.data_position else ""
    return (
        f"{record.instruction}\n\n"
        f"Above is what a user asked for about the workbook {name} in the working directory. "
        "Write a Python program `solution.py` there that does it. It will be run as\n\n"
        "    python3 solution.py INPUT OUTPUT\n\n"
        "on this workbook and on others with the same layout and other data. INPUT is the path of a workbook to read; "
        "the finished workbook must be saved at the path OUTPUT.\n\n"
        f"- The result is expected in {where}{first_sheet}, in the same cells of every workbook.\n"
        f"{data}"
        "- openpyxl can be imported when programs are started in the working directory. There is no network.\n"
        "- Only stored values are read: a formula without a stored result counts as an empty cell.\n"
        f"- One run may take {limit_s:g} seconds.\n"
    )


@dataclass(frozen=True, slots=True)
class _Text:
    """Make a small file; a class, so that tasks can be sent to other processes."""

    content: str

    def __call__(self) -> bytes:
        return f"{self.content}\n".encode()


def _tests(record: Record, config: SpreadsheetBenchConfig) -> LazyFiles:
    fixed: dict[str, Path | Callable[[], bytes]] = {
        "test.sh": test_script,
        "grader.zip": grader_zip,
        "openpyxl.zip": openpyxl_zip,
        "expected.txt": functools.partial(expected_file, record),
        "score.txt": _Text(config.score),
        "limit.txt": _Text(f"{config.case_timeout_s:g}"),
    }
    return LazyFiles({**fixed, **{f"cases/{case.source.name}": case.source for case in record.cases}})


def _digest(record: Record, config: SpreadsheetBenchConfig) -> str:
    """Hash the record, its workbooks and what decides the grade; the packed tools are not part of it."""
    content = {
        "version": _VERSION,
        "id": record.id,
        "instruction": record.instruction,
        "level": record.level,
        "ranges": [str(one) for one in record.ranges],
        "data": record.data_position,
        "score": config.score,
        "limit": config.case_timeout_s,
        "cases": [[_file_hash(path) for path in (case.source, case.answer)] for case in record.cases],
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
