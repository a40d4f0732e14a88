"""What the simulated proposer makes of the traces it was given; it knows nothing else of the attempts."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.conversation import ToolCall
from benchmarks.simulated.draws import uniform
from benchmarks.simulated.shell import attempt_shown

_INSTRUCTION = re.compile(r"<task>\s*(.+?)\s*</task>", re.DOTALL)
_RESULT = re.compile(r"^\[\d+\] tool_result.*\n((?:    .*\n?)+)", re.MULTILINE)
_DULL = re.compile(r"\[exit code|total \d+$|[d-][r-][w-][x-]|mark:")


READERS = ("read_trace", "read_digest")
"""Tools that show one attempt, the one that shows most first."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Hold one line of a list of attempts."""

    attempt: str
    task: str


@dataclass(frozen=True, slots=True)
class Telltale:
    """Hold a tell-tale that stands in a text: its slip, its words, where they begin."""

    slip: str
    phrase: str
    at: int


def last_telltale(text: str) -> Telltale | None:
    """Find the tell-tale that stands last in a text, if any does."""
    found = [
        Telltale(slip.id, phrase, at)
        for slip in SLIPS.values()
        for phrase in slip.telltales
        if (at := text.rfind(phrase)) >= 0
    ]
    return max(found, key=lambda each: each.at, default=None)


@dataclass(frozen=True, slots=True)
class SeenTrace:
    """Hold what was read of one attempt: its trace, or its digest."""

    attempt: str
    task: str
    text: str

    @property
    def cause(self) -> str | None:
        """The slip whose tell-tale stands last in the text, if any does."""
        told = last_telltale(self.text)
        return told.slip if told is not None else None

    @property
    def instruction(self) -> str:
        """The task's instruction, as far as the text shows it."""
        found = _INSTRUCTION.search(self.text)
        return " ".join(found.group(1).split()) if found else ""

    @property
    def values(self) -> list[str]:
        """Lines that the last command printed and that look like results."""
        results = _RESULT.findall(self.text)
        lines = [line.strip() for line in results[-1].splitlines()] if results else []
        return [line for line in lines if len(line) >= 6 and re.search(r"\d\d", line) and not _DULL.match(line)]


def listed_attempts(calls: Iterable[ToolCall]) -> dict[str, list[Listed]]:
    """Read the lists of attempts so far, by the outcome asked for."""
    found: dict[str, list[Listed]] = {}
    for call in calls:
        if call.name == "list_attempts" and not call.is_error:
            found.setdefault(str(call.input.get("outcome", "")), []).extend(_lines(call.result))
    return found


def _lines(text: str) -> Iterable[Listed]:
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        try:
            record: Mapping[str, object] = json.loads(line)
        except ValueError:
            continue
        if "attempt" in record:
            yield Listed(str(record["attempt"]), str(record.get("task", "")))


def choose_attempts(listed: Sequence[Listed], user_id: str, count: int) -> list[Listed]:
    """Pick attempts to read: one of each task as long as there are tasks, in an order drawn by the token."""
    mixed = sorted(listed, key=lambda each: uniform(user_id, "read", each.attempt))
    firsts: dict[str, Listed] = {}
    for each in mixed:
        firsts.setdefault(each.task, each)
    rest = [each for each in mixed if firsts[each.task] is not each]
    return [*firsts.values(), *rest][:count]


def seen_traces(calls: Iterable[ToolCall], listed: Sequence[Listed]) -> list[SeenTrace]:
    """Read back the traces, or the digests, of `listed` attempts that were opened."""
    tasks = {each.attempt: each.task for each in listed}
    return [
        SeenTrace(attempt, tasks[attempt], call.result)
        for call in calls
        if not call.is_error and (attempt := _read_of(call)) in tasks
    ]


def _read_of(call: ToolCall) -> str:
    return str(call.input.get("attempt")) if call.name in READERS else attempt_shown(call)


def commonest_causes(traces: Sequence[SeenTrace]) -> list[str]:
    """List the causes found in the traces, the commonest first."""
    counts = Counter(trace.cause for trace in traces)
    return [cause for cause, _ in counts.most_common() if cause is not None]
