"""What is remembered of a suite across runs: its split, the looks at its test tasks, its gate epoch.

One append-only file of JSON lines per suite hash (`benchmarks.journal`). Nothing here is ever
rewritten: a count that could be lowered would be worth nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.errors import SuiteError
from benchmarks.journal import Journal, locked, whole_lines
from benchmarks.splits import Splits


class RegistryError(SuiteError):
    """Say that a suite's record is damaged, or that a run asks for what was never recorded."""


@dataclass(frozen=True, slots=True)
class SuiteRecord:
    """Hold one epoch of a suite.

    `tests_used` and `keeps` count this epoch's gate tests over all runs; `looks` counts every look
    ever taken at any test split of the suite. `began` are the splits of the epoch that the run it was read for
    enrolled in: a run may rotate on.
    """

    suite: str
    epoch: int
    splits: Splits
    made_by: str
    tests_used: int
    keeps: int
    looks: int
    began: Splits


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Tell a run which split it works on; `notice` is a sentence for the run's log and report, or empty."""

    record: SuiteRecord
    inherited: bool
    notice: str


@dataclass(frozen=True, slots=True)
class Reservation:
    """Say where a gate test stands in its epoch: how many tests and keeps came before it."""

    epoch: int
    tests_before: int
    keeps_before: int


@dataclass(slots=True)
class _Epoch:
    splits: Splits
    made_by: str
    tests: int = 0
    keeps: int = 0


@dataclass(slots=True)
class _State:
    """Add up a suite's lines; epochs count from 1."""

    suite: str
    epochs: list[_Epoch] = field(default_factory=list)
    enrolled: dict[str, int] = field(default_factory=dict)
    began: dict[str, int] = field(default_factory=dict)
    tests: dict[tuple[str, str], Reservation] = field(default_factory=dict)
    kept: set[tuple[str, str]] = field(default_factory=set)
    looks: dict[str, int] = field(default_factory=dict)

    def take(self, line: Mapping[str, object]) -> None:
        """Apply one line."""
        run = str(line["run"])
        match line["kind"]:
            case "split":
                self.epochs.append(_Epoch(Splits.from_record(_mapping(line["splits"])), made_by=run))
                self._enrol(run)
            case "run":
                self._enrol(run)
            case "test":
                epoch = self.epoch_of(run)
                self.tests[run, str(line["test"])] = Reservation(self.enrolled[run], epoch.tests, epoch.keeps)
                epoch.tests += 1
            case "keep":
                self.epoch_of(run).keeps += 1
                self.kept.add((run, str(line["test"])))
            case "look":
                self.looks[run] = len(self.looks) + 1
            case kind:
                raise RegistryError(f"the record of suite {self.suite[:12]} holds a line of unknown kind {kind!r}")

    def _enrol(self, run: str) -> None:
        self.enrolled[run] = len(self.epochs)
        self.began.setdefault(run, len(self.epochs))

    def epoch_of(self, run: str) -> _Epoch:
        """Find the epoch a run works in.

        Raises:
            RegistryError: The run never enrolled.
        """
        if run not in self.enrolled:
            raise RegistryError(f"run {run!r} has not enrolled for suite {self.suite[:12]}")
        return self.epochs[self.enrolled[run] - 1]

    def record(self, run: str | None = None) -> SuiteRecord:
        """Give a run's epoch as it stands, or the present one."""
        epoch = len(self.epochs) if run is None else self.enrolled[run]
        held = self.epochs[epoch - 1]
        began = self.epochs[(epoch if run is None else self.began[run]) - 1].splits
        return SuiteRecord(self.suite, epoch, held.splits, held.made_by, held.tests, held.keeps, len(self.looks), began)


