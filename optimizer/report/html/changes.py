"""What was kept and what was refused: claim, prediction, reason, evidence, diff."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optimizer.ledger import CandidateRow, VerdictRow
from optimizer.report.changes import listed, prediction
from optimizer.report.html.diffs import Diffs
from optimizer.report.html.element import Child, Element, h
from optimizer.report.html.parts import badge, facts_list, plural, score, section
from optimizer.report.html.reading import NAME_CHARS, Reading
from optimizer.report.text import points
from optimizer.verdict import Verdict
from optimizer.words import FINDS, SHORT, short_reason

OPEN_GROUP = 8
SHOWN_OPEN = 40
"""Lines of a kept diff that stand open."""
NO_FAILURE = "A refusal is no failure: most ideas do not help, and finding that out is the gate's work."
_TOLD = ("error", "violations", "of", "detail", "cause", "changed")


def kept(reading: Reading, diffs: Diffs) -> Element:
    """Show every kept change in full."""
    rows = [row for row in reading.facts.changes if reading.kind(row) == Verdict.KEEP.value]
    if not rows:
        return section("kept", "Changes kept", h("p", "No change was kept so far." if _open(reading) else NONE_KEPT))
    return section("kept", f"Changes kept ({len(rows)})", [_card(reading, row, diffs) for row in rows])


NONE_KEPT = "No change was kept: none was shown to help beyond noise. The champion is the baseline."


def _open(reading: Reading) -> bool:
    return reading.facts.finish is None


def _card(reading: Reading, row: CandidateRow, diffs: Diffs) -> Element:
    return h(
        "article",
        h("h3", badge("keep"), f"{row.id}: " if not reading.redacted else None, reading.title(row)),
        _facts(reading, row),
        diffs.block(reading, row, open_below=SHOWN_OPEN),
        class_="card keep",
        id=row.id,
    )


def _facts(reading: Reading, row: CandidateRow) -> Element:
    verdict = reading.facts.verdicts.get(row.id)
    return facts_list(
        [
            ("claim", h("span", reading.words(row.hypothesis), class_="said") if _told(reading, row) else None),
            ("verdict", _verdict(reading, row, verdict)),
            ("train score", _train(reading, row)),
            ("predicted", _predicted(reading, row)),
            (
                "refuted by",
                h("span", reading.words(row.refuted_by), class_="said") if _refutable(reading, row) else None,
            ),
            ("reviewer objected", _objection(reading, row)),
            ("made from", reading.facts.base(row) or None),
            ("brief", reading.facts.brief(row) or None),
            ("came true", prediction(reading.facts, row)),
            ("evidence", _evidence(reading, row)),
            ("reflection", _judged(reading, row)),
            *((role, words) for role, words in _readers(reading, row)),
            ("cost", f"{plural(reading.facts.attempts_for(row.id), 'attempt')} to decide"),
        ]
    )


def _verdict(reading: Reading, row: CandidateRow, verdict: VerdictRow | None) -> str:
    if verdict is None:
        return "not decided yet"
    return f"{short_reason(verdict)}{_gate_words(reading, row)}"


def _gate_words(reading: Reading, row: CandidateRow) -> str:
    """Add what the gate saw on held-out tasks, once nothing can be proposed any more."""
    looks = reading.facts.looks.get(row.id, ())
    if not looks or reading.facts.finish is None:
        return ""
    seen = looks[-1].record
    low, high = seen.get("interval") or (None, None)
    interval = f" (95% interval {points(low)} to {points(high)})" if low is not None else ""
    level = next((test["level"] for test in reading.facts.tests if test["candidate"] == row.id), None)
    p = f", p {seen['p']:.4f}" if seen.get("p") is not None else ""
    at = f" at level {level:.4f}" if level is not None else ""
    return (
        f": {points(seen.get('mean'))} points{interval} over its champion on {seen.get('tasks', '?')} held-out tasks,"
        f" {plural(len(looks), 'look')}{p}{at}"
    )


def _train(reading: Reading, row: CandidateRow) -> str:
    facts = reading.facts
    mine = score(facts.train_score(row.id), facts.train_coverage(row.id))
    if row.parent is None or facts.train_score(row.id) is None:
        return mine
    return f"{mine}; its parent {row.parent} {score(facts.train_score(row.parent), facts.train_coverage(row.parent))}"


def _predicted(reading: Reading, row: CandidateRow) -> str:
    said = [("fixes ", row.fixes), ("may damage ", row.at_risk)]
    return "; ".join(word + _names(reading, names) for word, names in said if names)


def _names(reading: Reading, names: Sequence[str]) -> str:
    shown = [reading.task(name) for name in names[: reading.caps.listed]]
    more = len(names) - len(shown)
    return ", ".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def _evidence(reading: Reading, row: CandidateRow) -> Child:
    if not row.evidence:
        return None
    if reading.redacted:
        return plural(len(row.evidence), "attempt")
    shown = [reading.words(str(each), NAME_CHARS) for each in row.evidence[: reading.caps.listed]]
    return [[h("code", each), " "] for each in shown]


def _told(reading: Reading, row: CandidateRow) -> bool:
    return bool(row.hypothesis) and not reading.redacted


def _objection(reading: Reading, row: CandidateRow) -> Child:
    said = "" if reading.redacted else reading.facts.objection(row)
    return h("span", reading.words(said), class_="said") if said else None


def _refutable(reading: Reading, row: CandidateRow) -> bool:
    return bool(row.refuted_by) and not reading.redacted


def _judged(reading: Reading, row: CandidateRow) -> str:
    if reading.redacted:
        return ""
    record = reading.facts.judgements.get(row.id) or {}
    judgement = record.get("judgement") or {}
    return reading.words(str(judgement["reason"])) if judgement.get("reason") else ""


def _readers(reading: Reading, row: CandidateRow) -> Iterator[tuple[str, Child]]:
    """Tell what each reader of a panel said, with the lines it quoted."""
    findings = reading.facts.findings.get(row.id, {})
    if reading.redacted or len(findings) < 2:
        return
    for role, found in findings.items():
        quotes = [h("blockquote", reading.words(str(quote))) for quote in found["quotes"][: reading.caps.quotes]]
        yield role, [f"{FINDS[found['overfit']]}: {reading.words(str(found['reason']))}", *quotes]


def refused(reading: Reading, diffs: Diffs) -> Element:
    """Group what was not kept by its reason, the most frequent first; what is still open comes before."""
    groups: dict[str, list[CandidateRow]] = defaultdict(list)
    for row in reading.facts.changes:
        verdict = reading.facts.verdicts.get(row.id)
        if verdict is None or verdict.verdict is not Verdict.KEEP:
            groups[verdict.cause if verdict else ""].append(row)
    empty = [slot for slot in reading.facts.slots if slot["candidate"] is None]
    if not groups and not empty:
        return section("refused", "Changes refused", h("p", "Nothing was refused."))
    ordered = sorted(groups.items(), key=lambda item: (item[0] != "", -len(item[1])))
    return section(
        "refused",
        _heading(groups),
        h("p", NO_FAILURE, class_="note") if groups.keys() - {""} else None,
        _folding(),
        [_group(reading, cause, rows, diffs) for cause, rows in ordered],
        _without(reading, empty) if empty else None,
    )


def _heading(groups: Mapping[str, Sequence[CandidateRow]]) -> str:
    """Count what was refused, and apart from it what is still open."""
    refusals = sum(len(rows) for cause, rows in groups.items() if cause)
    if "" not in groups:
        return f"Changes refused ({refusals})"
    under_way = f"under way ({len(groups[''])})"
    return f"Changes refused ({refusals}) and {under_way}" if refusals else f"Changes {under_way}"


def _folding() -> Element:
    return h(
        "p",
        h("button", "Unfold all", type="button", data_fold="open", data_of="refused"),
        " ",
        h("button", "Fold all", type="button", data_fold="shut", data_of="refused"),
        data_js=True,
        hidden=True,
        class_="noprint",
    )


def _group(reading: Reading, cause: str, rows: Sequence[CandidateRow], diffs: Diffs) -> Element:
    words = SHORT.get(cause, cause) if cause else "not decided yet"
    return h(
        "details",
        h("summary", f"{words[:1].upper()}{words[1:]} ({len(rows)})"),
        [_item(reading, row, diffs) for row in rows],
        class_="group",
        open=len(rows) <= OPEN_GROUP,
    )


def _item(reading: Reading, row: CandidateRow, diffs: Diffs) -> Element:
    title = None if reading.redacted else reading.title(row)
    return h(
        "details",
        h("summary", badge(reading.kind(row)), h("span", row.id, class_="mono"), " ", title),
        h(
            "div",
            _facts(reading, row),
            [*_against(reading, reading.facts.verdicts.get(row.id))],
            diffs.block(reading, row),
            class_="body",
        ),
        class_="item",
        id=row.id,
    )


def _against(reading: Reading, verdict: VerdictRow | None) -> Iterator[Child]:
    """Quote what a candidate was refused for; findings about held-out text are counted, never quoted."""
    if verdict is None:
        return
    private: Mapping[str, Any] = verdict.private  # Any: JSON
    leaks = private.get("leaks") or ()
    public = [leak for leak in leaks if leak.get("public")][: reading.caps.quotes]
    if leaks:
        yield h("p", f"Reflection found {plural(len(leaks), 'piece')} of task text:", class_="note")
    for leak in public:
        where = f"{reading.words(str(leak['path']), NAME_CHARS)}:{leak['line']} ({_kind(leak)}) "
        yield h("blockquote", h("span", where, class_="quiet") if not reading.redacted else None,
                reading.words(str(leak["quote"])))  # fmt: skip
    if len(leaks) > len(public):
        yield h("p", f"and {len(leaks) - len(public)} more findings", class_="note")
    for quote in ((private.get("judgement") or {}).get("quotes") or ())[: reading.caps.quotes]:
        yield h("blockquote", reading.words(str(quote)))
    if not leaks and "judgement" not in private:
        for name in _TOLD:
            if name in private and verdict.cause != "not_better":
                yield h("p", f"{name}: {reading.words(listed(private[name]))}", class_="note")


def _kind(leak: Mapping[str, Any]) -> str:  # Any: JSON
    return str(leak["kind"]).replace("_", " ")[:NAME_CHARS]


def _without(reading: Reading, slots: Sequence[Mapping[str, Any]]) -> Element:  # Any: JSON
    shown = slots[: reading.caps.listed]
    return h(
        "details",
        h("summary", f"No proposal came ({len(slots)})"),
        [h("p", f"iteration {slot['slot']}: {reading.words(str(slot['reason']))}", class_="item") for slot in shown],
        h("p", f"and {len(slots) - len(shown)} more", class_="note") if len(slots) > len(shown) else None,
        class_="group",
    )
