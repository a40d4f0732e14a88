"""What the simulated task agent is told beside its prompt: the environment, a plan, reports, which draft it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from benchmarks.simulated.conversation import Conversation
from benchmarks.simulated.foresight import warned_of
from benchmarks.simulated.profile import TaskProfile
from benchmarks.simulated.script import MARK
from benchmarks.task import Task

_AFTER_TASK = re.compile(r".*</task>", re.DOTALL)
_ENVIRONMENT = re.compile(r"<environment>\n(.*)\n</environment>", re.DOTALL)
_PLAN = re.compile(r"<plan>\n(.*)\n</plan>", re.DOTALL)
_DRAFT = re.compile(r"^This is draft (\d+) of at most \d+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Told:
    """Hold what was said to an agent.

    `seed` is what its draws depend on, `mark` the shell variable that tells a checker what it did;
    `shown` says that it has seen the inputs before its first turn, `warned` which slips it was warned of.
    """

    seed: str
    mark: str
    shown: bool
    warned: frozenset[str]


def told(conversation: Conversation, known: TaskProfile) -> Told:
    """Read what the agent was told."""
    said = _AFTER_TASK.sub("", conversation.ask(0))
    draft = _DRAFT.search(said)
    number = int(draft.group(1)) if draft else None
    reports = [call.result for call in conversation.calls("delegate") if not call.is_error]
    warned = warned_of("\n".join([_inside(_PLAN, said), *reports]), known)
    shown = shows_inputs(_inside(_ENVIRONMENT, said), known.task)
    return Told(seed_of(conversation.user_id, number), mark_variable(number), shown, warned)


def seed_of(user_id: str, draft: int | None) -> str:
    """Give what the draws of a draft depend on; the first draft's are those of an only one."""
    return user_id if draft in (None, 1) else f"{user_id}#{draft}"


def mark_variable(draft: int | None) -> str:
    """Name the shell variable that carries what was done to those who look at the result."""
    return MARK if draft is None else f"{MARK}_{draft}"


def shows_inputs(environment: str, task: Task) -> bool:
    """Say whether a snapshot names one of the task's input files or folders."""
    return any(path.partition("/")[0] in environment for path in task.environment.files)


def _inside(block: re.Pattern[str], text: str) -> str:
    found = block.search(text)
    return found.group(1) if found else ""
