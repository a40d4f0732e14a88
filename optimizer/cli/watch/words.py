"""An event in one line for people; what agents wrote is made safe."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from optimizer.cli.output import one_line
from optimizer.telling.progress import Progress
from optimizer.words import SHORT, duration

VERDICTS: Final = {"keep": "kept", "reject": "refused"}
NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "proposing": frozenset({"slot"}),
    "proposed": frozenset({"slot"}),
    "stage_started": frozenset({"stage", "attempts"}),
    "attempts": frozenset({"stage", "done", "total"}),
    "stage_ended": frozenset({"stage", "done", "total"}),
    "verdict": frozenset({"candidate", "verdict"}),
}
"""Kind -> data without which nothing can be drawn but its text."""
DAY_S = 86_400


def words(progress: Progress) -> str:
    """Say one event in one line."""
    data = progress.data
    match progress.kind:
        case kind if not is_whole(progress):
            return one_line(f"{kind.replace('_', ' ')}: {progress.text}")
        case "started":
            simulated = " (simulated model)" if data.get("simulated") else ""
            return one_line(progress.text.replace(":", f"{simulated}:", 1))
        case "stage_started":
            return f"{stage_label(data['stage'])}: {data['attempts']:,} attempts"
        case "stage_ended":
            return f"{stage_label(data['stage'])}: {data['done']:,} of {data['total']:,} done"
        case "verdict":
            return one_line(f"{data['candidate']}: {verdict_word(data['verdict'])} - {reason_of(data)}")
        case "look":
            return one_line(f"{progress.text} {'goes on' if data.get('outcome') == 'continue' else 'decides'}")
        case "finished":
            return one_line(f"finished: {progress.text}")
        case _:
            return one_line(progress.text)


def is_whole(progress: Progress) -> bool:
    """Say whether an event carries the data of its kind; a log of another version may not, and is shown by its text."""
    return NEEDED.get(progress.kind, frozenset()) <= progress.data.keys()


def verdict_word(verdict: str) -> str:
    """Name a verdict as a person would."""
    return VERDICTS.get(verdict, verdict)


def reason_of(data: Mapping[str, Any]) -> str:  # Any: JSON
    """Give a verdict's short reason; an older log holds only its cause."""
    cause = data.get("cause", "")
    return str(data.get("reason") or SHORT.get(cause, cause))


def stage_label(stage: str) -> str:
    """Name a stage as a person would: `gate/c001/0/0` is look 1 of c001's gate test."""
    name, *parts = stage.partition("+")[0].split("/")
    again = ", again" if "+" in stage else ""
    if name == "beside" and parts:
        return one_line(f"smoke {parts[0]} beside its champion{again}")
    if name == "lesson" and parts:
        return one_line(f"the champion afresh, for {parts[0]}'s lesson{again}")
    if name == "try" and parts:
        return one_line(f"slot {int(parts[0].removeprefix('s'))} tries its change{again}")
    if name == "tune" and len(parts) > 1:
        part = (
            "the best setting beside its champion" if parts[1] == "beside" else f"{parts[0]}, part {int(parts[1]) + 1}"
        )
        return one_line(f"tune {part}{again}")
    if name == "gate" and len(parts) > 1 and parts[1].isdigit():
        return one_line(f"gate {parts[0]}, look {int(parts[1]) + 1}{again}")
    return one_line(" ".join([name, *parts[:1]]) + again)


def about(seconds: float) -> str:
    """Write a time that is only foretold: round, and never 0."""
    if seconds < 1:
        return "a second"
    step = 5 if seconds > 20 else 1
    return duration(step * round(seconds / step)) if seconds < 115 else duration(seconds)


def clock_time(at: float, now: float) -> str:
    """Write a moment as a local time of day, with its weekday when it is not within a day."""
    moment = datetime.fromtimestamp(at).astimezone()
    return f"{moment:%a %H:%M}" if abs(at - now) > DAY_S else f"{moment:%H:%M}"


def is_small(progress: Progress) -> bool:
    """Say whether an event is too small for a line: attempts, and the stage of a single one."""
    single = progress.data.get("attempts", progress.data.get("total")) == 1
    return progress.kind == "attempts" or (progress.kind in ("stage_started", "stage_ended") and single)
