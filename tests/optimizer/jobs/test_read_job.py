"""Reading a job: what counts as what, and which file is wrong where one is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from optimizer.failure import CAUSES, SANDBOX_LOST_AT_WORK, UNCLASSIFIED, WORKER_LOST
from optimizer.jobs.causes import EXCEPTIONS, cause_of, exception_of
from optimizer.jobs.trial import is_job, read_job, whole_events
from traces.errors import ConfigError, NotFoundError
from traces.event import AttemptKey, EventKind, TokenUsage

Job = Any  # Any: the HarborJob of conftest.py
KEY = AttemptKey("r", "i001", "sums-01", "train", "i001/sums-01/a00")


def test_a_trial_is_an_attempt_with_reward_use_and_time(job: Job) -> None:
    job.trial("org/sums-01", 0.5)
    (trial,) = read_job(job.path).trials
    assert (trial.task, str(trial.agent)) == ("org/sums-01", "claude-code 2.0.1 with claude-opus-5-5")
    assert (trial.graded().reward, trial.graded().cause) == (0.5, None)
    assert (trial.tokens, trial.cost_usd, trial.duration_s) == (1000, 0.25, 150.5)


def test_its_trajectory_is_a_trace_that_begins_and_ends(job: Job) -> None:
    job.trial("sums-01", 1.0)
    (trial,) = read_job(job.path).trials
    events = whole_events(trial, KEY, trial.graded())
    kinds = [event.kind for event in events]
    assert kinds[0] is EventKind.ATTEMPT_START
    assert kinds[1:5] == [EventKind.USER, EventKind.MODEL, EventKind.TOOL_CALL, EventKind.TOOL_RESULT]
    assert kinds[5:] == [EventKind.VERIFIER, EventKind.ATTEMPT_END]
    assert {event.key for event in events} == {KEY}
    assert (events[2].text, events[2].usage) == ("I look first.", TokenUsage(400, 100, 500, 0))
    assert (events[5].text, dict(events[6].data)) == ("2 passed\n", {"reward": 1.0, "cause": None})
    assert events[6].ts - events[0].ts == 150.5
    assert trial.turns(events) == 1


def test_a_missing_reward_is_missing_and_never_0(job: Job) -> None:
    job.trial("a", None, error="AgentTimeoutError")
    job.trial("b", None)
    job.trial("c", None, verifier_result={"rewards": None})
    graded = [trial.graded() for trial in read_job(job.path).trials]
    assert [each.reward for each in graded] == [None, None, None]
    assert [each.cause for each in graded] == ["out_of_time", "verifier_broken", "verifier_broken"]
    assert graded[0].detail == "AgentTimeoutError: as it said"


def test_an_exception_beside_a_reward_keeps_both(job: Job) -> None:
    job.trial("a", 0.0, error="AgentTimeoutError")
    (trial,) = read_job(job.path).trials
    assert (trial.graded().reward, trial.graded().cause) == (0.0, "out_of_time")


def test_every_exception_has_a_cause_that_is_known_and_unforeseen_ones_are_unclassified() -> None:
    names = {cause.name for cause in CAUSES.values()} | {WORKER_LOST.name}
    assert set(EXCEPTIONS.values()) <= names
    assert cause_of("SomethingNewError") == UNCLASSIFIED.name
    for name in names:
        assert cause_of(exception_of(name)) == name
    assert exception_of(SANDBOX_LOST_AT_WORK.name) == "SandboxLostAtWorkError"
    assert exception_of("tampered") == "TamperedError"


@pytest.mark.parametrize(
    ("rewards", "reward"),
    [
        ({"score": 0.7}, 0.7),
        ({"reward": 0.2, "style": 1}, 0.2),
        ({"style": 1, "speed": 0}, None),
        ({"reward": 7}, None),
    ],
)
def test_of_several_rewards_the_one_named_reward_counts(job: Job, rewards: dict[str, float], reward: float) -> None:
    job.trial("a", verifier_result={"rewards": rewards})
    graded = read_job(job.path).trials[0].graded()
    assert graded.reward == reward
    assert (graded.cause is None) == (reward is not None)


def test_the_same_trial_twice_is_one(job: Job) -> None:
    shutil.copytree(job.trial("a"), job.path / "a__copied1")
    found = read_job(job.path)
    assert (len(found.trials), found.again) == (1, 1)


def test_trials_that_have_not_ended_are_counted_and_left_out(job: Job) -> None:
    job.trial("a")
    (job.trial("b") / "result.json").unlink()
    job.trial("c", None, finished_at=None)
    found = read_job(job.path)
    assert (len(found.trials), found.unfinished) == (1, 2)


def test_a_continued_trajectory_and_those_of_steps_are_read_in_order(job: Job) -> None:
    folder = job.trial("a", step_results=[{"step_name": "one"}, {"step_name": "two"}])
    whole = json.loads((folder / "agent" / "trajectory.json").read_text())
    whole["continued_trajectory_ref"] = "trajectory.cont-1.json"
    (folder / "agent" / "trajectory.json").write_text(json.dumps(whole))
    del whole["continued_trajectory_ref"]
    for name, text in (("agent/trajectory.cont-1.json", "then"), ("steps/two/agent/trajectory.json", "last")):
        whole["steps"][1]["message"] = text
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(whole))
    said = [event.text for event in read_job(job.path).trials[0].events(KEY) if event.kind is EventKind.MODEL]
    assert said == ["I look first.", "then", "last"]


def test_what_is_no_job_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="Harbor job"):
        read_job(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="holds no trials"):
        read_job(tmp_path)
    assert not is_job(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "is no JSON object"),
        ('{"task_name": "a"}', "`trial_name`: field required"),
        ('{"task_name": "a", "trial_name": "a", "agent_info": {"name": "x"}, "verifier_result": {"rewards": {"reward": '
         'NaN}}}', "`verifier_result.rewards.reward`: "),
        ('{"task_name": "a", "trial_name": "a", "agent_info": {"name": "x"}, "verifier_result": {"rewards": {"reward": '
         'true}}}', "`verifier_result.rewards.reward`: "),
        ('{"task_name": "a", "trial_name": "a", "agent_info": {"name": "x"}, "started_at": "noon"}', "`started_at`: "),
    ],
)  # fmt: skip
def test_a_malformed_result_is_named(job: Job, content: str, says: str) -> None:
    path = job.trial("a") / "result.json"
    path.write_text(content)
    with pytest.raises(ConfigError) as wrong:
        read_job(job.path)
    assert str(path) in wrong.value.message
    assert says in wrong.value.message


def test_a_malformed_trajectory_is_named(job: Job) -> None:
    path = job.trial("a") / "agent" / "trajectory.json"
    path.write_text('{"schema_version": "ATIF-v1.7", "agent": {"name": "x", "version": "1"}, "steps": []}')
    with pytest.raises(ConfigError, match="steps") as wrong:
        read_job(job.path).trials[0].events(KEY)
    assert str(path) in wrong.value.message
