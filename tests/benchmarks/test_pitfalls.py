"""The bundled suite: solvable, not passable by accident, and every slip really wrong."""

from __future__ import annotations

import asyncio
import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks import Suite, SuiteError, Task, load_suite
from benchmarks.harbor import read_task, write_suite
from benchmarks.pitfalls.generator import CROSS_CUTTING, FAMILIES, OUT_OF_FAMILY
from benchmarks.simulated.catalogue import SLIPS
from benchmarks.verify import grade, run_solution
from task_agent.sandbox import Probe, SandboxKind, open_sandbox, probe

HERE = Path()
KINDS = (
    pytest.param("process", id="process"),
    pytest.param("bubblewrap", id="bubblewrap", marks=pytest.mark.bubblewrap),
)
_probe = functools.cache(probe)


@functools.cache
def _suite(seed: int = 1) -> Suite:
    return load_suite({"kind": "pitfalls", "seed": seed}, HERE)


def _one_per_family(seed: int = 1) -> list[Task]:
    """Pick a task of every family, another one for each."""
    tasks = [[task for task in _suite(seed).tasks if task.category == family] for family in FAMILIES]
    return [found[5 * place % len(found)] for place, found in enumerate(tasks)]


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> SandboxKind:
    tried: Probe = _probe(request.param)
    if not tried.ok:
        pytest.skip(f"no {tried.kind} here: {tried.reason}")
    return tried.kind


async def _reward(task: Task, kind: SandboxKind, script: str | None) -> float:
    sandbox = open_sandbox(kind, task.environment)
    try:
        if script is not None:
            result = await run_solution(task, sandbox, script)
            assert not result.timed_out
            assert script != "solve.sh" or result.output == "", "a reference solution should be quiet"
        return (await grade(task, sandbox)).value
    finally:
        await sandbox.close()


async def _wrong_rewards(tasks: Sequence[Task], kind: SandboxKind) -> list[tuple[str, str | None, float]]:
    """Run the solution, nothing, and every slip; name what did not earn what it should."""
    plan = [
        (task, script)
        for task in tasks
        for script in ("solve.sh", None, *(f"slips/{slip}.sh" for slip in task.metadata["slips"]))
    ]
    limit = asyncio.Semaphore(4)

    async def run(task: Task, script: str | None) -> float:
        async with limit:
            return await _reward(task, kind, script)

    rewards = await asyncio.gather(*(run(task, script) for task, script in plan))
    wanted = [1.0 if script == "solve.sh" else 0.0 for _, script in plan]
    return [
        (task.id, script, reward)
        for (task, script), reward, right in zip(plan, rewards, wanted, strict=True)
        if reward != right
    ]


async def test_of_every_family_the_solution_earns_one_and_nothing_or_a_slip_zero() -> None:
    assert await _wrong_rewards(_one_per_family(), "process") == []


@pytest.mark.bubblewrap
@pytest.mark.parametrize("kind", KINDS[1:], indirect=True)
async def test_in_a_jail_the_rewards_are_the_same(kind: SandboxKind) -> None:
    assert await _wrong_rewards(_one_per_family()[::4], kind) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", KINDS, indirect=True)
@pytest.mark.parametrize("seed", [1, 2])
async def test_on_every_task_the_solution_earns_one_and_nothing_or_a_slip_zero(kind: SandboxKind, seed: int) -> None:
    assert await _wrong_rewards(_suite(seed).tasks, kind) == []


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", [pytest.param("docker", id="docker")], indirect=True)
async def test_in_a_container_every_task_gives_the_same_rewards(kind: SandboxKind) -> None:
    assert await _wrong_rewards(_suite().tasks, kind) == []


