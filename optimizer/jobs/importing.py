"""Takes Harbor jobs into a run: train tasks only, into a table and a split that no decision reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.splits import Splits
from benchmarks.suite import Suite
from benchmarks.task import Split, Task
from optimizer.jobs.trial import Agent, Job, Trial, task_for, whole_events
from optimizer.ledger import ImportRow, Ledger
from traces.event import AttemptKey, Event
from traces.redact import Redactor
from traces.store import TraceStore
from traces.writer import TraceWriter

TOLD_CHARS = 40
"""A sealed task's instruction below this length is too common to look for in a trajectory."""
_REASONS = {
    "again": "imported before",
    "sealed": "of held-out or test tasks, whose trajectories no proposer may read",
    "tells": "told the instruction of a held-out or test task",
    "others": "of tasks that are not of this suite",
    "unfinished": "not finished",
}


@dataclass(frozen=True, slots=True)
class Intake:
    """Hold what is to be imported, and count what is left out, by reason."""

    rows: tuple[ImportRow, ...]
    traced: tuple[Sequence[Event], ...]
    agents: Mapping[str, Agent]
    left: Mapping[str, int]

    def __str__(self) -> str:
        scored = sum(row.reward is not None for row in self.rows)
        parts = [f"{len(self.rows):,} trials imported for proposers to read, {scored:,} of them scored"]
        parts += [f"{name} is {agent}" for name, agent in self.agents.items()]
        parts += [f"{self.left[key]:,} left out: {words}" for key, words in _REASONS.items() if self.left.get(key)]
        return "; ".join([*parts, "none counts for a score, the gate or the certified number"])


def gather(jobs: Sequence[Job], *, run: str, suite: Suite, splits: Splits, before: Sequence[ImportRow] = ()) -> Intake:
    """Read the trials of train tasks; writes nothing.

    Args:
        jobs: Where to take them from.
        run: The run that they are for.
        suite: Its tasks.
        splits: How they are divided; only train is read.
        before: What it has imported already, from wherever: such a trial is not taken again.

    Raises:
        ConfigError: A trajectory is malformed; names the file.
    """
    left: Counter[str] = Counter()
    chosen = _choose(jobs, suite, splits, {row.trial for row in before}, left)
    return _named(run, chosen, before, left)


def keep(intake: Intake, ledger: Ledger, traces: Path, redact: Redactor) -> None:
    """Write them down: trajectories first, so that a kill in between costs nothing but doing it again."""
    _write(TraceStore(traces), intake.traced, redact)
    ledger.take_in(intake.rows)


@dataclass(frozen=True, slots=True)
class _Chosen:
    job: Job
    trial: Trial
    task: Task


def _choose(jobs: Sequence[Job], suite: Suite, splits: Splits, known: set[str], left: Counter[str]) -> list[_Chosen]:
    """Pick the trials of train tasks that are not in yet, each once."""
    tasks = {task.id: task for task in suite.tasks}
    train = set(splits.of(Split.TRAIN))
    chosen: list[_Chosen] = []
    for job in jobs:
        left.update(unfinished=job.unfinished, again=job.again)
        for trial in job.trials:
            task = task_for(trial, tasks)
            if task is None or task.id not in train:
                left["others" if task is None else "sealed"] += 1
            elif trial.id in known:
                left["again"] += 1
            else:
                known.add(trial.id)
                chosen.append(_Chosen(job, trial, task))
    told = _told(suite, train)
    fit = [each for each in chosen if not _tells(each, told)]
    left["tells"] += len(chosen) - len(fit)
    return fit


def _told(suite: Suite, train: Collection[str]) -> set[str]:
    """Collect what every task that is not train asks, where that is long enough to be known again."""
    asked = {" ".join(task.instruction.split()) for task in suite.tasks if task.id not in train}
    return {text for text in asked if len(text) >= TOLD_CHARS}


def _tells(each: _Chosen, told: Iterable[str]) -> bool:
    """Say whether a trajectory under a train task's name tells what a sealed task asks."""
    own = " ".join(each.task.instruction.split())
    key = AttemptKey("", "", each.task.id, Split.TRAIN.value, "")
    text = " ".join(" ".join((event.text or "").split()) for event in each.trial.events(key))
    return any(asked in text for asked in told if asked not in own)


def _named(run: str, chosen: Sequence[_Chosen], before: Sequence[ImportRow], left: Counter[str]) -> Intake:
    """Give the attempts names, going on after those that were imported before."""
    names = {row.title: row.agent for row in before}
    count = Counter((row.agent, row.task) for row in before)
    agents: dict[str, Agent] = {}
    rows: list[ImportRow] = []
    traced: list[list[Event]] = []
    for each in chosen:
        agent = each.trial.agent
        name = names.setdefault(_title(agent), f"i{len(names) + 1:03d}")
        agents[name] = agent
        number = count[name, each.task.id]
        count[name, each.task.id] += 1
        row, events = _taken(run, each, name, number)
        rows.append(row)
        traced.append(events)
    return Intake(tuple(rows), tuple(traced), agents, left)


def _taken(run: str, each: _Chosen, name: str, number: int) -> tuple[ImportRow, list[Event]]:
    trial, task = each.trial, each.task.id
    attempt = f"{name}/{task}/a{number:02d}"
    graded = trial.graded(each.task)
    events = whole_events(trial, AttemptKey(run, name, task, Split.TRAIN.value, attempt), graded)
    row = ImportRow(
        trial=trial.id,
        job=each.job.name,
        agent=name,
        title=_title(trial.agent),
        attempt=attempt,
        task=task,
        reward=graded.reward,
        cause=graded.cause,
        detail=graded.detail[:2000],
        tokens=trial.tokens,
        cost_usd=trial.cost_usd,
        duration_s=trial.duration_s,
        turns=trial.turns(events),
    )
    return row, events


def _title(agent: Agent) -> str:
    """Tell agents apart for good."""
    return f"{agent.name} {agent.version} {agent.model}".strip()


def _write(store: TraceStore, traced: Sequence[Sequence[Event]], redact: Redactor) -> None:
    """Seal the trajectories into the store, each event at the moment it happened."""
    if not traced:
        return
    now = 0.0
    with TraceWriter(store.root, "import", clock=lambda: now, redact=redact, after=store.latest_start) as writer:
        for events in traced:
            trace = writer.attempt(events[0].key)
            for event in events:
                now = event.ts
                trace.emit(
                    event.kind,
                    agent=event.agent,
                    turn=event.turn,
                    name=event.name,
                    text=event.text,
                    data=event.data,
                    usage=event.usage,
                    cost_usd=event.cost_usd,
                    duration_ms=event.duration_ms,
                )
        store.add(writer.seal())
