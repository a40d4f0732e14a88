"""Reading rewards, and checking tasks with their own solution and with none."""

from __future__ import annotations

import math

import pytest

from benchmarks.check import TaskCheck, check_task, check_tasks
from benchmarks.task import Reward, Task
from benchmarks.verify import grade, read_reward
from task_agent.errors import VerifierBrokenError
from task_agent.sandbox import ExecResult, Sandbox, SandboxSpec, VerifyRun, open_sandbox

WRITE = b'mkdir -p "${LOGS_DIR:-/logs}/verifier"\n'
CHECK = (
    WRITE + b'[ "$(cat answer 2>/dev/null)" = 42 ] && r=1 || r=0\necho $r > "${LOGS_DIR:-/logs}/verifier/reward.txt"\n'
)
SOLVE = b"echo 42 > answer\n"


def _run(*, timed_out: bool = False, **logs: str) -> VerifyRun:
    files = {name.replace("_", "."): text.encode() for name, text in logs.items()}
    code = None if timed_out else 1
    return VerifyRun(ExecResult("1 passed", code, 3.0, 8, timed_out), files)


def _task(name: str = "answer", *, tests: bytes = CHECK, solve: bytes | None = SOLVE) -> Task:
    solution = {} if solve is None else {"solve.sh": solve}
    return Task(name, "Write the answer.\n", SandboxSpec(), tests={"test.sh": tests}, solution=solution)


def _process(spec: SandboxSpec) -> Sandbox:
    return open_sandbox("process", spec)


@pytest.mark.parametrize(
    ("logs", "value"),
    [
        ({"reward_txt": "1"}, 1.0),
        ({"reward_txt": " 0.25\n"}, 0.25),
        ({"reward_json": "0.5"}, 0.5),
        ({"reward_json": '{"reward": 1, "style": 0.2}'}, 1.0),
        ({"reward_json": '{"accuracy": 0.75}'}, 0.75),
        ({"reward_json": "0", "reward_txt": "1"}, 0.0),
    ],
)
def test_the_reward_is_read_and_the_exit_code_ignored(logs: dict[str, str], value: float) -> None:
    assert read_reward(_run(**logs)).value == value


def test_named_parts_and_the_output_are_kept_for_people() -> None:
    reward = read_reward(_run(reward_json='{"reward": 1, "style": 0.2}'))
    assert reward.parts == {"reward": 1.0, "style": 0.2}
    assert reward.output == "1 passed"


def test_a_named_reward_counts_and_the_others_may_be_any_finite_number() -> None:
    run = _run(reward_json='{"accuracy": 0.5, "seconds": 12.5, "reward": 1}')
    assert read_reward(run).value == 1.0
    assert read_reward(run, "accuracy") == Reward(0.5, "1 passed", {"accuracy": 0.5, "seconds": 12.5, "reward": 1.0})
    with pytest.raises(VerifierBrokenError, match=r"none of it is `recall`$"):
        read_reward(run, "recall")


@pytest.mark.parametrize("ctrf", ["[]", "{", '{"results": {"tests": [{"name": "a"}]}}', "[" * 100_000])
def test_the_status_of_each_test_is_kept_and_a_bad_report_is_left_out(ctrf: str) -> None:
    good = '{"results": {"tests": [{"name": "test_a", "status": "passed"}, {"name": "test_b", "status": "failed"}]}}'
    assert read_reward(_run(reward_txt="1", ctrf_json=good)).tests == {"test_a": "passed", "test_b": "failed"}
    assert read_reward(_run(reward_txt="1", ctrf_json=ctrf)) == Reward(1.0, "1 passed")


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        ({}, "neither reward.json nor reward.txt"),
        ({"reward_txt": ""}, "is empty"),
        ({"reward_txt": "pass"}, "'pass', which is not a number"),
        ({"reward_txt": "nan"}, "not a finite number"),
        ({"reward_txt": "1.5"}, "not between 0 and 1"),
        ({"reward_txt": "-0.1"}, "not between 0 and 1"),
        ({"reward_json": "{"}, "is not JSON"),
        ({"reward_json": "NaN"}, "not a finite number"),
        ({"reward_json": "true"}, "not a number"),
        ({"reward_json": "{}"}, "names nothing"),
        ({"reward_json": '{"a": 1, "b": 0}'}, "none of it is `reward`; name the one that counts under `reward_key`"),
        ({"reward_json": '{"reward": 2}'}, "`reward` of reward.json holds 2.0, which is not between 0 and 1"),
        ({"reward_json": '{"reward": 1, "time_s": Infinity}'}, "`time_s` of reward.json holds inf"),
        ({"reward_json": '{"reward": "1"}'}, "not a number"),
        ({"reward_json": "{", "reward_txt": "1"}, "is not JSON"),
    ],
)
def test_no_valid_reward_is_a_broken_verifier_and_never_a_zero(logs: dict[str, str], said: str) -> None:
    with pytest.raises(VerifierBrokenError, match=said):
        read_reward(_run(**logs))