async def test_solutions_work_step_by_step_in_one_shell() -> None:
    for task in _one_per_family():
        sandbox = open_sandbox("process", task.environment)
        steps = task.solution["solve.sh"].decode().split("# step: ")[1:]
        assert 2 <= len(steps) <= 3
        try:
            await sandbox.exec(str(task.metadata["inspect"]), timeout_s=20)
            for step in steps:
                result = await sandbox.exec(step.partition("\n")[2], timeout_s=20)
                assert result.exit_code == 0, (task.id, result.output)
            assert (await grade(task, sandbox)).value == 1.0, task.id
        finally:
            await sandbox.close()


async def test_the_first_look_succeeds_and_shows_something() -> None:
    for task in _one_per_family():
        sandbox = open_sandbox("process", task.environment)
        try:
            result = await sandbox.exec(str(task.metadata["inspect"]), timeout_s=20)
        finally:
            await sandbox.close()
        assert result.exit_code == 0
        assert result.output.strip()


def test_the_suite_has_over_220_tasks_of_at_least_13_families() -> None:
    counts = Counter(task.category for task in _suite().tasks)
    assert len(_suite().tasks) >= 220
    assert len(counts) >= 13
    assert min(counts.values()) >= 16


def test_same_seed_gives_the_same_suite_and_another_seed_other_tasks() -> None:
    again = load_suite({"kind": "pitfalls", "seed": 1}, HERE)
    other = _suite(2)
    assert again.hash == _suite().hash
    assert again.tasks == _suite().tasks
    assert not {task.digest for task in other.tasks} & {task.digest for task in again.tasks}


def test_the_suite_is_the_same_bytes_on_every_machine() -> None:
    """Databases are left out: their layout is up to the SQLite library at hand."""
    rest = Suite("rest", tuple(task for task in _suite().tasks if task.category != "sqlite_queries"))
    assert rest.hash[:16] == "c226294a44aeccc6"


def test_no_two_tasks_have_the_same_instruction() -> None:
    counts = Counter(task.instruction for task in (*_suite().tasks, *_suite(2).tasks))
    assert counts.most_common(1)[0][1] == 1


def test_answers_occur_in_no_input_and_no_instruction() -> None:
    tasks = _suite().tasks
    shown = [task.instruction.encode() for task in tasks]
    shown += [name.encode() for task in tasks for name in task.environment.files]
    shown += [content for task in tasks for content in task.environment.files.values()]
    everything = b"\0".join(shown)
    leaked = [(task.id, key) for task in tasks for key in task.metadata["answer_keys"] if key.encode() in everything]
    assert leaked == []


def test_no_two_tasks_share_an_answer() -> None:
    keys = Counter(key for task in _suite().tasks for key in task.metadata["answer_keys"])
    assert [key for key, count in keys.items() if count > 1] == []
    assert min(map(len, keys)) >= 8


def test_slips_are_of_the_catalogue_and_common_enough() -> None:
    tasks = _suite().tasks
    counts = Counter(slip for task in tasks for slip in task.metadata["slips"])
    families = {slip: {task.category for task in tasks if slip in task.metadata["slips"]} for slip in counts}
    assert set(counts) == set(SLIPS)
    assert all(len(found) >= 2 for found in families.values())
    for slip in frozenset().union(*CROSS_CUTTING):
        assert 0.40 <= counts[slip] / len(tasks) <= 0.50
    for slip in ("header_offset", "number_format"):
        assert counts[slip] / len(tasks) >= 0.25


def test_every_task_carries_the_scripts_of_its_slips_and_no_others() -> None:
    for task in _suite().tasks:
        scripts = {f"slips/{slip}.sh" for slip in task.metadata["slips"]} | {"solve.sh"}
        assert set(task.solution) == scripts
        assert len(set(task.solution.values())) == len(scripts), "a slip does the same as the solution or another slip"
        assert 2 <= len(task.metadata["slips"]) <= 4


def test_a_cut_of_24_takes_from_every_family_in_turn() -> None:
    mini = load_suite({"kind": "pitfalls", "seed": 1, "tasks": 24}, HERE)
    assert len(mini.tasks) == 24
    assert {task.category for task in mini.tasks} == set(FAMILIES)


