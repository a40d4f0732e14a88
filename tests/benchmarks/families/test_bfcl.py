"""Multi-turn tool tasks in BFCL's layout: right calls pass, and state, results and turns are held against them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import SuiteError, Task, load_suite
from benchmarks.check import check_task
from benchmarks.phases import work_through
from benchmarks.task import Reward
from benchmarks.verify import run_solution
from task_agent.errors import VerifierBrokenError
from task_agent.sandbox import Sandbox, SandboxSpec, open_sandbox

SHOP = '''\
from .prices import PRICES


class Shelf:
    def __init__(self, place):
        self.place = place

    def __eq__(self, other):
        return isinstance(other, Shelf) and self.place == other.place


class ShopAPI:
    """Sell things."""

    def __init__(self):
        self.basket = {}
        self._calls = 0

    def _load_scenario(self, scenario, long_context=False):
        self.basket = dict(scenario.get("basket", {}))
        self.shelf = Shelf("long" if long_context else "short")

    def add(self, item: str, count: int = 1):
        """Put an item into the basket."""
        self._calls += 1
        if item not in PRICES:
            raise ValueError(f"no {item}")
        self.basket[item] = self.basket.get(item, 0) + count
        return {"basket": self.basket}

    def total(self):
        """Add the basket up."""
        return sum(PRICES[item] * count for item, count in self.basket.items())

    def place(self):
        """Say which shelf it is."""
        return self.shelf.place
'''
QUESTION = [[{"role": "user", "content": "Two pears, please."}], [{"role": "user", "content": "What is it all?"}]]
RECORD = {
    "id": "multi_turn_base_0",
    "question": QUESTION,
    "initial_config": {"ShopAPI": {"basket": {"fig": 1}}},
    "path": ["ShopAPI.add", "ShopAPI.total"],
    "involved_classes": ["ShopAPI"],
}
ONE_PEAR = "\"add(item='pear')\""
TRUTH = [["add(item='pear', count=2)"], ["total()"]]


def _process(spec: SandboxSpec) -> Sandbox:
    return open_sandbox("process", spec)


def _write(root: Path, truth: Sequence[Sequence[str]] = TRUTH, **changed: object) -> None:
    record = {**RECORD, **changed}
    known = RECORD["id"] if record["id"] == "other" else record["id"]
    files = {
        "data/shop.json": json.dumps(record) + "\n",
        "data/possible_answer/shop.json": json.dumps({"id": known, "ground_truth": truth}) + "\n",
        "data/func_source_code/shop_api.py": SHOP,
        "data/func_source_code/prices.py": "PRICES = {'pear': 3, 'fig': 5}\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def _load(root: Path, truth: Sequence[Sequence[str]] = TRUTH, **changed: object) -> Task:
    _write(root, truth, **changed)
    return load_suite({"kind": "bfcl", "path": "data/shop.json"}, root).tasks[0]


def _says(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


async def test_the_right_calls_pass_and_none_do_not(tmp_path: Path) -> None:
    row = await check_task(_load(tmp_path), _process)
    assert (row.oracle, row.noop, row.state) == (1.0, 0.0, "ok"), row.detail


@pytest.mark.bubblewrap
async def test_they_pass_in_a_jail_too(tmp_path: Path) -> None:
    from task_agent.sandbox import probe

    if not probe("bubblewrap").ok:
        pytest.skip("no bubblewrap here")
    row = await check_task(_load(tmp_path), lambda spec: open_sandbox("bubblewrap", spec))
    assert (row.oracle, row.noop, row.state) == (1.0, 0.0, "ok"), row.detail


def test_a_turn_is_a_step_that_begins_with_what_was_said_before(tmp_path: Path) -> None:
    task = _load(tmp_path)
    first, second = (part.instruction for part in task.parts)
    assert "Two pears" in first
    assert "What is it all?" not in first
    assert second.index("Two pears") < second.index("Now the user says:\nWhat is it all?")
    assert not any(b"pear" in content for name, content in task.environment.files.items() if "prices" not in name)


async def _worked(task: Task, *commands: str) -> Reward:
    """Do a command in each turn; `right` is the reference's."""
    sandbox, left = _process(task.environment), list(commands)

    async def agent(part: Task) -> None:
        command = left.pop(0)
        await (run_solution(part, sandbox) if command == "right" else sandbox.exec(command, timeout_s=20))

    try:
        return await work_through(task, sandbox, agent, _process)
    finally:
        await sandbox.close()


