"""Show an attempt's events as text a person reads: by turn, tool calls with their results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from traces._line import dump
from traces.errors import UsageError
from traces.event import Event, EventKind, TokenUsage

ALIASES: Mapping[str, tuple[EventKind, ...]] = {
    "tool": (EventKind.TOOL_CALL, EventKind.TOOL_RESULT),
    "reasoning": (EventKind.THINKING, EventKind.MODEL),
    "prompt": (EventKind.SYSTEM, EventKind.USER),
}
"""Names for several kinds at once, as `only` takes them."""

_CONTEXT_LINES = 2
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def render(
    events: Sequence[Event],
    *,
    only: Iterable[str] = (),
    grep: str | None = None,
    max_chars: int | None = None,
) -> str:
    """Write events as plain text, safe for a terminal, independent of its width.

    Args:
        events: The events of one attempt, in order.
        only: Kinds to show, such as `tool_call`, or names of `ALIASES`; all when empty.
        grep: Regular expression (RE2 syntax); only events with a matching line are shown, with the
            lines around it. It takes time in proportion to the text, whatever it says.
        max_chars: Longer bodies are cut, saying how much is not shown; None shows everything.

    Raises:
        UsageError: A kind is unknown or the expression is wrong.
    """
    kinds = kinds_of(only)
    blocks = [_block(event) for event in paired(events) if event.kind in kinds]
    if grep is not None:
        shown = _matching(blocks, grep)
        if not shown:
            return f"{_summary(events)}\n\nnothing matches {escape(grep)!r} in {len(blocks):,} events\n"
        blocks = shown
    return f"{_summary(events)}\n{''.join(_laid_out(blocks, max_chars))}"


def escape(text: str) -> str:
    """Make control characters visible, so that what an agent wrote cannot steer a terminal.

    Line ends and tabs stay; so do all letters of all scripts. Characters that reverse the reading
    direction are shown by their number.
    """
    return _UNSAFE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\\r" if code == 0x0D else f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


@dataclass(frozen=True, slots=True)
class _Block:
    """One event as shown: the turn it belongs to, its own line, and the lines below."""

    heading: str
    title: str
    body: list[str]


def kinds_of(only: Iterable[str]) -> set[EventKind]:
    """Give the kinds that names mean, all for no name.

    Raises:
        UsageError: A kind is unknown.
    """
    kinds: set[EventKind] = set()
    for name in only:
        if name in ALIASES:
            kinds.update(ALIASES[name])
        elif name in set(EventKind):
            kinds.add(EventKind(name))
        else:
            raise UsageError(
                f"no kind of event is called {name!r}", hint=f"kinds: {', '.join([*ALIASES, *sorted(EventKind)])}"
            )
    return kinds or set(EventKind)


def paired(events: Sequence[Event]) -> Iterator[Event]:
    """Give events in order, but each tool's result right after its call."""
    results: dict[tuple[str, int, str], Event] = {}
    for event in events:
        if event.kind is EventKind.TOOL_RESULT and "id" in event.data:
            results.setdefault((event.agent, event.turn, str(event.data["id"])), event)
    told: set[int] = set()
    for event in events:
        if event.seq in told:
            continue
        yield event
        if event.kind is EventKind.TOOL_CALL:
            result = results.get((event.agent, event.turn, str(event.data.get("id"))))
            if result is not None and result.seq > event.seq and result.seq not in told:
                told.add(result.seq)
                yield result


def _block(event: Event) -> _Block:
    heading = f"{event.agent}, turn {event.turn}" if event.turn else event.agent
    notes, body = _details(event)
    facts = [event.name or "", *notes, *_measures(event)]
    title = f"[{event.seq}] {event.kind}" + "".join(f" · {fact}" for fact in facts if fact)
    lines = escape("\n".join(body)).split("\n") if body else []
    return _Block(escape(heading), escape(title).replace("\n", " "), lines)


def _details(event: Event) -> tuple[list[str], list[str]]:
    """Part an event's text and data into facts for its title and lines for its body."""
    body = [event.text] if event.text else []
    rest = dict(event.data)
    rest.pop("id", None)
    if event.kind is EventKind.TOOL_CALL:
        body += input_lines(rest.pop("input", None))
    notes = ["error"] if rest.pop("is_error", False) else []
    for key, value in rest.items():
        written = value if isinstance(value, str) else dump(value)
        if "\n" in written or len(written) > 100:
            body.append(f"{key}: {written}")
        elif value not in (None, {}, []):
            notes.append(f"{key} {written}")
    return notes, body


