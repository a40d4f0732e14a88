"""One candidate as a person reads it: what it claims, what became of it, and why."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from optimizer.cli.output import Colour, clip, one_line, paint, points, wrap
from optimizer.facts import Facts
from optimizer.ground import NAMED
from optimizer.state import HELD
from optimizer.words import FINDS, short_reason

Json = Mapping[str, Any]  # Any: JSON
LABEL = 12
MOST_QUOTES = 10
NOTHING_FOUND = "its reader was asked and gave no finding: it refused or reported nothing"
_SETTLED: Final[Mapping[str | None, str]] = {
    None: "did not block it",
    "scan": "the scan blocked it, and no reader was asked",
    "reader": "a reader blocked it",
    "unreadable": "blocked unread: too long, or not text",
}
QUOTE_CHARS = 300
VERDICT_COLOURS: Final[Mapping[str, Colour]] = {
    "keep": "green",
    "undecided": "yellow",
    "invalid": "yellow",
    "reject": "dim",
}


def header(facts: Facts, data: Json, columns: int) -> Iterator[str]:
    """Give the lines above a difference: title, verdict, claim, evidence, prediction and what became of it."""
    yield paint(clip(f"{data['candidate']}  {one_line(data['title'])}", 2 * columns), "bold")
    yield from _labelled("verdict", verdict_words(facts, data), columns, VERDICT_COLOURS.get(data["verdict"]))
    yield from _labelled("its ground", changed_ground(data), columns)
    yield from _labelled("brief", data["brief"] or "", columns)
    yield from _labelled("made from", _made_from(data), columns)
    yield from _labelled("claim", data["hypothesis"], columns)
    yield from _labelled("evidence", ", ".join(data["evidence"]), columns)
    yield from _labelled("predicted", predicted(data), columns)
    yield from _labelled("refuted by", data["refuted_by"] or "", columns)
    yield from _labelled("reviewer", data["objection"] or "", columns)
    yield from _labelled("outcome", outcome(data), columns)
    yield from _labelled("train score", train(facts, data), columns)


def page(facts: Facts, data: Json, columns: int) -> Iterator[str]:
    """Give the lines of `candidates show`."""
    yield from header(facts, data, columns)
    yield from _section("stages", _stages(data), columns)
    yield from _section("reflection", _reflection(data["reflection"] or {}), columns)
    yield from _section("gate", _gate(data["gate"] or {}), columns)
    yield from _section("review", _review(data["review"] or {}), columns)
    yield from _section("attempts", _attempts(data), columns)
    yield from _section("harness", _harness(data), columns)
    yield ""
    run = facts.folder.id
    yield f"  ratchet candidates diff {run} {data['candidate']}{where(facts)}"
    if data["evidence"]:
        yield f"  ratchet trace show {run} {shlex.quote(one_line(data['evidence'][0]))}{where(facts)}"


def where(facts: Facts) -> str:
    """Word the option that says where the run lies, unless it lies where runs are kept by default."""
    runs = facts.folder.path.parent
    return "" if runs == Path("runs") else f" --runs-dir {shlex.quote(str(runs))}"


def changed_ground(data: Json) -> str:
    """Name the files whose change made a candidate invalid."""
    names = data["changed_ground"]
    more = f" and {len(names) - NAMED} more; --json names them" if len(names) > NAMED else ""
    return f"changed while it was measured: {', '.join(names[:NAMED])}{more}" if names else ""


def _made_from(data: Json) -> str:
    return f"{data['base']}, after a standstill; tested against {data['parent']}" if data["base"] else ""


def verdict_words(facts: Facts, data: Json) -> str:
    """Say the verdict and its reason in a few words."""
    verdict = facts.verdicts.get(data["candidate"])
    if verdict is None:
        return "the baseline: what the run began with" if data["parent"] is None else f"open: {_awaited(data)}"
    champion = ", the champion" if facts.state.champion == data["candidate"] else ""
    return f"{data['verdict']}: {short_reason(verdict)}{champion}"


def _awaited(data: Json) -> str:
    """Say what an undecided candidate waits for."""
    if not data["review"]:
        return "not decided yet"
    said = data["review"]["said"]
    return f"{said} by {data['review']['by']}; the driver enters it" if said else "waits for a person's word"


def predicted(data: Json) -> str:
    """Say what the author foretold."""
    parts = [
        f"{word} {', '.join(data[key])}"
        for word, key in (("fixes", "predicted_fixes"), ("may damage", "predicted_at_risk"))
        if data[key]
    ]
    return "; ".join(parts)


def outcome(data: Json) -> str:
    """Say what became of the prediction, where there was one."""
    if not predicted(data):
        return ""
    return data["prediction_outcome"] or "not measured on train tasks"


def train(facts: Facts, data: Json) -> str:
    """Say the train score with its coverage, beside the parent's."""
    own = _score(facts, data["candidate"])
    return f"{own}; {data['parent']} {_score(facts, data['parent'])}" if data["parent"] else own


def _score(facts: Facts, candidate: str) -> str:
    score = facts.train_score(candidate)
    return "not measured" if score is None else f"{100 * score:.1f}% ({facts.train_coverage(candidate)})"


def _stages(data: Json) -> Iterator[str]:
    for name, record in data["stages"].items():
        if name == HELD:
            continue
        words = _SAYINGS[name](record) if name in _SAYINGS else _plain(record)
        words = _reflected(data["reflection"] or {}) if name == "reflect" else words
        yield f"{name}: {words}"