@pytest.mark.parametrize(
    ("commands", "parts"),
    [
        ((f"./api {ONE_PEAR} {ONE_PEAR}", "right"), (1.0, 1.0)),
        ((f"./api {ONE_PEAR}", "right"), (0.0, 0.0)),
        (("right", "true"), (1.0, 0.0)),
        ((f"./api 'add(item=\"plum\")' {ONE_PEAR} {ONE_PEAR}", "./api 'total()'"), (1.0, 1.0)),
        (("right", "./api \"add(item='fig')\" 'total()'"), (1.0, 0.0)),
        (("echo '{' > .api/calls.jsonl", "right"), (0.0, 0.0)),
        ((f"./api {ONE_PEAR} {ONE_PEAR} 'total()'", "true"), (1.0, 0.0)),
    ],
    ids=[
        "another-way",
        "too-little",
        "no-result",
        "an-error-on-the-way",
        "more-than-asked",
        "a-damaged-log",
        "too-early",
    ],
)
async def test_turns_are_held_against_the_right_calls(
    tmp_path: Path, commands: tuple[str, str], parts: tuple[float, float]
) -> None:
    reward = await _worked(_load(tmp_path), *commands)
    assert (reward.parts["turn-1"], reward.parts["turn-2"]) == parts
    assert reward.value == parts[1]


async def test_the_functions_are_listed_and_their_faults_are_told(tmp_path: Path) -> None:
    task = _load(tmp_path)
    sandbox = _process(task.environment)
    try:
        await sandbox.put({".api/turn": b"1\n"}, "/app")
        listed = (await sandbox.exec("./api", timeout_s=20)).output
        said = (await sandbox.exec("./api 'nope()' '__import__(\"os\")' 'add(item=\"plum\")'", timeout_s=20)).output
    finally:
        await sandbox.close()
    assert "add(item: str, count: int = 1)\n    Put an item into the basket." in listed
    assert said.splitlines() == [
        "Error during execution: no function 'nope'",
        "Error during execution: no function '__import__'",
        "Error during execution: no plum",
    ]


@pytest.mark.parametrize(
    ("last", "part"), [("right", 1.0), ("./api \"add(item='fig')\" 'total()'", 0.0)], ids=["undone", "more-than-asked"]
)
async def test_a_turn_without_right_calls_is_not_held_against_them_until_the_next(
    tmp_path: Path, last: str, part: float
) -> None:
    task = _load(
        tmp_path,
        [TRUTH[0], [], ["add(item='fig')", "total()"]],
        question=[*QUESTION[:1], _says("Also, well, you know."), _says("A fig. And what is it all?")],
    )
    assert "Earlier the user said, and it was done:\nTwo pears" in task.parts[2].instruction
    assert "and something was still missing for it:\nAlso, well" in task.parts[2].instruction
    early = "./api \"add(item='fig')\"" if part == 0.0 else "true"
    reward = await _worked(task, "right", early, last)
    assert (reward.parts["turn-2"], reward.value) == (1.0, part)


async def _listed(task: Task, turn: int) -> list[str]:
    sandbox = _process(task.environment)
    try:
        await sandbox.put({".api/turn": f"{turn}\n".encode()}, "/app")
        listed = (await sandbox.exec("./api", timeout_s=20)).output
    finally:
        await sandbox.close()
    return re.findall(r"^(\w+)\(", listed, re.MULTILINE)


