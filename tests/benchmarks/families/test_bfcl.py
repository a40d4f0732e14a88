"""Multi-turn tool tasks in BFCL's layout: right calls pass, and state, results and turns are held against them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import SuiteError, Task, load_suite
from benchmarks.check import check_task
from benchmarks.phases import work_through
from benchmarks.task import Reward
from benchmarks.verify import run_solution
from task_agent.sandbox import Sandbox, SandboxSpec, open_sandbox

SHOP = '''\
from .prices import PRICES


class ShopAPI:
    """Sell things."""

    def __init__(self):
        self.basket = {}
        self._calls = 0

    def _load_scenario(self, scenario, long_context=False):
        self.basket = dict(scenario.get("basket", {}))

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
'''
RECORD = {
    "id": "multi_turn_base_0",
    "question": [[{"role": "user", "content": "Two pears, please."}], [{"role": "user", "content": "What is it all?"}]],
    "initial_config": {"ShopAPI": {"basket": {"fig": 1}}},
    "path": ["ShopAPI.add", "ShopAPI.total"],
    "involved_classes": ["ShopAPI"],
}
ONE_PEAR = "\"add(item='pear')\""
TRUTH = [["add(item='pear', count=2)"], ["total()"]]


def _process(spec: SandboxSpec) -> Sandbox:
    return open_sandbox("process", spec)


def _write(root: Path, **changed: object) -> None:
    files = {
        "data/shop.json": json.dumps({**RECORD, **changed}) + "\n",
        "data/possible_answer/shop.json": json.dumps({"id": RECORD["id"], "ground_truth": TRUTH}) + "\n",
        "data/func_source_code/shop_api.py": SHOP,
        "data/func_source_code/prices.py": "PRICES = {'pear': 3, 'fig': 5}\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def _load(root: Path, **changed: object) -> Task:
    _write(root, **changed)
    return load_suite({"kind": "bfcl", "path": "data/shop.json"}, root).task("multi_turn_base_0")


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
    ],
    ids=["another-way", "too-little", "no-result", "an-error-on-the-way", "more-than-asked", "a-damaged-log"],
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
    ("changed", "said"),
    [
        ({"involved_classes": ["BankAPI"]}, "shop.json:1: `involved_classes`: no module defines 'BankAPI'"),
        ({"missed_function": {"1": ["add"]}}, "`missed_function`: functions that come and go"),
        ({"surprise": 1}, "`surprise`: Extra inputs"),
        ({"id": "other"}, "has no answer to 'other'"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, changed: dict[str, object], said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        _load(tmp_path, **changed)
