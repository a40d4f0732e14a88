"""A table of prompts: every way to grade, and what is refused."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import SuiteError, Task, load_suite
from benchmarks.check import check_task
from benchmarks.judge import judge_answer
from benchmarks.phases import work_through
from benchmarks.task import Reward
from task_agent.errors import VerifierBrokenError
from task_agent.models.base import ModelReply
from task_agent.models.scripted import ScriptedModel, call, say
from task_agent.sandbox import Sandbox, SandboxSpec, open_sandbox

CSV = 'id,prompt,answer,category\nsum,"What is 2 + 2?",4,maths\ncapital,Capital of France?,Paris,places\n'
PYTHON = """\
def grade(row, answer):
    return {'reward': float(answer.strip() == row['answer']), 'length': len(answer)}
"""
SHELL = """\
wanted="$(python3 -c 'import json, os; print(json.load(open(os.environ["ROW_FILE"]))["answer"])')"
echo "looking for $wanted"
grep -qi "$wanted" "$ANSWER_FILE" && echo 1 || echo 0
"""
JUDGE = {"judge": {"rubric": "Right and short.", "model": "claude-haiku-5-5"}}


def _process(spec: SandboxSpec) -> Sandbox:
    return open_sandbox("process", spec)


def _load(root: Path, text: str = CSV, name: str = "quiz.csv", **settings: object) -> list[Task]:
    (root / name).write_text(text)
    (root / "grade.py").write_text(PYTHON)
    (root / "grade.sh").write_text(SHELL)
    return list(load_suite({"kind": "table", "path": name, **settings}, root).tasks)


@pytest.mark.parametrize("grader", ["exact", "contains", {"python": "grade.py"}, {"shell": "grade.sh"}])
async def test_the_expected_answer_earns_1_and_none_earns_0(tmp_path: Path, grader: object) -> None:
    for task in _load(tmp_path, grader=grader):
        row = await check_task(task, _process)
        assert (row.oracle, row.noop, row.state) == (1.0, 0.0, "ok"), row.detail


@asynccontextmanager
async def _answered(task: Task, answer: str | None) -> AsyncIterator[Sandbox]:
    sandbox = _process(task.environment)
    try:
        if answer is not None:
            await sandbox.put({"answer.txt": answer.encode()}, "/app")
        yield sandbox
    finally:
        await sandbox.close()


async def _nothing(task: Task) -> None:
    """Leave the place as it is."""


async def _reward(task: Task, answer: str) -> Reward:
    async with _answered(task, answer) as sandbox:
        return await work_through(task, sandbox, _nothing, _process)


@pytest.mark.parametrize(
    ("grader", "answer", "value"),
    [
        ("exact", " PARIS\n", 1.0),
        ("exact", "Paris, France", 0.0),
        ("contains", "It is Paris.", 1.0),
        ("number", "Paris", 0.0),
        ({"python": "grade.py"}, "Paris", 1.0),
        ({"shell": "grade.sh"}, "london", 0.0),
    ],
)
async def test_answers_are_compared_as_the_grader_says(
    tmp_path: Path, grader: object, answer: str, value: float
) -> None:
    assert (await _reward(_load(tmp_path, grader=grader)[1], answer)).value == value


@pytest.mark.parametrize(("answer", "value"), [("4.0", 1.0), ("$ 4", 1.0), ("5", 0.0), ("four", 0.0)])
async def test_numbers_are_compared_as_numbers(tmp_path: Path, answer: str, value: float) -> None:
    assert (await _reward(_load(tmp_path, grader="number")[0], answer)).value == value


async def test_a_python_grader_may_name_parts_and_its_fault_is_no_reward(tmp_path: Path) -> None:
    task = _load(tmp_path, grader={"python": "grade.py"})[1]
    assert (await _reward(task, "Paris")).parts == {"reward": 1.0, "length": 5.0}
    (tmp_path / "grade.py").write_text("def grade(row, answer):\n    return row['none']\n")
    broken = load_suite({"kind": "table", "path": "quiz.csv", "grader": {"python": "grade.py"}}, tmp_path).tasks[1]
    with pytest.raises(VerifierBrokenError, match="KeyError"):
        await _reward(broken, "Paris")


def test_rows_of_json_lines_keep_their_types_and_get_names(tmp_path: Path) -> None:
    text = json.dumps({"prompt": "List them.", "answer": [1, 2]}) + "\n\n" + json.dumps({"prompt": "b", "answer": "c"})
    tasks = _load(tmp_path, text, "rows.jsonl")
    assert [task.id for task in tasks] == ["row-1", "row-2"]
    assert tasks[0].solution["answer.txt"] == b"[1, 2]"
    assert tasks[0].instruction.endswith("Write your answer, and nothing else, to answer.txt in the working directory.")
    assert not tasks[0].needs_image
    assert tasks[0].digest != tasks[1].digest


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        ("prompt,answer\na\n", {}, "quiz.csv:2: has another number of cells"),
        ("question,answer\na,b\n", {}, "quiz.csv:2: has no column `prompt`; there are `question`, `answer`"),
        ("prompt,answer\n ,b\n", {}, "quiz.csv:2: has no text in the column `prompt`"),
        ("prompt\na\n", {}, "has no column `answer`, which `grader: exact` compares with; there are `prompt`"),
        ("prompt,answer\na,b\n", {"answer": "Right"}, "has no column `Right`, which"),
        (
            f"id,prompt,answer\na,c,d\n{'x' * 300},c,d\n",
            {},
            "quiz.csv:3: `id`: .* cannot name a task: it has 300 bytes",
        ),
        ("id,prompt,answer\na/b,c,d\n", {}, "'a/b' cannot name a task"),
        (CSV, {"grader": {"python": "gone.py"}}, r"`suite\.grader\.python`: .*gone\.py cannot be read"),
        (CSV, {"grader": {}}, "names one of python, shell and judge"),
        (CSV, {"grader": {"judge": {"rubric": "x", "model": "simulated"}}}, "a simulated model cannot judge"),
        (CSV, {"graders": 1}, r"suite\.graders"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, text: str, settings: dict[str, object], said: str
) -> None:
    with pytest.raises(SuiteError, match=said):
        _load(tmp_path, text, **settings)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("id;prompt;answer\na;b;4\n", "the first line seems to have semicolons between them"),
        ("id;prompt;answer\na;b, or c;4\n", "the first line seems to have semicolons between them"),
        ("id\tprompt\tanswer\na\tb\t4\n", "the first line seems to have tabs between them"),
        ("id, prompt, answer\na,b,4\n", "did you mean ' prompt'"),
        ("id,Prompt,answer\na,b,4\n", "did you mean 'Prompt'"),
        ("id,what,answer\na,b,4\n", ""),
    ],
)
def test_a_column_that_is_not_there_is_guessed(tmp_path: Path, text: str, hint: str) -> None:
    with pytest.raises(SuiteError) as refused:
        _load(tmp_path, text)
    assert hint in refused.value.hint
    assert bool(hint) == bool(refused.value.hint)


def test_a_cell_may_be_long_and_the_limit_of_the_process_stays(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    (task,) = _load(tmp_path, f"prompt,answer\n{'long ' * 40_000},4\n")
    assert len(task.instruction) > 200_000 - 1
    assert csv.field_size_limit() == limit


def test_only_a_line_feed_ends_a_row_of_json_lines(tmp_path: Path) -> None:
    text = json.dumps({"prompt": "b\u2028c\x85d", "answer": "4"}, ensure_ascii=False)
    (task,) = _load(tmp_path, text, "rows.jsonl")
    assert task.instruction.startswith("b\u2028c\x85d\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": "b \\ud800", "answer": "4"}', "rows.jsonl:2: holds half of a surrogate pair"),
        ('{"prompt": "b", "answer": "4", "\\udc00": 1}', "rows.jsonl:2: holds half of a surrogate pair"),
        ("[" * 100_000, "rows.jsonl:2: is not JSON"),
        ("[]", "rows.jsonl:2: is not an object"),
        ("{", "rows.jsonl:2: is not JSON"),
        ('{"answer": "4"}', "rows.jsonl:2: has no column `prompt`; there are `answer`"),
    ],
    ids=["text", "key", "deep", "list", "cut", "no-prompt"],
)
def test_a_row_of_json_lines_that_cannot_be_used_is_refused(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        _load(tmp_path, '{"prompt": "a", "answer": "4"}\n' + line, "rows.jsonl")


async def test_an_answer_that_is_no_text_is_compared_as_json(tmp_path: Path) -> None:
    (task,) = _load(tmp_path, json.dumps({"prompt": "a", "answer": ["é", 1]}), "rows.jsonl")
    assert (await _reward(task, '["é", 1]')).value == 1.0


async def test_a_shell_graders_last_line_is_the_reward_and_nothing_else(tmp_path: Path) -> None:
    task = _load(tmp_path, grader={"shell": "grade.sh"})[0]
    half = replace(task, tests={**task.tests, "grader": b"echo looked; echo 0.5; echo"})
    assert (await _reward(half, "4")).value == 0.5
    words = replace(task, tests={**task.tests, "grader": b"echo 1 of 1"})
    with pytest.raises(VerifierBrokenError, match="the last line that the grader printed is no number: '1 of 1'"):
        await _reward(words, "4")


def _grade(**given: object) -> ModelReply:
    return call("report_grade", given, cost_usd=0.01)


async def test_a_judge_sees_rubric_row_and_answer_and_its_bill_comes_with_the_reward(tmp_path: Path) -> None:
    task = _load(tmp_path, grader=JUDGE)[1]
    model = ScriptedModel([_grade(score=0.75, reason="Right, but long.")])
    async with _answered(task, "Paris, I think") as sandbox:
        reward = await work_through(task, sandbox, _nothing, _process, lambda one, text: judge_answer(one, text, model))
    assert (reward.value, reward.output) == (0.75, "Right, but long.")
    assert reward.bill is not None
    assert reward.bill.cost_usd == 0.01
    shown = str(model.requests[0].messages[0].content)
    assert all(text in shown for text in ("Right and short.", "Capital of France?", "Paris, I think", "places"))
    assert model.requests[0].model == "claude-haiku-5-5"


async def test_without_an_answer_no_judge_is_asked(tmp_path: Path) -> None:
    model = ScriptedModel([])
    task = _load(tmp_path, grader=JUDGE)[1]
    async with _answered(task, None) as sandbox:
        reward = await work_through(task, sandbox, _nothing, _process, lambda one, text: judge_answer(one, text, model))
    assert (reward.value, model.requests) == (0.0, [])


@pytest.mark.parametrize("reply", [say("It is fine."), _grade(score=2, reason="x"), _grade(score=True, reason="x")])
async def test_a_judge_without_a_grade_is_a_broken_verifier(tmp_path: Path, reply: ModelReply) -> None:
    with pytest.raises(VerifierBrokenError, match="gave no grade between 0 and 1"):
        await judge_answer(_load(tmp_path, grader=JUDGE)[0], "4", ScriptedModel([reply]))


async def test_a_check_asks_no_judge(tmp_path: Path) -> None:
    row = await check_task(_load(tmp_path, grader=JUDGE)[0], _process)
    assert (row.state, row.runs) == ("unsolved", 0)
