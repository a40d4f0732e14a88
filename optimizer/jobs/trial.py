"""Trials of a Harbor job folder as attempts: what ended how, what it used, and its trajectory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from benchmarks.task import Task
from optimizer.jobs.causes import cause_of
from optimizer.jobs.result import TrialResult
from traces.atif import from_atif
from traces.errors import ConfigError, NotFoundError, Place, UsageError
from traces.event import AttemptKey, Event, EventKind

CONFIG, RESULT, TRAJECTORY = "config.json", "result.json", "trajectory.json"
VERIFIER_CHARS = 4000
"""What is kept of a verifier's output: its end, as of our own attempts."""
MOST_CONTINUED = 100


@dataclass(frozen=True, slots=True)
class Agent:
    """Name who made trials elsewhere: nothing of it can be run here."""

    name: str
    version: str
    model: str

    @property
    def hash(self) -> str:
        """Give an identity that no harness bundle has."""
        text = f"imported\0{self.name}\0{self.version}\0{self.model}"
        return hashlib.sha256(text.encode()).hexdigest()

    def __str__(self) -> str:
        version = f" {self.version[:16]}" if self.version != "unknown" else ""
        return f"{self.name}{version}{f' with {self.model}' if self.model else ''}"


@dataclass(frozen=True, slots=True)
class Graded:
    """Hold what a trial counts as: a reward, or none and why."""

    reward: float | None
    cause: str | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """Hold one ended trial; `id` is the same wherever its folder is copied to."""

    folder: Path
    id: str
    task: str
    agent: Agent
    result: TrialResult

    def graded(self, task: Task | None = None) -> Graded:
        """Say what it counts as: the task's named reward, else `reward`, else the only one; missing is None."""
        error = self.result.exception_info
        cause, detail = (cause_of(error.type), f"{error.type}: {error.message}") if error else (None, "")
        if ours := self.result.ours:
            cause, detail = ours.get("cause"), str(ours.get("detail") or "")
        rewards = (self.result.verifier_result.rewards if self.result.verifier_result else None) or {}
        if not rewards:
            return Graded(None, cause or "verifier_broken", detail or "it has neither a reward nor an exception")
        only = next(iter(rewards)) if len(rewards) == 1 else None
        name = (task.reward_key if task else None) or ("reward" if "reward" in rewards else only)
        if name not in rewards:
            return Graded(None, "verifier_broken", f"of its rewards {', '.join(rewards)} none is `{name or 'reward'}`")
        if not 0 <= rewards[name] <= 1:
            return Graded(None, "verifier_broken", f"its reward {rewards[name]:g} is not between 0 and 1")
        return Graded(rewards[name], cause, detail)

    @property
    def tokens(self) -> int | None:
        """Give the tokens it tells of; None when it tells of none."""
        ours = self.result.ours.get("tokens")
        if isinstance(ours, int):
            return ours
        return self.result.agent_result.tokens if self.result.agent_result else None

    @property
    def cost_usd(self) -> float | None:
        """Give what it says that it cost; None is unpriced."""
        return self.result.agent_result.cost_usd if self.result.agent_result else None

    @property
    def duration_s(self) -> float:
        """Give how long it took, its sandbox's start and its grading included."""
        ours = self.result.ours.get("duration_s")
        return float(ours) if isinstance(ours, int | float) else self.result.duration_s

    def turns(self, events: Sequence[Event]) -> int | None:
        """Give the model calls it tells of, else those of its trajectory; None when neither is there."""
        ours = self.result.ours.get("turns")
        return ours if isinstance(ours, int) else sum(event.kind is EventKind.MODEL for event in events) or None

    def events(self, key: AttemptKey) -> list[Event]:
        """Read its trajectory under another name; without one, only how it began and ended.

        Raises:
            ConfigError: A file of it is not what it should be; names the file.
        """
        found: list[Event] = []
        for path in self._trajectories():
            found += _read_trajectory(path, key)
        return found

    def _trajectories(self) -> Iterator[Path]:
        steps = [step.step_name for step in self.result.step_results or ()]
        for folder in [self.folder, *(self.folder / "steps" / name for name in steps)]:
            path: Path | None = folder / "agent" / TRAJECTORY
            for _ in range(MOST_CONTINUED):
                if path is None or not path.is_file():
                    break
                yield path
                after = _read_json(path).get("continued_trajectory_ref")
                path = path.parent / Path(after).name if isinstance(after, str) else None

    def said(self) -> str:
        """Give the end of what the verifier printed."""
        try:
            text = (self.folder / "verifier" / "test-stdout.txt").read_bytes().decode("utf-8", "replace")
        except OSError:
            return ""
        return text[-VERIFIER_CHARS:]


