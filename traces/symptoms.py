"""What a machine can tell of how an attempt went wrong: its ending, failed checks, errors, its last command."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from traces.alignment import normalised
from traces.event import Event, EventKind
from traces.turns import is_ended

SHAPE_CHARS: Final = 120
CUT_OFF: Final = "cut off"
"""The ending of an attempt whose process died: its trace just stops."""
_CHECKS: Final = 3
_PROGRAMS: Final = 4
_FAILED: Final = re.compile(r"\b(?:FAILED|FAIL|ERROR|not ok|\w*Error:|AssertionError)")
_EXIT: Final = re.compile(r"\[exit code -?\d+\]")
_QUOTED: Final = re.compile(r"(?<!\w)(['\"`]).*?\1(?!\w)")
_PATH: Final = re.compile(r"(?:[\w.~-]*/)+[\w-]*(?P<a>\.\w+)?|\b[\w-]+(?P<b>\.[A-Za-z]\w{0,4})\b")
_NUMBER: Final = re.compile(r"\d[\d.,_]*")
_NEXT_PROGRAM: Final = re.compile(r"\|\|?|&&|;|\n")
_NAME: Final = re.compile(r"[A-Za-z_][\w.+-]*")

Sign = Literal["ending", "check", "error", "command"]


@dataclass(frozen=True, slots=True)
class Symptom:
    """Hold one sign of failure: its kind, its shape (without what differs from task to task), the event that shows it.

    `at` is None for what stands in no event.
    """

    sign: Sign
    shape: str
    at: int | None


def symptoms(events: Sequence[Event], cause: str | None = None) -> tuple[Symptom, ...]:
    """List an attempt's symptoms, the most telling first.

    Args:
        events: Its events; none are known of an attempt that left no trace.
        cause: Why it ended without its verifier's reward, such as `out_of_turns`.
    """
    return tuple([*_ending(events, cause), *_checks(events), *_error(events), *_command(events)])


def shape(text: str) -> str:
    """Give a line's shape: quoted text, names of files, numbers, times and random names are left out."""
    plain = _PATH.sub(_ending_of, _QUOTED.sub("…", normalised(text)))
    return _NUMBER.sub("#", plain)[:SHAPE_CHARS].strip()


def _ending_of(path: re.Match[str]) -> str:
    return f"*{path['a'] or path['b'] or ''}"


def _ending(events: Sequence[Event], cause: str | None) -> Iterator[Symptom]:
    last = events[-1].seq if events else None
    if cause:
        yield Symptom("ending", cause.replace("_", " "), last)
    elif events and not is_ended(events):
        yield Symptom("ending", CUT_OFF, last)


def _checks(events: Sequence[Event]) -> Iterator[Symptom]:
    """Take the lines of the verifier's output that name a failed check, else its first lines."""
    verdicts = [event for event in events if event.kind is EventKind.VERIFIER]
    if not verdicts or verdicts[-1].data.get("reward") == 1:
        return
    lines = [line for line in (verdicts[-1].text or "").splitlines() if line.strip()]
    telling = [line.split(" - ")[0] for line in lines if _FAILED.search(line)] or lines
    for text in list(dict.fromkeys(filter(None, map(shape, telling))))[:_CHECKS]:
        yield Symptom("check", text, verdicts[-1].seq)


def _error(events: Sequence[Event]) -> Iterator[Symptom]:
    """Take the last line of the last answer that was an error."""
    bad = [event for event in events if event.kind is EventKind.ERROR or _is_bad(event)]
    if not bad:
        return
    lines = [line for line in (bad[-1].text or "").splitlines() if line.strip() and not _EXIT.fullmatch(line.strip())]
    code = bad[-1].data.get("exit_code")
    yield Symptom("error", shape(lines[-1]) if lines else f"exit code {code}", bad[-1].seq)


def _is_bad(event: Event) -> bool:
    data = event.data
    failed = bool(data.get("exit_code")) or bool(data.get("is_error")) or bool(data.get("timed_out"))
    return event.kind is EventKind.TOOL_RESULT and failed


def _command(events: Sequence[Event]) -> Iterator[Symptom]:
    """Name the programs of the main agent's last command, or the tool it called."""
    calls = [event for event in events if event.kind is EventKind.TOOL_CALL and event.agent == "main"]
    if not calls:
        return
    given = calls[-1].data.get("input")
    command = given.get("command") if isinstance(given, dict) else None
    programs = _programs(command) if isinstance(command, str) else []
    yield Symptom("command", " | ".join(programs) or calls[-1].name or "a tool", calls[-1].seq)


def _programs(command: str) -> list[str]:
    """List the first words of a command's parts, each once."""
    firsts = (part.split()[0] for part in _NEXT_PROGRAM.split(_QUOTED.sub("", command)) if part.split())
    return list(dict.fromkeys(word for word in firsts if _NAME.fullmatch(word)))[:_PROGRAMS]
