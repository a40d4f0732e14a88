"""The simulated task agent: works a task's reference solution with real commands, and slips."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from benchmarks.simulated.catalogue import CLOSING_TEXTS, NEUTRAL_THOUGHTS, SLIPS
from benchmarks.simulated.conversation import Call, Conversation, Turn
from benchmarks.simulated.draws import choose, token, uniform
from benchmarks.simulated.foresight import is_reopened, reopen_chance
from benchmarks.simulated.library import Library
from benchmarks.simulated.profile import RIGHT, TaskProfile, chances, right_steps, work_steps
from benchmarks.simulated.script import Step, look_at_result, restore_command
from benchmarks.simulated.told import told
from benchmarks.task import Task
from task_agent.orchestration.verify_then_finish import PROBLEM_FOUND
from task_agent.orchestration.worker import CHECK_FAILED

WORKDIR_LINE = re.compile(r"^Working directory: (.+)$", re.MULTILINE)
_PATH_KEYS = ("path", "file", "input", "source", "target")
REQUEST = "Look at the inputs and report what is easily overlooked in them, or in what is asked."
"""What the agent asks of a sub-agent."""
_ENDED_UNSEEN = frozenset({"no_final_check", "stops_early"})


def reply(conversation: Conversation, library: Library) -> Turn:
    """Say what the task agent says next."""
    known = library.find(conversation.ask(0))
    if "bash" not in conversation.tool_names:
        return Turn("I have no tool to run commands with, so I cannot work on this.")
    if known is None or not right_steps(known):
        return Turn("I do not see how to do this task.")
    work = _Work(conversation, library, known)
    return work.first() if len(conversation.asks) <= 1 else work.again()


def drawn_slips(known: TaskProfile, likely: tuple[float, ...], user_id: str) -> list[str]:
    """Draw an attempt's slips; the first one bites."""
    pairs = zip(known.slips, likely, strict=True)
    return [name for name, chance in pairs if uniform(user_id, "slip", name) < chance]


def mark_of(user_id: str, done: str) -> str:
    """Give the keyed hash that stands for a biting slip, or for right work."""
    return token(user_id, "mark", done)


class _Work:
    """Hold what an agent knows of its work when it is asked what comes next."""

    def __init__(self, conversation: Conversation, library: Library, known: TaskProfile) -> None:
        self._conversation = conversation
        self._library = library
        self._known = known
        self._told = told(conversation, known)
        self._position = conversation.position
        found = WORKDIR_LINE.search(conversation.ask(0))
        self._workdir = found.group(1).strip() if found else "."
        reading = library.read(conversation.fixed)
        self._helpers = reading.tools_for(known.slips)
        working = working_tools(conversation, self._helpers)
        likely = chances(reading, known, working, shown=self._told.shown, warned=self._told.warned)
        self._line = (*drawn_slips(known, likely, self._told.seed), RIGHT)

    def first(self) -> Turn:
        """Look, have others look, and work; the first drawn slip bites."""
        opening = [*self._looks(), *(_tool(self._conversation, self._known.task, name) for name in self._helpers)]
        if self._position < len(opening):
            return opening[self._position]
        return self._step(self._line[0], self._position - len(opening))

    def again(self) -> Turn:
        """Answer to a check, or look again at what was done: do it anew without what was found, or leave it."""
        before, now = self._places()
        ask = self._conversation.ask(-1)
        position = self._position
        if not _is_check(ask):
            if position == 0:
                return _bash("I look at it once more.", "ls -la")
            position -= 1
        if now == before:
            return Turn("I looked at that again and find nothing to change.")
        restore = restore_command(self._known.task, self._workdir)
        if restore is not None and position == 0:
            return _bash("I start again from the inputs as I read them.", restore)
        return self._step(self._line[now], position - (restore is not None))

    def _looks(self) -> Iterator[Turn]:
        if not self._told.shown:
            look = str(self._known.task.metadata.get("inspect") or "ls -la")
            yield _bash(choose(NEUTRAL_THOUGHTS, self._told.seed, "neutral"), look)
        if "delegate" in self._conversation.tool_names:
            yield _delegation(self._conversation)

    def _places(self) -> tuple[int, int]:
        """Follow all that was said since: how far the work had come before the last ask, and how far it comes now."""
        before = now = 0
        for number in range(1, len(self._conversation.asks)):
            before, now = now, now + self._finds(self._conversation.ask(number), self._line[now])
        return before, now

    def _finds(self, ask: str, done: str) -> bool:
        """Say whether an ask brings to light what was done wrong."""
        if done == RIGHT:
            return False
        if ask.startswith(PROBLEM_FOUND):
            return SLIPS[done].problem in ask
        if ask.startswith(CHECK_FAILED):
            return True
        chance = reopen_chance(self._library.read((ask, ())), self._known, done)
        return is_reopened(self._told.seed, done, chance)

    def _step(self, done: str, number: int) -> Turn:
        """Take one step of the work with the slip `done` in it, or of the right one."""
        seed = self._told.seed
        steps = work_steps(self._known, done, self._workdir)
        if number >= len(steps):
            return Turn(_closing(self._known, done, steps, seed))
        step = steps[number]
        thought, command = step.thought, step.command
        if done != RIGHT and number == _mistaken_step(self._known, steps):
            thought = f"{thought} {_telltale(done, seed)}"
        if number == len(steps) - 1:
            command = f"{self._told.mark}={mark_of(seed, done)}\n{command}"
            command += "" if done in _ENDED_UNSEEN else look_at_result(steps)
        return _bash(thought, command)


