"""A stage's attempts: run once, recorded as they come, drawn again only after an outage."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptResult, AttemptStatus, Purpose
from optimizer.cli.exit_codes import ExitCode, exit_code
from optimizer.ledger import Bill, CandidateRow, DrawRequest, Ledger
from optimizer.schedule import InlineScheduler, Job
from optimizer.stages.draws import DrainedError, Draws, OutageError
from optimizer.telling.progress import Progress
from task_agent.harness import HarnessBundle
from traces.errors import CredentialsError
from traces.event import TokenUsage
from traces.storage import StorageError
from traces.store import TraceStore

BUNDLE = HarnessBundle({"harness.yaml": b"name: a\n", "prompts/system.md": b"Work.\n"})
Answer = Callable[[Job], AttemptResult]


class Runner:
    """Answers every job with `answer` and remembers it."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.seen: list[str] = []

    async def run(self, job: Job) -> AttemptResult:
        self.seen.append(job.spec.id)
        return self.answer(job)

    async def flush(self) -> list[dict[str, Any]]:
        return []

    async def close(self) -> None:
        return None


def ended(job: Job, reward: float | None, cause: str | None = None) -> AttemptResult:
    status = AttemptStatus.MISSING if reward is None else AttemptStatus.SCORED
    return AttemptResult(job.spec, status, reward, cause, "", TokenUsage(1, 1), 0.25, 0, 0.1, 1)


class Stage:
    """One ledger, one runner, one `Draws`."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self.path = folder / "ledger.sqlite"
        self.ledger = Ledger(self.path)
        self.ledger.begin("r", {})
        row = CandidateRow("c000", 0, None, BUNDLE.hash, "n")
        self.ledger.conclude_slot(0, row, reason="", bill=Bill())
        self.runner = Runner(answer)
        self.scheduler = InlineScheduler(lambda _: self.runner, in_flight=2)
        self.told: list[Progress] = []
        self.draws = Draws(
            "r",
            1,
            ledger=self.ledger,
            scheduler=self.scheduler,
            store=TraceStore(folder / "traces"),
            bundle=lambda _: BUNDLE,
            listen=self.told.append,
        )

    def draw(self, count: int = 4) -> list[float | None]:
        ask = DrawRequest("c000", BUNDLE.hash, "t1", "train", Purpose.SCREEN, count)
        return [row.reward for row in self.draws.draw("stage", [ask])]

    def close(self) -> None:
        self.scheduler.close()
        self.ledger.close()


OpenStage = Callable[[Answer], Stage]


@pytest.fixture
def open_stage(tmp_path: Path) -> Iterator[OpenStage]:
    with ExitStack() as stack:

        def opened(answer: Answer) -> Stage:
            stage = Stage(tmp_path, answer)
            stack.callback(stage.close)
            return stage

        yield opened


def test_a_stage_is_run_once_and_read_back_after_that(open_stage: OpenStage) -> None:
    stage = open_stage(lambda job: ended(job, float(job.spec.replicate % 2)))
    assert stage.draw() == [0.0, 1.0, 0.0, 1.0]
    assert stage.draw() == [0.0, 1.0, 0.0, 1.0]
    assert sorted(stage.runner.seen) == [f"c000/t1/a{n:02d}" for n in range(4)]
    assert stage.ledger.spend().usd == 1.0
    assert stage.ledger.spend().reserved_usd == 0.0


def test_one_lost_attempt_is_missing_and_the_stage_goes_on(open_stage: OpenStage) -> None:
    stage = open_stage(lambda job: ended(job, None if job.spec.replicate else 1.0, "sandbox_lost"))
    assert stage.draw() == [1.0, None, None, None]
    assert len(stage.runner.seen) == 4


def test_a_stage_that_died_altogether_decides_nothing_and_is_drawn_afresh(open_stage: OpenStage) -> None:
    stage = open_stage(lambda job: ended(job, None, "provider_unavailable"))
    with pytest.raises(OutageError, match="all 4 attempts of stage died"):
        stage.draw()
    stage.runner.answer = lambda job: ended(job, 1.0)
    assert stage.draw() == [1.0] * 4
    assert [row.spec.replicate for row in stage.ledger.attempts("r", stage="stage+1")] == [4, 5, 6, 7]


def test_draining_starts_nothing_more_loses_nothing_and_can_be_gone_on_with(open_stage: OpenStage) -> None:
    def drain_at_third(job: Job) -> AttemptResult:
        stage.draws.halted = lambda: len(stage.runner.seen) >= 3
        return ended(job, 1.0)

    stage = open_stage(drain_at_third)
    with pytest.raises(DrainedError, match="not started"):
        stage.draw(20)
    begun = len(stage.runner.seen)
    assert 3 <= begun < 20
    assert len(stage.ledger.attempts("r", state="scored")) == begun
    stage.draws.halted = lambda: False
    stage.runner.answer = lambda job: ended(job, 1.0)
    assert stage.draw(20) == [1.0] * 20
    assert len(stage.runner.seen) == len(set(stage.runner.seen)) == 20


def test_both_arms_of_a_stage_share_every_moment(open_stage: OpenStage) -> None:
    stage = open_stage(lambda job: ended(job, 1.0))
    arms = [
        DrawRequest(arm, f"h-{arm}", f"t{n}", "heldout", Purpose.GATE) for arm in ("c000", "c001") for n in range(40)
    ]
    stage.draws.draw("gate", arms)
    first_half = [name.startswith("c000") for name in stage.runner.seen[:40]]
    assert 10 <= sum(first_half) <= 30


def test_progress_ends_at_the_total(open_stage: OpenStage) -> None:
    stage = open_stage(lambda job: ended(job, 1.0))
    stage.draw(7)
    last = [event for event in stage.told if event.kind == "attempts"][-1]
    assert (last.data["done"], last.data["total"]) == (7, 7)


def test_an_outage_has_an_exit_code_of_its_own_and_is_no_bug() -> None:
    assert exit_code(OutageError("down")) is ExitCode.PROVIDER


@pytest.mark.parametrize(("cause", "error"), [("credentials", CredentialsError), ("storage", StorageError)])
def test_a_refused_key_and_a_disk_that_refuses_stop_at_once_and_leave_attempts_owed(
    open_stage: OpenStage, cause: str, error: type[Exception]
) -> None:
    stage = open_stage(lambda job: ended(job, None if job.spec.replicate else 1.0, cause))
    with pytest.raises(error):
        stage.draw()
    assert not stage.ledger.attempts("r", state="missing")
    stage.runner.answer = lambda job: ended(job, 1.0)
    assert stage.draw() == [1.0] * 4


def test_each_result_is_on_disk_the_moment_it_is_there(open_stage: OpenStage) -> None:
    recorded: list[int] = []

    def answer(job: Job) -> AttemptResult:
        with closing(Ledger(stage.path, read_only=True)) as reader:
            recorded.append(len(reader.attempts(state="scored")))
        return ended(job, 1.0)

    stage = open_stage(answer)
    stage.draw(6)
    assert recorded[-1] >= 3  # two are in flight, and the caller may be one behind
