"""The end of a night: takes out again the kept changes that carry nothing, before the champion is certified.

Every decision is `optimizer.gate.pruning`'s; this module makes the variants, brings it their attempts, and writes
down what it says. A variant is a candidate that nobody proposed: the champion without some of its kept changes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.budget import fits
from optimizer.candidates import BASELINE, candidate_id
from optimizer.gate import PruneConfig, Removal, batch_of, settle, weigh
from optimizer.ledger import AttemptRow, Bill, CandidateRow, VerdictRow
from optimizer.reading.lineage import champion_path
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import each, mean_if_known, over_dispersion, requests, rewards
from optimizer.stages.outage import drawn_whole
from optimizer.state import Phase
from optimizer.telling.progress import Progress
from optimizer.verdict import Verdict, ruling
from task_agent.harness import HarnessBundle, HarnessError, diff, normalised_hash, reverse, validate, violations

Json = dict[str, Any]  # Any: JSON
HELDOUT = Split.HELDOUT
SINGLES, BATCH = "prune", "prune/together"
"""What is drawn: each change left out alone, then all that can be spared; each in stages `/1`, `/2`."""
SKIPPED = {
    "money": "the money left is kept for certifying",
    "tokens": "the tokens were used up",
    "deadline": "the time was used up",
}


@dataclass(frozen=True, slots=True)
class _Variant:
    """Name the champion without some of its changes."""

    candidate: str
    without: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Anchor:
    """Hold what is pruned: the champion of the last gate keep, and the changes it was made by, oldest first."""

    champion: str
    kept: tuple[CandidateRow, ...]


def prune(bench: Bench, *, skip: str, keep_back_usd: float) -> None:
    """Try the champion without each of its kept changes, and take out what carries nothing; once.

    Args:
        bench: The run.
        skip: Why there is no room for it; empty when there is.
        keep_back_usd: What certifying will cost.
    """
    anchor, rules = _anchor(bench), _rules(bench)
    if len(anchor.kept) < rules.min_kept:
        kept = "the one kept change was just tested" if anchor.kept else "no change was kept"
        _conclude(bench, anchor, _nothing(kept))
        return
    singles, stuck = _singles(bench, anchor)
    skip = skip or _no_room(bench, SINGLES, singles, keep_back_usd)
    if skip or not singles:
        _leave_open_ones(bench)
        _conclude(bench, anchor, {**_nothing(SKIPPED.get(skip, skip)), "skipped": skip, "stuck": stuck})
        return
    weighed = _weighed(bench, SINGLES, anchor, singles)
    together = _together(bench, anchor, weighed, keep_back_usd)
    removed = settle(list(weighed.values()), together.removal)
    _decide(bench, {**weighed, **together.weighed}, removed)
    record = _record(bench, anchor, {**weighed, **together.weighed}, removed)
    _conclude(bench, anchor, {**record, "stuck": stuck, "note": together.note})


def _rules(bench: Bench) -> PruneConfig:
    asked = bench.config.prune
    return PruneConfig(
        runs=asked.runs,
        first_runs=asked.first_runs,
        level=asked.level,
        margin_least=asked.margin_least,
        margin_most=asked.margin_most,
    )


def _anchor(bench: Bench) -> _Anchor:
    """Follow the last change that the gate kept back to the baseline."""
    proposed = {slot["candidate"] for slot in bench.ledger.slots()}
    verdicts = bench.ledger.verdicts()
    rows = {row.id: row for row in bench.ledger.candidates()}
    kept = [name for name in rows if name in proposed and _is_keep(verdicts, name)]
    champion = kept[-1] if kept else BASELINE
    path = champion_path({row.id: row.parent for row in rows.values()}, champion)
    return _Anchor(champion, tuple(row for row in rows.values() if row.id in path and row.id != BASELINE))


def _is_keep(verdicts: Mapping[str, Any], name: str) -> bool:  # Any: verdict rows
    return name in verdicts and verdicts[name].verdict is Verdict.KEEP


def _singles(bench: Bench, anchor: _Anchor) -> tuple[list[_Variant], Json]:
    """Make the champion without each change; say which changes cannot be taken out alone, and why."""
    made: list[_Variant] = []
    stuck: Json = {}
    for row in anchor.kept:
        try:
            bundle = _without(bench, anchor, [row])
        except HarnessError as error:
            stuck[row.id] = str(error)
        else:
            made.append(_enter(bench, anchor, [row], bundle, number=len(made)))
    return made, stuck


def _without(bench: Bench, anchor: _Anchor, rows: Sequence[CandidateRow]) -> HarnessBundle:
    """Reverse kept changes on the champion, the newest first.

    Raises:
        HarnessError: They cannot be reversed, or what is left does not work or leaves the edit surface.
    """
    champion = bench.archive.load(anchor.champion)
    bundle = champion
    for row in reversed(rows):
        before = bench.archive.load(row.parent or BASELINE)
        bundle = reverse(bundle, diff(before, bench.archive.load(row.id)))
    validate(bundle)
    if broken := violations(bench.surface, champion, bundle):
        raise HarnessError(broken[0])
    return bundle


def _enter(
    bench: Bench, anchor: _Anchor, rows: Sequence[CandidateRow], bundle: HarnessBundle, *, number: int
) -> _Variant:
    """Enter a variant as a candidate; its number follows the proposals', so that a resume finds the same one."""
    slot = max(row["slot"] for row in bench.ledger.slots()) + 1 + number
    name = candidate_id(slot)
    first = f"{rows[0].id}: {rows[0].title}"
    title = f"without {first if len(rows) == 1 else ' and '.join(row.id for row in rows)}"
    bench.archive.save(name, bundle)
    row = CandidateRow(name, slot, anchor.champion, bundle.hash, normalised_hash(bundle), title)
    bench.ledger.conclude_slot(0, row, reason="", bill=Bill())
    return _Variant(name, tuple(row.id for row in rows))


