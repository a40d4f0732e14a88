"""Who asks: each role of a night is known by the tool it reports with, or by the first thing it was told."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from benchmarks.simulated.conversation import Conversation
from task_agent.models.probe import REPORT_WORD
from task_agent.orchestration.delegate import REQUEST_MARK
from task_agent.orchestration.opening import PLAN_ASK
from task_agent.tools.report_check import REPORT_CHECK
from task_agent.tools.report_choice import REPORT_CHOICE

Role = Literal[
    "task",
    "planner",
    "sub_agent",
    "verifier",
    "chooser",
    "proposer",
    "reflector",
    "reviewer",
    "analyst",
    "probe",
]
"""The roles that can be told apart; `reflector` is each voice of a panel, `probe` the question of a live check."""

ROLE_OF_TOOL: Final[Mapping[str, Role]] = MappingProxyType(
    {
        "submit_change": "proposer",
        "report_reflection": "reflector",
        "report_review": "reviewer",
        "report_digest": "analyst",
        REPORT_CHECK.name: "verifier",
        REPORT_CHOICE.name: "chooser",
        REPORT_WORD.name: "probe",
    }
)
"""The role that a tool gives away, the first one first; those of the optimizer stand above this package."""


def role_of(conversation: Conversation) -> Role:
    """Tell who asks; without a tool or words that give a role away it is the task's own agent."""
    offered = conversation.tool_names
    by_tool = next((role for tool, role in ROLE_OF_TOOL.items() if tool in offered), None)
    if by_tool is not None:
        return by_tool
    said = conversation.ask(0).rpartition("</task>")[2]
    if REQUEST_MARK in said:
        return "sub_agent"
    return "planner" if said.endswith(PLAN_ASK) else "task"