def test_a_verifier_out_of_time_has_no_reward_even_if_it_wrote_one() -> None:
    with pytest.raises(VerifierBrokenError, match="ran out of time after 3 s"):
        read_reward(_run(timed_out=True, reward_txt="1"))


async def test_grading_passes_the_verifiers_variables_on() -> None:
    tests = WRITE + b'echo "$WANTED" > "${LOGS_DIR:-/logs}/verifier/reward.txt"\n'
    task = Task("env", "Nothing.\n", SandboxSpec(), tests={"test.sh": tests}, verifier_env={"WANTED": "0.5"})
    sandbox = _process(task.environment)
    try:
        assert math.isclose((await grade(task, sandbox)).value, 0.5)
    finally:
        await sandbox.close()


async def test_a_sound_task_is_ok() -> None:
    assert await check_task(_task(), _process) == TaskCheck("answer", 1.0, 0.0, "ok")


async def test_a_solution_sees_its_variables_and_its_own_files() -> None:
    solve = b'cp "$(dirname "$0")/value.txt" answer; [ "$MODE" = fast ] || rm answer\n'
    task = Task(
        "own",
        "Write.\n",
        SandboxSpec(),
        tests={"test.sh": CHECK},
        solution={"solve.sh": solve, "value.txt": b"42\n"},
        solution_env={"MODE": "fast"},
    )
    assert (await check_task(task, _process)).state == "ok"


@pytest.mark.parametrize(
    ("task", "state", "said"),
    [
        (_task(solve=b"echo 41 > answer; echo oops; exit 3\n"), "broken", "solve.sh ended with 3: 'oops"),
        (_task(tests=b"true\n"), "broken", "neither reward.json nor reward.txt"),
        (_task(tests=CHECK.replace(b"r=0", b"r=0.3")), "trivial", ""),
        (_task(solve=None), "unsolved", "no solution/solve.sh"),
    ],
    ids=["wrong-solution", "no-reward", "something-for-nothing", "no-solution"],
)
async def test_a_faulty_task_is_named_with_the_reason(task: Task, state: str, said: str) -> None:
    row = await check_task(task, _process)
    assert row.state == state
    assert said in row.detail


async def test_a_task_that_must_be_built_is_not_run_in_a_bare_sandbox() -> None:
    place = SandboxSpec(build_context={"Dockerfile": b"FROM debian:12\nRUN make\n"})
    row = await check_task(
        Task("built", "Write.\n", place, tests={"test.sh": CHECK}, solution={"solve.sh": SOLVE}), _process
    )
    assert row.state == "error"
    assert "has to be built" in row.detail


async def test_rows_come_in_the_order_of_the_tasks_and_few_run_at_once() -> None:
    tasks = [_task(f"t{number}") for number in range(5)]
    open_now: list[int] = [0, 0]
    done: list[str] = []

    class Counted:
        """Count how many sandboxes of one check are open."""

        def __init__(self, spec: SandboxSpec) -> None:
            self._inner = _process(spec)
            open_now[0] += 1
            open_now[1] = max(open_now)

        def __getattr__(self, name: str) -> object:
            return getattr(self._inner, name)

        async def close(self) -> None:
            open_now[0] -= 1
            await self._inner.close()

    def make(spec: SandboxSpec) -> Sandbox:
        return Counted(spec)  # type: ignore[return-value]  # delegates the rest of the protocol

    rows = await check_tasks(tasks, make, concurrency=2, on_row=lambda row: done.append(row.task))
    assert [row.task for row in rows] == [task.id for task in tasks]
    assert sorted(done) == sorted(task.id for task in tasks)
    assert open_now == [0, 2]