async def test_an_excluded_function_is_never_offered(tmp_path: Path) -> None:
    assert await _listed(_load(tmp_path, excluded_function=["place"]), 2) == ["add", "total"]


async def test_a_missed_function_is_offered_from_its_turn_on(tmp_path: Path) -> None:
    task = _load(tmp_path, [TRUTH[0], [], TRUTH[1]], question=[*QUESTION, []], missed_function={"2": ["total"]})
    assert task.parts[2].instruction.endswith(
        "Now the user says:\nThe API has more functions now: `total`. Does that help?"
    )
    assert [await _listed(task, turn) for turn in (2, 3)] == [["add", "place"], ["add", "place", "total"]]
    assert (await _worked(task, "right", "right", "right")).value == 1.0


@pytest.mark.parametrize(("category", "shelf"), [("long_context", "long"), ("composite", "long"), ("base", "short")])
async def test_long_contexts_are_known_by_their_id(tmp_path: Path, category: str, shelf: str) -> None:
    sandbox = _process(_load(tmp_path, id=f"multi_turn_{category}_7").environment)
    try:
        await sandbox.put({".api/turn": b"1\n"}, "/app")
        assert (await sandbox.exec("./api 'place()'", timeout_s=20)).output == f"{shelf}\n"
    finally:
        await sandbox.close()


async def test_modules_that_need_more_than_the_image_has_are_told(tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "data/func_source_code/prices.py").write_text("import no_such_module\n")
    task = load_suite({"kind": "bfcl", "path": "data/shop.json"}, tmp_path).tasks[0]
    with pytest.raises(VerifierBrokenError, match="No module named 'no_such_module': name an image that has it under"):
        await _worked(task, "true", "true")


def test_records_can_be_left_out_unread(tmp_path: Path) -> None:
    _write(tmp_path)
    path = tmp_path / "data/shop.json"
    path.write_text(json.dumps({"id": "odd"}) + "\n" + path.read_text())
    with pytest.raises(SuiteError, match=r"shop\.json:1: `question`: Field required") as refused:
        load_suite({"kind": "bfcl", "path": "data/shop.json"}, tmp_path)
    assert "`suite.exclude`" in refused.value.hint
    assert len(load_suite({"kind": "bfcl", "path": "data/shop.json", "exclude": ["odd"]}, tmp_path).tasks) == 1
    for key in ("only", "exclude"):
        with pytest.raises(SuiteError, match=rf"`suite\.{key}`: no record 'ood'"):
            load_suite({"kind": "bfcl", "path": "data/shop.json", key: ["ood"]}, tmp_path)


def test_only_a_line_feed_ends_a_record(tmp_path: Path) -> None:
    _write(tmp_path)
    path = tmp_path / "data/shop.json"
    path.write_text(path.read_text().replace("Two pears", "Two\u2028pears"), encoding="utf-8")
    assert "Two\u2028pears" in load_suite({"kind": "bfcl", "path": "data/shop.json"}, tmp_path).tasks[0].instruction


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"involved_classes": ["BankAPI"]}, "shop.json:1: `involved_classes`: no module defines 'BankAPI'"),
        ({"missed_function": {"2": ["add"]}}, "`missed_function.2`: no later turn than the first"),
        ({"missed_function": ["add"]}, "`missed_function`: Input should be a valid dict"),
        ({"question": [*QUESTION[:1], []]}, "`question.1`: nothing is said, and no function is new"),
        ({"truth": TRUTH[:1]}, "`question` has 2 turns, and its answer has 1"),
        ({"truth": ["total()"]}, r"possible_answer/shop.json:1: `ground_truth.0`: Input should be a valid list"),
        ({"surprise": 1}, "`surprise`: Extra inputs"),
        ({"id": "other"}, "has no answer to 'other'"),
        ({"id": "x" * 201}, "shop.json:1: `id`: .* cannot name a task: it has 201 bytes"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:  # Any: JSON
    with pytest.raises(SuiteError, match=said):
        _load(tmp_path, **changed)