def _is_check(ask: str) -> bool:
    return ask.startswith((PROBLEM_FOUND, CHECK_FAILED))


def _delegation(conversation: Conversation) -> Turn:
    schema = next(tool for tool in conversation.tools if tool.get("name") == "delegate").get("input_schema") or {}
    first = schema["properties"]["agent"]["enum"][0]
    return Turn("Somebody else may look at this, too.", (Call("delegate", {"agent": first, "request": REQUEST}),))


def working_tools(conversation: Conversation, helpers: Collection[str]) -> frozenset[str]:
    """List the script tools among `helpers` that gave a result without an error."""
    if not helpers:
        return frozenset()
    return frozenset(call.name for call in conversation.calls() if call.name in helpers and not call.is_error)


def _mistaken_step(known: TaskProfile, steps: tuple[Step, ...]) -> int | None:
    """Find the first step that differs from the reference; None when the steps only end too soon."""
    right = right_steps(known)
    for number, step in enumerate(steps):
        if number >= len(right) or step.command != right[number].command:
            return number
    return None


def _telltale(slip: str, user_id: str) -> str:
    return choose(SLIPS[slip].telltales, user_id, "telltale", slip)


def _closing(known: TaskProfile, done: str, steps: tuple[Step, ...], user_id: str) -> str:
    closing = choose(CLOSING_TEXTS, user_id, "closing")
    unsaid = done != RIGHT and _mistaken_step(known, steps) is None
    return f"{_telltale(done, user_id)} {closing}" if unsaid else closing


def _bash(thought: str, command: str) -> Turn:
    return Turn(thought, (Call("bash", {"command": command}),))


def _tool(conversation: Conversation, task: Task, name: str) -> Turn:
    schema = next(tool for tool in conversation.tools if tool.get("name") == name).get("input_schema") or {}
    return Turn(f"There is a tool for this: {name}.", (Call(name, tool_input(task, schema)),))


def tool_input(task: Task, schema: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
    """Make an input that fits a script tool's schema: path-like texts get the task's first input file."""
    first = min(task.environment.files, default=".")
    properties: Mapping[str, Mapping[str, Any]] = schema.get("properties") or {}  # Any: JSON Schema
    wanted = schema.get("required") or list(properties)
    return {name: _value(name, properties.get(name) or {}, first) for name in wanted}


def _value(name: str, schema: Mapping[str, Any], first: str) -> Any:  # Any: JSON
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema:
        return schema["default"]
    simple: dict[str, object] = {"integer": 1, "number": 1, "boolean": True, "object": {}}
    kind = schema.get("type", "string")
    if kind == "array":
        return [_value(name, schema.get("items") or {}, first)]
    if kind in simple:
        return simple[kind]
    return first if any(key in name.lower() for key in _PATH_KEYS) else ""