def _no_room(bench: Bench, stage: str, variants: Sequence[_Variant], keep_back_usd: float) -> str:
    """Name what a stage would not leave enough of; what was begun is completed."""
    if bench.ledger.attempts(stage=f"{stage}/1"):
        return ""
    attempts = (len(variants) + 1) * len(bench.splits.heldout) * bench.config.prune.runs
    stop, spent = bench.config.stop, bench.ledger.spend()
    price = bench.draws.price(attempts)
    done = max(len(bench.ledger.attempts()), 1)
    if not fits(price, spent_usd=spent.usd, kept_back_usd=keep_back_usd, budget_usd=stop.budget_usd):
        return "money"
    if stop.tokens is not None and spent.tokens * (1 + attempts / done) >= stop.tokens:
        return "tokens"
    late = stop.hours is not None and bench.ledger.elapsed_s * (1 + attempts / done) >= stop.hours * 3600
    return "deadline" if late else ""


def _weighed(bench: Bench, what: str, anchor: _Anchor, variants: Sequence[_Variant]) -> dict[str, Removal]:
    """Draw champion and variants, fresh and interleaved, and judge each variant; at an early look, and at the last."""
    found: dict[str, Removal] = {}
    rows: list[AttemptRow] = []
    going, done = list(variants), 0
    for number, runs in enumerate(_rules(bench).stages, start=1):
        if going:
            rows += _draw(bench, f"{what}/{number}", [anchor.champion, *(one.candidate for one in going)], runs - done)
            found |= _judged(bench, anchor.champion, going, rows, runs)
        going, done = [one for one in going if found[one.candidate].goes_on], runs
    return {one.candidate: found[one.candidate] for one in variants}


def _draw(bench: Bench, stage: str, names: Sequence[str], runs: int) -> list[AttemptRow]:
    counts = each(bench.splits.heldout, runs)
    return drawn_whole(
        bench, stage, [ask for name in names for ask in requests(bench, name, HELDOUT, Purpose.PRUNE, counts)]
    )


def _judged(
    bench: Bench, champion: str, variants: Sequence[_Variant], rows: Sequence[AttemptRow], runs: int
) -> dict[str, Removal]:
    gate = dataclasses.replace(bench.gate, phi=max(bench.gate.phi, over_dispersion(bench, runs, runs)))
    names = {row.spec.candidate for row in rows}
    arms = {name: rewards(row for row in rows if row.spec.candidate == name) for name in names}
    rules, tasks = _rules(bench), bench.gate_tasks(HELDOUT)
    return {
        one.candidate: weigh(rules, gate, tasks, one.without, anchor=arms[champion], variant=arms[one.candidate])
        for one in variants
    }


@dataclass(frozen=True, slots=True)
class _Together:
    """Hold what became of taking out at once all that can be spared alone; `note` says why nothing did."""

    weighed: Mapping[str, Removal]
    note: str = ""

    @property
    def removal(self) -> Removal | None:
        return next(iter(self.weighed.values()), None)