def test_a_task_stays_the_same_when_other_families_are_left_out() -> None:
    alone = load_suite({"kind": "pitfalls", "families": ["inventory"], "per_family": 3}, HERE)
    assert [task.digest for task in alone.tasks] == [_suite().task(task.id).digest for task in alone.tasks]


def test_only_the_families_for_the_end_are_marked_out_of_family() -> None:
    marked = {task.category for task in _suite().tasks if task.metadata.get("out_of_family")}
    assert marked == OUT_OF_FAMILY


def test_tasks_read_back_from_harbors_format_are_equal(tmp_path: Path) -> None:
    suite = load_suite({"kind": "pitfalls", "tasks": 28}, HERE)
    write_suite(suite, tmp_path)
    for task in suite.tasks:
        assert read_task(tmp_path / task.id) == task
    assert load_suite({"kind": "harbor", "path": str(tmp_path)}, HERE).hash == suite.hash


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"families": ["csv_total"]}, "no family \\['csv_total'\\]"),
        ({"families": []}, "no family"),
        ({"per_family": 0}, "suite.per_family"),
        ({"seed": "one"}, "suite.seed"),
        ({"sed": 1}, "suite.sed"),
    ],
)
def test_wrong_settings_are_refused_by_name(settings: dict[str, object], said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        load_suite({"kind": "pitfalls", **settings}, HERE)


async def _graded(task: Task, *commands: str) -> float:
    sandbox = open_sandbox("process", task.environment)
    try:
        for command in commands:
            await sandbox.exec(command, timeout_s=20)
        return (await grade(task, sandbox)).value
    finally:
        await sandbox.close()


def _output(task: Task) -> str:
    """Name the first artefact a task asks for."""
    return task.tests["checks.txt"].decode().splitlines()[0].split(" ", 1)[1]


async def _after_solving(task: Task, command: str) -> float:
    steps = task.solution["solve.sh"].decode().split("# step: ")[1:]
    return await _graded(task, *(step.partition("\n")[2] for step in steps), command)


@pytest.mark.parametrize(
    ("change", "reward"),
    [
        ("printf '%s' \"$(cat {out})\" > t; cp t {out}", 1.0),
        ("sed -i 's/$/\\r/' {out}", 1.0),
        ("sed -i 's/[^,]*/\"&\"/g' {out}", 1.0),
        ("printf '\\357\\273\\277' | cat - {out} > t; cp t {out}", 1.0),
        ("sed -i '2d' {out}", 0.0),
        ("sed -i '$s/[0-9]$/x/' {out}", 0.0),
        ("cat {out} >> t; cat t >> {out}", 0.0),
    ],
    ids=["no-last-newline", "crlf", "quoted", "bom", "line-lost", "digit-wrong", "doubled"],
)
async def test_tables_are_compared_by_cell_and_not_by_byte(change: str, reward: float) -> None:
    task = _suite().task("csv-totals-00")
    assert await _after_solving(task, change.format(out=_output(task))) == reward


async def test_an_input_that_was_to_be_kept_may_not_change() -> None:
    task = _suite().task("csv-totals-00")
    name = next(iter(task.environment.files))
    assert await _after_solving(task, f"echo more >> {name}") == 0.0


async def test_a_link_to_the_expected_answer_earns_nothing() -> None:
    task = _suite().task("csv-totals-00")
    folder = _output(task).partition("/")[0]
    target = "${TESTS_DIR:-/tests}/expected"
    assert await _graded(task, f"ln -s {target}/{folder} {folder}") == 0.0
    assert await _graded(task, f"mkdir {folder}; ln -s {target}/{_output(task)} {_output(task)}") == 0.0


async def test_a_reward_written_by_the_agent_earns_nothing() -> None:
    task = _suite().task("csv-totals-00")
    forge = 'd=${LOGS_DIR:-/logs}/verifier; mkdir -p "$d"; echo 1 > "$d/reward.txt"; echo 1 > "$d/reward.json"'
    assert await _graded(task, forge) == 0.0
