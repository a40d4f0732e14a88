"""What a worker process needs to build its runner: small, picklable, the same for every worker."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from optimizer.config import RunConfig
from optimizer.schedule.base import Runner
from task_agent.sandbox import mark
from task_agent.sandbox.base import SandboxKind
from traces.redact import Redactor, secret_values
from traces.writer import TraceWriter


def open_writer(traces: Path, name: str, *, after: int) -> TraceWriter:
    """Open a trace writer that masks every secret of this process's environment; `after` as it has it."""
    return TraceWriter(traces, name, redact=Redactor(secret_values(os.environ)), after=after)


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """Build a worker's runner; called inside the worker process.

    `launch` names the driver's session, so that a resumed run never writes to a dead worker's file;
    `after` is the latest start its traces hold; `mark` is the run's, which a worker on another machine
    does not inherit.
    """

    config: RunConfig
    traces: Path
    sandbox: SandboxKind
    launch: str
    after: int = 0
    mark: str = field(default_factory=mark.current)

    def __call__(self, worker: str) -> Runner:
        """Load the suite, open the trace writer, connect the model."""
        from benchmarks.suite import load_suite
        from optimizer.attempt import AttemptRunner
        from optimizer.clients import make_client, make_judge
        from optimizer.kept_work import FOLDER
        from task_agent.orchestration.code import open_jails
        from task_agent.sandbox import open_sandbox

        mark.put_on(self.mark)
        suite = load_suite(self.config.suite, Path.cwd())
        role = self.config.models.task
        return AttemptRunner(
            suite,
            make_client(role, self.config, suite),
            model=role.model,
            effort=role.effort,
            make_sandbox=lambda spec: open_sandbox(self.sandbox, spec),
            traces=open_writer(self.traces, f"{self.launch}-{worker}", after=self.after),
            seed=self.config.seed,
            artifacts=self.traces.parent / FOLDER,
            keep_work=self.config.sandbox.keep_work,
            judge=make_judge(self.config, suite),
            jails=open_jails(allow_unsafe=self.config.sandbox.allow_unsafe),
        )
