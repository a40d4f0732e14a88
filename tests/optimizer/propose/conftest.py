from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from optimizer.propose import (
    AttemptView,
    CandidateView,
    Digest,
    Foresight,
    Prediction,
    PredictionScore,
    TaskBrief,
    TrainScore,
    Workspace,
)
from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.surface import EditSurface
from traces import AttemptKey, EventKind, TokenUsage
from traces.store import TraceStore
from traces.writer import TraceWriter

CANARY = "canary-5e0b7d41c9"
CHAMPION = HarnessBundle(
    {"harness.yaml": b"name: seed\n", "prompts/system.md": b"You solve tasks with the bash tool.\nBe quick.\n"}
)
SURFACE = EditSurface(frozenset({"prompts", "tools", "skills", "orchestration", "limits"}), frozenset({"model"}))
TASKS = [TaskBrief("sum-01", "Add up the column.", "sums"), TaskBrief("merge-02", "Merge the lists.", "merges")]
ATTEMPTS = [
    AttemptView("c000/sum-01/a00", "c000", "sum-01", 0.0, turns=3),
    AttemptView("c000/sum-01/a01", "c000", "sum-01", 1.0, turns=4),
    AttemptView("c000/merge-02/a00", "c000", "merge-02", 0.0, "out_of_turns", turns=30),
    AttemptView("c000/merge-02/a01", "c000", "merge-02", None, "sandbox_lost"),
    AttemptView("c001/sum-01/a00", "c001", "sum-01", 1.0, turns=5),
]
HISTORY = [
    CandidateView(
        "c001",
        "c000",
        "Look before parsing",
        "reject",
        "not better than the champion beyond noise",
        "--- a/prompts/system.md\n+++ b/prompts/system.md\n+Look first.\n",
        hypothesis="headers are not in the first row",
        train=TrainScore(0.5, 4, 4),
        prediction=Prediction(("sum-01",), ("merge-02",)),
        outcome=PredictionScore(Foresight(1, 1, 1), Foresight(1, 0, 0), 0),
    )
]


@dataclass(frozen=True)
class Run:
    """A run's folder with everything a proposer must not reach."""

    root: Path

    @property
    def store(self) -> TraceStore:
        return TraceStore(self.root / "traces")

    def workspace(
        self,
        *,
        attempts: Sequence[AttemptView] = tuple(ATTEMPTS),
        tasks: Sequence[TaskBrief] = tuple(TASKS),
        history: Sequence[CandidateView] = tuple(HISTORY),
        digests: Sequence[Digest] = (),
        texts: Path | None = None,
    ) -> Workspace:
        return Workspace.build(
            self.root / "proposer" / "one",
            champion=CHAMPION,
            champion_id="c000",
            history=history,
            store=self.store,
            attempts=attempts,
            tasks=tasks,
            surface=SURFACE,
            digests=digests,
            texts=texts,
        )


def write_attempt(writer: TraceWriter, attempt: str, split: str, secret: str) -> None:
    candidate, task, _ = attempt.split("/")
    trace = writer.attempt(AttemptKey(f"run-{secret}" if split != "train" else "run", candidate, task, split, attempt))
    trace.emit(EventKind.ATTEMPT_START, data={"note": secret})
    trace.emit(EventKind.USER, text=f"<task>\nAdd up the column. {secret}\n</task>")
    usage = TokenUsage(input=100, output=20)
    trace.emit(EventKind.MODEL, turn=1, name="m", text=f"I add. {secret}", usage=usage, cost_usd=0.01)
    trace.emit(EventKind.TOOL_CALL, turn=1, name="bash", data={"id": "1", "input": {"command": f"cat {secret}"}})
    trace.emit(EventKind.TOOL_RESULT, turn=1, name="bash", text=f"7 {secret}\n" * 30, data={"id": "1"})
    trace.emit(EventKind.VERIFIER, text=f"expected 8 {secret}", data={"reward": 0.0})
    trace.emit(EventKind.ATTEMPT_END, data={"reward": 0.0})


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real trace store: sealed and live files of three splits, and secrets all around."""
    root = tmp_path_factory.mktemp("template") / "run-1"
    store = TraceStore(root / "traces")
    with TraceWriter(root / "traces", "w0") as writer:
        for attempt in ATTEMPTS:
            write_attempt(writer, attempt.id, "train", "in the open")
        write_attempt(writer, f"c000/held-{CANARY}/a00", "heldout", CANARY)
        write_attempt(writer, f"c001/test-{CANARY}/a00", "test", CANARY)
        store.add(writer.seal())
    with TraceWriter(root / "traces", "w1") as writer:
        write_attempt(writer, "c001/merge-02/a00", "train", "still running")
        write_attempt(writer, f"c001/held-{CANARY}/a01", "heldout", CANARY)
        write_attempt(writer, f"c001/sum-01-{CANARY}/a01", "test", CANARY)
        (root / "ledger.sqlite").write_text(f"SQLite format 3 {CANARY}")
        (root / "suite" / "held").mkdir(parents=True)
        (root / "suite" / "held" / "test.sh").write_text(f"echo {CANARY}")
        (root / "suite" / "held" / "train.csv").write_text(f"a,b\n{CANARY},1\n")
        shutil.copytree(root, root.parent / "copy")
    return root.parent / "copy"


@pytest.fixture
def run(template: Path, tmp_path: Path) -> Iterator[Run]:
    os.environ["PLANTED_API_KEY"] = f"key-{CANARY}"
    yield Run(shutil.copytree(template, tmp_path / "runs" / "run-1"))
    del os.environ["PLANTED_API_KEY"]


@pytest.fixture
def workspace(run: Run) -> Workspace:
    return run.workspace()


@pytest.fixture
def rebuild(run: Run) -> Callable[..., Workspace]:
    """Build the workspace with other rows."""
    return run.workspace


@pytest.fixture
def canary() -> str:
    return CANARY
