"""A file of faults says which requests go wrong, and says the same whatever their order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, get_args

import pytest

from benchmarks.simulated.fault_script import FaultFile, FaultName, FaultScript, read_fault_file
from benchmarks.simulated.roles import ROLE_OF_TOOL, Role
from task_agent.models import WireRequest
from task_agent.models.loopback import Asked
from task_agent.orchestration.delegate import REQUEST_MARK
from task_agent.orchestration.opening import PLAN_ASK
from traces.errors import ConfigError, NotFoundError


def asked(
    user: str | None = "u", *, turn: int = 1, tools: tuple[str, ...] = ("bash",), tries: int = 0, number: int = 1,
    model: str = "m", said: str = "hi",
) -> Asked:  # fmt: skip
    turns = [{"role": "user", "content": said}, {"role": "assistant", "content": "yes"}]
    body: dict[str, Any] = {"model": model, "tools": [{"name": name} for name in tools]}
    body |= {"messages": turns * (turn - 1) + turns[:1], **({"metadata": {"user_id": user}} if user else {})}
    return Asked(WireRequest("/v1/messages", body), number, tries)


def script(*rules: dict[str, Any], seed: int = 0) -> FaultScript:
    return FaultScript(FaultFile.model_validate({"seed": seed, "faults": rules}))


@pytest.mark.parametrize(
    ("rule", "hit", "missed"),
    [
        ({"role": "proposer"}, asked(tools=("submit_change", "read_file")), asked()),
        ({"role": "task"}, asked(), asked(tools=("report_reflection",))),
        ({"tool": "bash"}, asked(), asked(tools=("look",))),
        ({"model": "m"}, asked(), asked(model="other")),
        ({"turn": 3}, asked(turn=3), asked(turn=2)),
        ({"request": 7}, asked(number=7), asked(number=8)),
        ({}, asked(), asked(tries=1)),
        ({"tries": 3}, asked(tries=2), asked(tries=3)),
    ],
    ids=["proposer", "task", "tool", "model", "turn", "request", "first try", "three tries"],
)
def test_a_rule_meets_what_fits_all_that_it_says(rule: dict[str, Any], hit: Asked, missed: Asked) -> None:
    made = script({"fault": "overloaded", **rule})
    assert made(hit) is not None
    assert made(missed) is None
    assert made.met == {"overloaded": 1}


TOLD = {
    "task": "<task>\nSum.\n</task>\nWorking directory: /app",
    "planner": f"<task>\nSum.\n</task>\nWorking directory: /app\n{PLAN_ASK}",
    "sub_agent": f"<task>\nSum.\n</task>\nWorking directory: /app\n{REQUEST_MARK}\nLook.\n</request>",
}


def test_every_role_can_be_named_and_is_told_from_all_others() -> None:
    tools = {role: (tool, "bash") for tool, role in ROLE_OF_TOOL.items()}
    asking = {role: asked(tools=tools.get(role, ("bash",)), said=TOLD.get(role, "hi")) for role in get_args(Role)}
    for role in asking:
        only = script({"fault": "refusal", "role": role})
        assert [other for other, each in asking.items() if only(each)] == [role]


@pytest.mark.parametrize(
    "body", [{}, {"messages": "hi"}, {"messages": [{"role": "user", "content": "x"}], "tools": "x"}]
)
def test_what_cannot_be_read_meets_no_fault(body: dict[str, Any]) -> None:
    assert script({"fault": "refusal"})(Asked(WireRequest("/v1/messages", body), 1, 0)) is None


def test_the_first_rule_that_fits_decides() -> None:
    made = script({"fault": "refusal", "turn": 2}, {"fault": "disconnect"})
    made(asked(turn=2))
    made(asked(turn=1))
    assert made.met == {"refusal": 1, "disconnect": 1}


def test_a_chance_meets_its_share_and_the_same_requests_in_any_order() -> None:
    requests = [asked(f"u{number}", turn=turn) for number in range(400) for turn in (1, 2)]
    rule = {"fault": "overloaded", "chance": 0.25}

    def hits(seed: int, order: list[Asked]) -> set[int]:
        made = script(rule, seed=seed)
        return {id(each) for each in order if made(each)}

    shuffled = random.Random(1).sample(requests, len(requests))
    first = hits(1, requests)
    assert 150 < len(first) < 250
    assert hits(1, shuffled) == first
    assert hits(2, requests) != first


def test_a_client_without_a_name_is_known_by_what_it_says() -> None:
    made = script({"fault": "overloaded", "chance": 0.5})
    drawn = [made(asked(None, turn=turn)) is not None for turn in range(1, 40)]
    assert {True, False} == set(drawn)
    assert [made(asked(None, turn=turn)) is not None for turn in range(1, 40)] == drawn


def test_every_fault_that_may_be_named_can_be_made() -> None:
    more: dict[str, dict[str, Any]] = {"status": {"status": 503}, "slow": {"delay_s": 0.1}}
    for name in get_args(FaultName):
        assert script({"fault": name, **more.get(name, {})})(asked()) is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("faults:\n  - {fault: overlaoded}\n", "2:13"),
        ("faults:\n  - {fault: overloaded, chanse: 1}\n", "did you mean `chance`"),
        ("faults:\n  - {fault: slow}\n", "`delay_s` goes with `fault: slow`"),
        ("faults:\n  - {fault: refusal, status: 500}\n", "`status` goes with `fault: status`"),
        ("faults:\n  - {fault: refusal, retry_after_s: 1}\n", "goes with `fault: rate_limited` only"),
        ("faults:\n  - {fault: refusal, chance: 0}\n", "greater than 0"),
        ("faults: [", "not valid YAML"),
    ],
)
def test_a_wrong_file_says_where_and_what(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "faults.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_fault_file(path)
    assert says in f"{raised.value.message} {raised.value.hint}"
    assert "faults.yaml:" in raised.value.message


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="file of faults"):
        read_fault_file(tmp_path / "none.yaml")