def _checked(record: Json) -> str:
    changed = record.get("changed") or []
    return f"passed; changes {', '.join(changed)}" if changed else "passed"


def _reflected(record: Json) -> str:
    if not record.get("asked"):
        return "passed; nobody was asked to read it"
    return f"passed; {NOTHING_FOUND if record.get('found') is None else 'read in a fresh context'}"


def _screened(record: Json) -> str:
    if record.get("mean") is None:
        return "passed"
    counts = f"{record.get('candidate_attempts')} attempts against {record.get('champion_attempts')} of the champion"
    return f"passed; {points(record['mean'])} on {record.get('tasks')} train tasks, {counts}{_probed(record)}"


def _probed(record: Json) -> str:
    probe = record.get("probe") or {}
    if probe.get("gain") is None:
        return ""
    variants = points(probe["gain_on_variants"])
    return f"; probe: {points(probe['gain'])} on {probe['tasks']} of them, {variants} on their variants"


def _drawn_afresh(record: Json) -> str:
    """Say what the candidate's lessons were held against."""
    if record.get("champion") is None:
        return "no fresh attempt of the champion was scored"
    arms = f"champion {100 * record['champion']:.1f}%, candidate {100 * record['candidate']:.1f}%"
    return f"{arms} on {record['tasks']} named tasks, the champion attempted afresh"


_SAYINGS: Final = {"check": _checked, "lesson": _drawn_afresh, "screen": _screened}


def _plain(record: Json) -> str:
    """Word a record of a stage nobody gave words to."""
    return ", ".join(f"{key} {_value(value)}" for key, value in record.items()) or "passed"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({_plain(value)})"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_value, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else "unknown" if value is None else str(value)


def _reflection(record: Json) -> Iterator[str]:
    if not record:
        return
    count = record.get("findings") or 0
    found = f"the scan found {count} place{'' if count == 1 else 's'} of copied task text"
    yield f"{_SETTLED[record['blocked_by']]}; {found}"
    # Several findings may quote the same line.
    quotes = list(dict.fromkeys(record.get("quoted") or []))
    yield from (f"- {clip(quote, QUOTE_CHARS)}" for quote in quotes[:MOST_QUOTES])
    if len(quotes) > MOST_QUOTES:
        yield f"- and {len(quotes) - MOST_QUOTES} more lines; --json holds them"
    readers = record.get("readers") or []
    if len(readers) > 1:
        for reader in readers:
            yield f"{reader['role']}: {FINDS[reader['overfit']]}; {reader['reason']}{_invented(reader)}"
            yield from (f"- {clip(quote, QUOTE_CHARS)}" for quote in reader["quotes"][:MOST_QUOTES])
        return
    if record.get("asked") and record.get("found") is None:
        yield NOTHING_FOUND
    elif record.get("judge"):
        yield f"judge: {record['judge']}"
    yield from (f"- {clip(quote, QUOTE_CHARS)}" for quote in (record.get("judge_quotes") or [])[:MOST_QUOTES])


def _invented(reader: Json) -> str:
    count = reader["invented_quotes"]
    return f" ({count} quote{'' if count == 1 else 's'} not in the diff, dropped)" if count else ""


def _gate(record: Json) -> Iterator[str]:
    if not record:
        return
    looks = ", ".join(record["looks"]) or "none yet"
    yield f"test {record['test']} at level {record['level']:.4f}; looks: {looks}"
    seen = record.get("record")
    if not seen:
        yield "what it saw on held-out tasks is shown when the run is finished"
        return
    low, high = seen.get("interval") or (None, None)
    interval = "" if low is None or high is None else f", interval {100 * low:+.1f} to {points(high)}"
    yield f"{points(seen.get('mean'))} on {seen.get('tasks')} held-out tasks{interval}"
    p = seen.get("p")
    counts = f"{seen.get('candidate_attempts')} attempts against {seen.get('champion_attempts')} of the champion"
    yield f"{counts}{'' if p is None else f'; p {p:.4f}'}; {seen.get('cause')}"


def _review(record: Json) -> Iterator[str]:
    if record and not record["said"]:
        yield "waits for a person's word"
    elif record:
        why = f": {record['reason']}" if record["reason"] else ""
        yield f"{record['said']} by {record['by']} at {record['at']}{why}"


def _attempts(data: Json) -> Iterator[str]:
    by = data["attempts"]
    yield f"its own: {by['train']:,} on train, {by['heldout']:,} on held-out, {by['test']:,} on test tasks"
    if data["parent"]:
        yield f"drawn for its verdict, the champion's among them: {data['attempts_for_verdict']:,}"


def _harness(data: Json) -> Iterator[str]:
    yield data["harness"]


def _labelled(label: str, text: str, columns: int, colour: Colour | None = None) -> Iterator[str]:
    if not text:
        return
    rows = wrap(one_line(text), columns=columns - LABEL).splitlines()
    for number, row in enumerate(rows):
        yield f"{label if number == 0 else '':<{LABEL}}{paint(row, colour) if colour else row}"


def _section(title: str, lines: Iterator[str], columns: int) -> Iterator[str]:
    rows = [row for line in lines for row in _hung(one_line(line), columns)]
    if rows:
        yield ""
        yield paint(title, "bold")
        yield from rows


def _hung(text: str, columns: int) -> list[str]:
    """Break a line of a section; what does not fit goes on further in."""
    first, *rest = wrap(text, columns=columns - 4).splitlines() or [""]
    return [f"  {first}", *(f"    {row}" for row in rest)]