def _together(bench: Bench, anchor: _Anchor, weighed: Mapping[str, Removal], keep_back_usd: float) -> _Together:
    names = batch_of(list(weighed.values()))
    rows = [row for row in anchor.kept if row.id in names]
    if len(rows) < 2:
        return _Together({})
    try:
        bundle = _without(bench, anchor, rows)
    except HarnessError as error:
        return _Together({}, f"{' and '.join(names)} cannot be taken out together: {error}")
    variant = _enter(bench, anchor, rows, bundle, number=len(weighed))
    if lacking := _no_room(bench, BATCH, [variant], keep_back_usd):
        return _Together({}, f"{' and '.join(names)} were not tried together: {SKIPPED[lacking]}")
    return _Together(_weighed(bench, BATCH, anchor, [variant]))


def _decide(bench: Bench, weighed: Mapping[str, Removal], removed: tuple[str, ...]) -> None:
    """Give every variant its verdict; the one that is kept is the new champion."""
    for name, removal in weighed.items():
        spare = "simpler" if removal.without == removed else "other_taken"
        cause = {"spare": spare, "stays": "needed", "unjudged": "too_many_missing"}[removal.outcome]
        _rule(bench, name, cause, dataclasses.asdict(removal))
    _leave_open_ones(bench)


def _leave_open_ones(bench: Bench) -> None:
    """Leave variants undecided that no attempts were made for, or not enough."""
    verdicts = bench.ledger.verdicts()
    for row in bench.ledger.candidates():
        if row.id != BASELINE and row.id not in verdicts:
            _rule(bench, row.id, "ended", {})


def _rule(bench: Bench, name: str, cause: str, private: Json) -> None:
    """Write a verdict down; it is no iteration's, so nobody is told of it by itself."""
    said = ruling(cause)
    bench.ledger.decide(VerdictRow(name, said.verdict, cause, said.public, private))


def _nothing(why: str) -> Json:
    return {"removed": [], "weighed": {}, "skipped": "", "note": why}


def _record(bench: Bench, anchor: _Anchor, weighed: Mapping[str, Removal], removed: tuple[str, ...]) -> Json:
    """Say what was found, what it rests on, and what it saved."""
    rules = _rules(bench)
    taken = next((name for name, removal in weighed.items() if removal.without == removed), None)
    rows = bench.ledger.attempts(bench.run, purpose=Purpose.PRUNE.value)
    return {
        "removed": list(removed),
        "weighed": {name: dataclasses.asdict(removal) for name, removal in weighed.items()},
        "skipped": "",
        "runs": rules.runs,
        "level": rules.level,
        "tasks": len(bench.splits.heldout),
        "target": bench.gate.target_for(len(bench.splits.heldout)),
        "attempts": len(rows),
        "usd": sum(row.cost_usd or 0.0 for row in rows),
        "saved": _saved(bench, anchor.champion, taken, rows) if taken else None,
    }


def _saved(bench: Bench, champion: str, taken: str, rows: Sequence[AttemptRow]) -> Json:
    """Set champion and pruned harness beside each other: money and tokens of an attempt here, lines of text."""
    arms = {name: [row for row in rows if row.spec.candidate == name] for name in (champion, taken)}
    change = diff(bench.archive.load(champion), bench.archive.load(taken)).stat
    return {
        "usd": [mean_if_known([row.cost_usd for row in arm]) for arm in arms.values()],
        "tokens": [mean_if_known([row.tokens for row in arm]) for arm in arms.values()],
        "lines_out": change.removed,
        "lines_in": change.added,
        "files": change.files,
    }


def _conclude(bench: Bench, anchor: _Anchor, record: Json) -> None:
    champion = bench.ledger.state().champion
    told = {"anchor": anchor.champion, "champion": champion, "kept": [row.id for row in anchor.kept], **record}
    bench.ledger.conclude(Phase.PRUNE, told)
    removed = " and ".join(record["removed"])
    text = f"took out {removed}: {champion} is the champion" if removed else f"nothing was taken out{_why(record)}"
    data = {"champion": champion, "removed": record["removed"], "skipped": record["skipped"] or None}
    bench.listen(Progress("pruned", text, data))


def _why(record: Json) -> str:
    return f": {record['note']}" if record["note"] else ""