class SuiteRegistry:
    """Keep one record per suite hash under `folder` (`runs/suites`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def record(self, suite: str, run: str | None = None) -> SuiteRecord | None:
        """Read a run's epoch, or the present one; None when no run has used the suite."""
        path = self._path(suite)
        state = _read(suite, path.read_bytes()) if path.exists() else _State(suite)
        if run is not None and run in state.enrolled:
            return state.record(run)
        return state.record() if state.epochs else None

    def enrol(self, suite: str, run: str, make: Callable[[], Splits], *, new_split: bool = False) -> Enrolment:
        """Give a run the suite's frozen split; the first run, or `new_split`, makes it and begins an epoch.

        Enrolling the same run again changes nothing: a resumed run keeps its split, even when a later
        run has given it up.

        Args:
            suite: The suite's hash.
            run: The run's id, never used for another run.
            make: Makes a split; called only when one is needed.
            new_split: Give up the present split for a new one.
        """
        with self._locked(suite) as file:
            state = file.state
            notice = ""
            if run not in state.enrolled:
                if state.epochs and not new_split:
                    file.append({"kind": "run", "run": run})
                    notice = _inherited(state.record())
                else:
                    notice = _renewed(len(state.epochs) + 1) if state.epochs else ""
                    file.append({"kind": "split", "run": run, "splits": make().to_record()})
            record = state.record(run)
            return Enrolment(record, inherited=record.made_by != run, notice=notice)

    def rotate(self, suite: str, run: str, epoch: int, make: Callable[[Splits], Splits]) -> SuiteRecord:
        """Move a run on from `epoch` to one with other held-out tasks; done already, change nothing.

        A later epoch of another run is joined when all that it holds out is in this run's reserve.

        Args:
            suite: The suite's hash.
            run: The run's id.
            epoch: The number of the epoch that is over.
            make: Makes the next epoch's splits from this one's.

        Raises:
            RegistryError: The run never enrolled.
        """
        with self._locked(suite) as file:
            state = file.state
            here = state.epoch_of(run).splits
            if state.enrolled[run] == epoch:
                last = state.epochs[-1].splits
                if set(last.heldout) <= set(here.reserve):
                    file.append({"kind": "run", "run": run})
                else:
                    file.append({"kind": "split", "run": run, "splits": make(here).to_record()})
            return state.record(run)

    def reserve_test(self, suite: str, run: str, test: str) -> Reservation:
        """Count a gate test before its first attempt.

        The same run and test count once: a resumed run gets the same answer and so the same level.

        Raises:
            RegistryError: The run never enrolled.
        """
        with self._locked(suite) as file:
            if (run, test) not in file.state.tests:
                file.state.epoch_of(run)
                file.append({"kind": "test", "run": run, "test": test})
            return file.state.tests[run, test]

    def content(self, suite: str) -> bytes:
        """Give the lines of a suite's record as they stand; none when no run has used it."""
        path = self._path(suite)
        return whole_lines(path.read_bytes()) if path.exists() else b""

    def has_test(self, suite: str, run: str, test: str) -> bool:
        """Say whether a run's gate test was counted already."""
        path = self._path(suite)
        return path.exists() and (run, test) in _read(suite, path.read_bytes()).tests

    def record_keep(self, suite: str, run: str, test: str) -> None:
        """Count a keep of a reserved test, once.

        Raises:
            RegistryError: The test was never reserved.
        """
        with self._locked(suite) as file:
            if (run, test) not in file.state.tests:
                raise RegistryError(f"test {test!r} of run {run!r} was never reserved")
            if (run, test) not in file.state.kept:
                file.append({"kind": "keep", "run": run, "test": test})

    def record_look(self, suite: str, run: str) -> int:
        """Count a run's look at the test split before it is taken; give its number, from 1, for ever the same."""
        with self._locked(suite) as file:
            if run not in file.state.looks:
                file.state.epoch_of(run)
                file.append({"kind": "look", "run": run})
            return file.state.looks[run]

    def _path(self, suite: str) -> Path:
        if not suite or not suite.isalnum():
            raise RegistryError(f"{suite!r} is not a suite hash")
        return self._folder / f"{suite}.jsonl"

    @contextmanager
    def _locked(self, suite: str) -> Iterator[_LockedRecord]:
        with locked(self._path(suite)) as journal:
            yield _LockedRecord(journal, _read(suite, journal.content))


@dataclass(frozen=True, slots=True)
class _LockedRecord:
    """Hold one suite's lines, and what they add up to, while the lock is held."""

    journal: Journal
    state: _State

    def append(self, line: Mapping[str, object]) -> None:
        """Put one line on disk, then count it."""
        self.journal.append(line)
        self.state.take(line)


def _read(suite: str, content: bytes) -> _State:
    state = _State(suite)
    lines = whole_lines(content).splitlines()
    for number, raw in enumerate(lines, start=1):
        try:
            state.take(_mapping(json.loads(raw)))
        except (ValueError, KeyError) as error:
            raise RegistryError(f"line {number} of the record of suite {suite[:12]} is damaged: {error}") from error
    return state


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise RegistryError("a line that is not a table")
    return value


def _inherited(record: SuiteRecord) -> str:
    return (
        f"split inherited from {record.made_by}: {record.tests_used} gate tests and {record.looks} looks "
        "at the test tasks came before this run"
    )


def _renewed(epoch: int) -> str:
    return (
        f"new split, epoch {epoch}: tasks once seen may now be held out or in the test split, "
        "so what earlier runs learned may leak into this one"
    )