@dataclass(frozen=True, slots=True)
class Job:
    """Hold a job's ended trials, each once; `unfinished` trials left no result, `again` were there twice."""

    path: Path
    trials: tuple[Trial, ...]
    unfinished: int = 0
    again: int = 0

    @property
    def name(self) -> str:
        """Give the folder's name."""
        return self.path.resolve().name

    @property
    def agents(self) -> list[Agent]:
        """List who made the trials, in the order of their first one."""
        return list(dict.fromkeys(trial.agent for trial in self.trials))


def is_job(path: Path) -> bool:
    """Say whether a folder looks like a job's: folders of trials below it."""
    return path.is_dir() and any(True for _ in _trial_folders(path))


def read_job(path: Path) -> Job:
    """Read a job folder.

    Raises:
        NotFoundError: There is no such folder.
        ConfigError: It holds no trials, or a file of it is malformed; names the file.
    """
    if not path.is_dir():
        raise NotFoundError(
            "Harbor job", str(path), hint="name the folder that holds a job's trials, such as jobs/NAME"
        )
    folders = list(_trial_folders(path))
    if not folders:
        raise ConfigError(
            "holds no trials",
            place=Place(path),
            hint="name one job's folder: its trials are the folders right below it",
        )
    found = [_read_trial(folder) for folder in folders if (folder / RESULT).is_file()]
    ended = [trial for trial in found if trial is not None]
    unique = {trial.id: trial for trial in reversed(ended)}
    trials = tuple(sorted(unique.values(), key=lambda trial: (trial.task, trial.id)))
    return Job(path, trials, len(folders) - len(ended), len(ended) - len(trials))


def task_for(trial: Trial, tasks: Mapping[str, Task]) -> Task | None:
    """Find the task a trial is of: by its name, with or without the organisation before it."""
    return tasks.get(trial.task) or tasks.get(trial.task.rpartition("/")[2])


def _trial_folders(path: Path) -> Iterator[Path]:
    """List what holds a trial: its result names one, or it has a config and no result yet."""
    for folder in sorted(entry for entry in path.iterdir() if entry.is_dir()):
        if (folder / RESULT).is_file() or (folder / CONFIG).is_file():
            yield folder


def _read_trial(folder: Path) -> Trial | None:
    """Read a trial; None when it has not ended."""
    path = folder / RESULT
    try:
        result = TrialResult.model_validate(_read_json(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        told = f"`{key}`: {first['msg'][:1].lower()}{first['msg'][1:]}, not {first['input']!r:.80}"
        raise ConfigError(told, place=Place(path), key=key, hint=_HINT) from None
    if result.finished_at is None and result.verifier_result is None and result.exception_info is None:
        return None
    info = result.agent_info
    agent = Agent(info.name, info.version, info.model_info.name if info.model_info else "")
    name = result.id or f"{result.trial_name} {result.started_at}"
    return Trial(folder, name, result.task_name, agent, result)


_HINT = "mend the file, or take the trial's folder out of the job"


def _read_json(path: Path) -> dict[str, Any]:  # Any: JSON
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot be read as JSON: {error}", place=Place(path), hint=_HINT) from None
    if not isinstance(found, dict):
        raise ConfigError("is no JSON object", place=Place(path), hint=_HINT)
    return found


def _read_trajectory(path: Path, key: AttemptKey) -> Sequence[Event]:
    try:
        return from_atif(_read_json(path), key)
    except ConfigError:
        raise
    except UsageError as error:
        raise ConfigError(error.message, place=Place(path), hint=_HINT) from None


def whole_events(trial: Trial, key: AttemptKey, graded: Graded) -> list[Event]:
    """Give the trajectory as an attempt's trace: begun, worked, graded, ended.

    An export of ours holds all of that already.
    """
    events = trial.events(key)
    if any(event.kind is EventKind.ATTEMPT_END for event in events):
        return events
    result = trial.result
    begun = result.started_at.timestamp() if result.started_at else (events[0].ts if events else 0.0)
    ended = result.finished_at.timestamp() if result.finished_at else (events[-1].ts if events else begun)
    data = {"imported": trial.id, "agent": str(trial.agent)}
    told = {"reward": graded.reward, "cause": graded.cause}
    return [
        Event(key, 0, begun, EventKind.ATTEMPT_START, name="import", data=data),
        *events,
        Event(key, 0, ended, EventKind.VERIFIER, text=trial.said(), data={"reward": graded.reward}),
        Event(key, 0, ended, EventKind.ATTEMPT_END, data=told),
    ]
