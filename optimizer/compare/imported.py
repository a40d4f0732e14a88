"""Trials of a Harbor job as one side of a comparison: made elsewhere, so old evidence at best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.suite import Suite
from optimizer.attempt_spec import AttemptSpec, AttemptStatus, Purpose
from optimizer.jobs.trial import Agent, Job, Trial, is_job, read_job, task_for
from optimizer.ledger import AttemptRow
from traces.errors import NotFoundError, UsageError
from traces.event import AttemptKey

AT = "@"
"""Stands between a job's folder and the agent that is meant, where several made its trials."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Hold one agent's trials of a job."""

    job: Job
    agent: Agent

    @property
    def trials(self) -> list[Trial]:
        """List the agent's trials."""
        return [trial for trial in self.job.trials if trial.agent == self.agent]

    @property
    def title(self) -> str:
        """Say who made them."""
        return f"imported: {self.agent}"

    def rows(self, suite: Suite, tasks: frozenset[str], label: str) -> Iterator[AttemptRow]:
        """Give the trials of some tasks as attempts; what a job does not tell of their use stays unknown.

        Raises:
            ConfigError: A trajectory is malformed; names the file.
        """
        known = {task.id: task for task in suite.tasks}
        count: Counter[str] = Counter()
        for number, trial in enumerate(self.trials):
            task = task_for(trial, known)
            if task is None or task.id not in tasks:
                continue
            graded = trial.graded(task)
            spec = AttemptSpec(self.job.name, label, self.agent.hash, task.id, "", count[task.id], Purpose.IMPORT)
            count[task.id] += 1
            status = AttemptStatus.MISSING if graded.reward is None else AttemptStatus.SCORED
            turns = trial.turns(trial.events(AttemptKey("", "", task.id, "", "")))
            yield AttemptRow(
                rowid=number,
                spec=spec,
                stage=Purpose.IMPORT.value,
                state=status.value,
                reward=graded.reward,
                cause=graded.cause,
                detail=graded.detail,
                tokens=trial.tokens or 0,
                cost_usd=trial.cost_usd,
                unpriced=int(trial.cost_usd is None),
                duration_s=trial.duration_s,
                turns=turns or 0,
            )

    def strangers(self, suite: Suite) -> int:
        """Count the trials of tasks that the suite does not have."""
        known = {task.id: task for task in suite.tasks}
        return sum(task_for(trial, known) is None for trial in self.trials)

    def same_suite(self, suite: Suite) -> bool:
        """Say whether every trial tells that its task was one of this very suite, by content."""
        return all(trial.result.ours.get("suite") == suite.hash for trial in self.trials)


def find_imported(word: str) -> Imported | None:
    """Read the job that a word names, `JOB` or `JOB@AGENT`; None when it names none.

    Raises:
        UsageError: Several agents made its trials and none is named, or none ended.
        NotFoundError: No agent goes by the name.
        ConfigError: A file of the job is malformed.
    """
    folder, _, wanted = (word, "", "") if is_job(Path(word)) else word.rpartition(AT)
    if not folder or not is_job(Path(folder)):
        return None
    job = read_job(Path(folder))
    agents = [agent for agent in job.agents if not wanted or slug(agent).startswith(wanted)]
    names = [f"{folder}{AT}{slug(agent)}" for agent in job.agents]
    if len(agents) == 1:
        return Imported(job, agents[0])
    if not job.agents:
        raise UsageError(f"no trial of {folder} has ended", hint="let Harbor finish the job first")
    if not agents:
        raise NotFoundError("agent", wanted, close_matches=names[:3], hint=f"its agents: {', '.join(names)}")
    raise UsageError(f"{len(agents)} agents made the trials of {folder}", hint=f"name one: {', '.join(names)}")


def slug(agent: Agent) -> str:
    """Name an agent as Harbor's summaries do, with its version."""
    return "__".join(filter(None, [agent.name, agent.model, agent.version])).replace("/", "-")
