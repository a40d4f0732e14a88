"""What one event tells a person: a heading line, notable facts, and a body, before anything is folded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from traces._line import dump
from traces.event import Event, EventKind
from traces.render import input_lines, tokens
from traces.styled import Style

_QUIET: Final[dict[EventKind, set[str]]] = {
    EventKind.MODEL: {"usage", "stop_reason"},
    EventKind.TOOL_CALL: {"id", "input"},
    EventKind.TOOL_RESULT: {"id", "exit_code", "timed_out", "output_bytes", "is_error"},
    EventKind.VERIFIER: {"reward"},
}
"""Facts that the body or the turn's heading says already, or that say something only when they are bad."""
_USUAL_STOPS: Final = {"tool_use", "end_turn", None}
_HASH_CHARS: Final = 12
_SHORT: Final = 100
_SLOW_MS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Telling:
    """Hold an event as told: `lead` and `facts` stand on its first line, `body` on those after, or on the same.

    Attributes:
        style: How the body looks.
        bar: Whether a bar stands before every line of the body: the world answered, nobody spoke.
        keep: Lines of the body that are shown before it is folded.
    """

    lead: str = ""
    facts: tuple[str, ...] = ()
    body: str = ""
    style: Style = Style.PLAIN
    bar: bool = False
    keep: int = 8
    bad: bool = False


def tell(event: Event) -> Telling:
    """Say what an event tells, without what only a program wants to know."""
    base = _BY_KIND.get(event.kind, _plain)(event)
    return replace(base, facts=(*base.facts, *_facts(event)))


def tell_all(event: Event) -> Telling:
    """Say everything an event holds, also what only a program wants to know."""
    base = _BY_KIND.get(event.kind, _plain)(event)
    facts = [event.agent, f"turn {event.turn}", _when(event.ts)]
    facts += [tokens(event.usage)] if event.usage else []
    facts += [f"{event.duration_ms:,.0f} ms"] if event.duration_ms is not None else []
    rest = {key: value for key, value in event.data.items() if key != "input"}
    body = [base.body] if base.body else []
    body += [json.dumps(rest, indent=2, ensure_ascii=False, default=str)] if rest else []
    return Telling(f"{event.kind} {event.name or ''}".rstrip(), tuple(facts), "\n".join(body), bad=base.bad)


def _when(ts: float) -> str:
    return datetime.fromtimestamp(ts, UTC).isoformat(sep=" ", timespec="milliseconds")


def body_of(event: Event) -> str:
    """Give the text that is searched: what was said, called, answered."""
    return tell(event).body


def _call(event: Event) -> Telling:
    given = "\n".join(input_lines(event.data.get("input")))
    return Telling(
        event.name or "tool", (), "\n".join(part for part in (event.text, given) if part).rstrip("\n"), keep=12
    )


def _result(event: Event) -> Telling:
    code, failed = event.data.get("exit_code"), bool(event.data.get("is_error"))
    facts = [f"exit code {code}"] if code else []
    facts += ["timed out"] if event.data.get("timed_out") else []
    facts += ["error"] if failed and not facts else []
    if event.duration_ms is not None and event.duration_ms >= _SLOW_MS:
        facts.append(f"{event.duration_ms / 1000:.0f} s")
    text, size = event.text or "", event.data.get("output_bytes")
    if isinstance(size, int) and size > len(text.encode(errors="replace")) + _SHORT:
        facts.append(f"{size:,} bytes, of which the agent saw {len(text):,} characters")
    bad = bool(code) or failed or bool(event.data.get("timed_out"))
    return Telling("", tuple(facts), text.rstrip("\n"), bar=True, keep=8, bad=bad)


def _model(event: Event) -> Telling:
    stop = event.data.get("stop_reason")
    facts = () if stop in _USUAL_STOPS else (f"stopped: {stop}",)
    return Telling("", facts, (event.text or "").strip("\n"), keep=24, bad=bool(facts))


def _thinking(event: Event) -> Telling:
    return Telling("thinking", (), (event.text or "").strip("\n"), Style.FAINT, keep=8)


def _prompt(event: Event) -> Telling:
    return Telling(event.kind.value, (), (event.text or "").strip("\n"), keep=12)


def _verifier(event: Event) -> Telling:
    reward = event.data.get("reward")
    said = "no reward" if reward is None else f"reward {reward:g}" if isinstance(reward, int | float) else str(reward)
    bad = not isinstance(reward, int | float) or reward < 1
    return Telling("verifier", (said,), (event.text or "").strip("\n"), bar=True, keep=12, bad=bad)


def _error(event: Event) -> Telling:
    return Telling(f"error {event.name or ''}".rstrip(), (), (event.text or "").strip("\n"), keep=20, bad=True)


def _incident(event: Event) -> Telling:
    lead = f"incident {(event.name or '').replace('_', ' ')}".rstrip()
    return Telling(lead, (), (event.text or "").strip("\n"), bar=True, keep=8, bad=True)


def _plain(event: Event) -> Telling:
    lead = event.kind.value.replace("_", " ")
    return Telling(lead, (event.name,) if event.name else (), (event.text or "").strip("\n"), Style.FAINT, keep=8)


_BY_KIND: Final = {
    EventKind.TOOL_CALL: _call,
    EventKind.TOOL_RESULT: _result,
    EventKind.MODEL: _model,
    EventKind.THINKING: _thinking,
    EventKind.SYSTEM: _prompt,
    EventKind.USER: _prompt,
    EventKind.VERIFIER: _verifier,
    EventKind.ERROR: _error,
    EventKind.INCIDENT: _incident,
}


def _facts(event: Event) -> list[str]:
    """Write the event's other data, short: a long value by its size, a hash by its beginning."""
    quiet = _QUIET.get(event.kind, set())
    return [_fact(key, value) for key, value in event.data.items() if _worth(value) and key not in quiet]


def _worth(value: Any) -> bool:  # Any: JSON
    return value is not None and value != "" and value != [] and value != {}


def _fact(key: str, value: Any) -> str:  # Any: JSON
    if isinstance(value, str) and len(value) >= 32 and value.isalnum():
        return f"{key} {value[:_HASH_CHARS]}"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    written = value if isinstance(value, str) else _compact(value)
    return f"{key} {written}" if len(written) <= _SHORT else f"{key} ({len(written):,} characters)"


def _compact(value: Any) -> str:  # Any: JSON
    if isinstance(value, float):
        return f"{value:g}"
    return dump(dict(value) if isinstance(value, Mapping) else value)