def input_lines(given: Any) -> list[str]:  # Any: JSON, as the model wrote it
    """Write a tool's input as a person would: a lone command as a shell's line."""
    if isinstance(given, Mapping) and set(given) == {"command"}:
        first, *more = str(given["command"]).split("\n")
        return [f"$ {first}", *(f"  {line}" for line in more)]
    if not isinstance(given, Mapping):
        return [] if given is None else [dump(given)]
    lines = []
    for key, value in given.items():
        written = value if isinstance(value, str) else dump(value)
        block = "\n" in written
        lines.append(
            f"{key}:\n" + "\n".join(f"  {line}" for line in written.split("\n")) if block else f"{key}: {written}"
        )
    return lines


def _measures(event: Event) -> list[str]:
    facts = []
    if event.usage is not None:
        facts.append(tokens(event.usage))
        facts.append("unpriced" if event.cost_usd is None else f"${event.cost_usd:.4f}")
    if event.duration_ms is not None:
        facts.append(_seconds(event.duration_ms / 1000))
    return facts


def _seconds(duration_s: float) -> str:
    """Write a time in four figures: whatever the clock said, a proposer reads, and pays for, as many characters."""
    places = 3 if duration_s < 9.9995 else 2 if duration_s < 99.995 else 1
    return f"{duration_s:.{places}f} s"


def tokens(usage: TokenUsage) -> str:
    """Write the tokens of requests, what the cache served apart."""
    cached = f" (+{usage.cache_read:,} cached)" if usage.cache_read else ""
    return f"{usage.input + usage.cache_write:,}{cached} in, {usage.output:,} out"


def _summary(events: Sequence[Event]) -> str:
    """Write the head: whose events these are, what they used, how it ended."""
    if not events:
        return "no events"
    key, requests = events[0].key, [event for event in events if event.usage is not None]
    usage = sum((event.usage for event in requests if event.usage), TokenUsage())
    unpriced = sum(event.cost_usd is None for event in requests)
    cost = f"${sum(event.cost_usd or 0.0 for event in requests):.4f}"
    facts = [
        f"{len(events):,} events",
        f"{len(requests):,} model calls",
        tokens(usage),
        f"cost unknown ({unpriced:,} of {len(requests):,} calls unpriced)" if unpriced else cost,
        _seconds(max(events[-1].ts - events[0].ts, 0.0)),
        _ending(events),
    ]
    where = f"{key.attempt} · run {key.run} · {key.split}"
    return f"{escape(where)}\n{escape(' · '.join(facts))}"


def _ending(events: Sequence[Event]) -> str:
    rewards = [event.data.get("reward") for event in events if "reward" in event.data]
    if rewards and rewards[-1] is not None:
        return f"reward {rewards[-1]}"
    ended = any(event.kind is EventKind.ATTEMPT_END for event in events)
    return "no reward" if ended else "not ended"


def _matching(blocks: Sequence[_Block], pattern: str) -> list[_Block]:
    """Keep the blocks with a line that matches; of their bodies, the lines around each match."""
    import pyarrow as pa  # takes 0.3 s; its RE2 cannot be made to run for ever, unlike `re`
    import pyarrow.compute as pc

    lines = [line for block in blocks for line in (block.title, *block.body)]
    try:
        hits: list[bool] = pc.match_substring_regex(pa.array(lines, pa.string()), pattern).to_pylist()
    except pa.ArrowInvalid as error:
        raise UsageError(f"`{pattern}` is not a regular expression: {error}") from error
    kept, at = [], 0
    for block in blocks:
        mine, at = hits[at : at + 1 + len(block.body)], at + 1 + len(block.body)
        if any(mine):
            kept.append(_Block(block.heading, block.title, _around(block.body, mine[1:])))
    return kept


def _around(lines: Sequence[str], hits: Sequence[bool]) -> list[str]:
    near = {
        number
        for at, hit in enumerate(hits)
        if hit
        for number in range(max(0, at - _CONTEXT_LINES), min(len(lines), at + _CONTEXT_LINES + 1))
    }
    shown: list[str] = []
    for number in sorted(near):
        if number and number - 1 not in near:
            shown.append("...")
        shown.append(lines[number])
    if near and max(near) < len(lines) - 1:
        shown.append("...")
    return shown


def _laid_out(blocks: Iterable[_Block], max_chars: int | None) -> Iterator[str]:
    heading = None
    for block in blocks:
        if block.heading != heading:
            heading = block.heading
            yield f"\n== {heading} ==\n"
        yield f"{block.title}\n"
        yield from (
            f"    {line}".rstrip() + "\n" for line in _cut("\n".join(block.body), max_chars).split("\n") if block.body
        )


def _cut(body: str, max_chars: int | None) -> str:
    if max_chars is None or len(body) <= max_chars:
        return body
    head = body[: max_chars * 2 // 3]
    tail = body[len(body) - max_chars // 3 :]
    return f"{head}\n[... {len(body) - len(head) - len(tail):,} of {len(body):,} characters not shown ...]\n{tail}"
