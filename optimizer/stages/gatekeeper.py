"""Carries a gate test through its looks: level reserved first, both arms fresh and interleaved.

Every decision is `optimizer.gate`'s; this module brings it attempts from the ledger and writes down what it says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.task import Split
from optimizer.attempt_spec import AttemptStatus, Purpose
from optimizer.budget import fits
from optimizer.gate import (
    Arms,
    Decide,
    Draw,
    GateConfig,
    GateTest,
    Look,
    Plan,
    RestartChampion,
    level,
)
from optimizer.gate.looks import Cause
from optimizer.ledger import AttemptRow, LookRow
from optimizer.stages.bench import Bench
from optimizer.stages.draws import OutageError
from optimizer.stages.evidence import over_dispersion, requests, rewards
from optimizer.stages.guarding import guards
from optimizer.stages.outage import ROUNDS, lost_alone, lost_early, taken
from optimizer.stages.verdicts import decide, hold_ground
from optimizer.state import Phase
from optimizer.telling.progress import Progress
from optimizer.verdict import Verdict

HELDOUT = Split.HELDOUT
HELD_BY = ("draft", "approve")
"""Kinds of autonomy under which what passed its test waits for a person's word."""
CAUSES = {"keep": "better", "reject": "not_better", "invalid": "too_many_missing"}


def reserve(bench: Bench, candidate: str, parent: str) -> None:
    """Reserve the test's level on disk before its first attempt, or leave the candidate undecided.

    The suite's registry counts the test first: its level depends on every test these held-out
    tasks were ever asked, in this run or an earlier one.
    """
    placed = bench.registry.reserve_test(bench.suite.hash, bench.uid, candidate)
    alpha = level(bench.gate, placed.tests_before, placed.keeps_before)
    if alpha is None:
        decide(bench, candidate, "level_exhausted", {})
        return
    number = bench.ledger.reserve_test(candidate, parent, alpha)
    bench.listen(Progress("notice", f"{candidate}: test {number} at level {alpha:.4f}", {"candidate": candidate}))


def look_at(bench: Bench, candidate: str, parent: str, stage: int, *, keep_back_usd: float) -> None:
    """Draw what one stage of a test still needs, look at it once, and decide if that look decides.

    Raises:
        OutageError: The stage gave no score in one of the arms; the test goes on when resumed.
    """
    seen = bench.ledger.looks(candidate)
    if seen and seen[-1].outcome != "continue":
        _conclude(bench, candidate, seen[-1])
        return
    alpha = next(test["level"] for test in bench.ledger.tests() if test["candidate"] == candidate)
    test = GateTest(_config(bench), bench.gate_tasks(HELDOUT), alpha, stage)
    drawn = False
    while True:
        pool = _pool(bench, candidate, parent)
        match test.next_action(pool.arms, guards=guards(bench.gate, pool.candidate, pool.champion, pool.fresh)):
            case Draw(needed):
                plan = _beside(bench, candidate, stage, needed)
                if not _affordable(bench, plan.total, keep_back_usd):
                    decide(bench, candidate, "money", {"stage": stage})
                    return
                _draw(bench, candidate, parent, stage, plan)
                drawn = True
            case RestartChampion(drift):
                _set_back(bench, candidate, f"restart/{stage}", {"drift": dataclasses.asdict(drift)})
                bench.ledger.note("drift", f"{candidate}: the champion's scores drifted; its arm is drawn anew")
            case Decide(look) if (weather := _weather(bench, candidate, stage, look)) is not None:
                _set_back(bench, candidate, f"{weather.kind}/{stage}", {"alone": weather.alone})
                if _alone(bench, candidate, stage) >= ROUNDS:
                    decide(bench, candidate, "too_many_missing", dataclasses.asdict(look.record))
                    return
                if drawn and weather.kind == "pending":
                    raise _outage(bench, candidate, stage)
            case Decide(look):
                _record(bench, candidate, look, stage)
                return


@dataclass(frozen=True, slots=True)
class _Weather:
    """Say why a look must wait: `pending` had an arm without scores, `lost` an outage in the middle of its draw.

    `alone` says that the candidate lost every attempt while the champion's beside them were fine.
    """

    kind: Literal["pending", "lost"]
    alone: bool = False


def _weather(bench: Bench, candidate: str, stage: int, look: Look) -> _Weather | None:
    """Tell an outage from a verdict, by what the stage drew since it was last set back; None lets the look stand."""
    if look.outcome not in ("pending", "invalid"):
        return None
    since = max([0, *_set_backs(bench, candidate, "pending"), *_set_backs(bench, candidate, "lost")])
    drawn = [row for row in bench.ledger.attempts(bench.run, split=HELDOUT) if row.rowid > since]
    rows = [row for row in drawn if row.stage.startswith(f"gate/{candidate}/{stage}/")]
    limit = bench.gate.max_missing
    if look.outcome == "pending":
        return _Weather("pending", lost_alone(candidate, rows, limit))
    missing = look.record.cause in (Cause.TOO_MANY_MISSING, Cause.UNEQUAL_MISSING)
    return _Weather("lost") if missing and taken(rows, limit) else None


def _alone(bench: Bench, candidate: str, stage: int) -> int:
    """Count how often the candidate alone was lost at this look."""
    records = bench.ledger.stage_records(candidate).items()
    return sum(bool(record.get("alone")) for name, record in records if name.startswith(f"pending/{stage}/"))


def _beside(bench: Bench, candidate: str, stage: int, plan: Plan) -> Plan:
    """Put a champion's attempt beside each that is drawn again after an outage, to tell one from the other."""
    names = bench.ledger.stage_records(candidate)
    if not any(name.startswith((f"pending/{stage}/", f"lost/{stage}/")) for name in names):
        return plan
    tasks = {*plan.candidate, *plan.champion}
    beside = {task: max(plan.candidate.get(task, 0), plan.champion.get(task, 0)) for task in sorted(tasks)}
    return dataclasses.replace(plan, champion=beside)


def _config(bench: Bench) -> GateConfig:
    """Take over the over-dispersion that the A/A measurement found, for the attempts of the last look."""
    gate = bench.gate
    pool = max(gate.pool_min, min(gate.runs, gate.pool_cap))
    return dataclasses.replace(gate, phi=max(gate.phi, over_dispersion(bench, gate.runs, pool)))


def _set_back(bench: Bench, candidate: str, what: str, record: dict[str, Any]) -> None:
    """Record what the attempts made so far no longer count for (Any: JSON)."""
    done = sum(name.startswith(f"{what}/") for name in bench.ledger.stage_records(candidate))
    bench.ledger.conclude_stage(candidate, f"{what}/{done}", {"after": bench.ledger.last_attempt(), **record})


def _outage(bench: Bench, candidate: str, stage: int) -> OutageError:
    return OutageError(
        f"look {stage + 1} at {candidate} found an arm without any score: its attempts died of infrastructure",
        hint=f"ratchet resume {bench.run}: nothing was decided, what is missing is drawn again",
    )


def _record(bench: Bench, candidate: str, look: Look, stage: int) -> None:
    record: dict[str, Any] = dataclasses.asdict(look.record)  # Any: JSON
    row = LookRow(candidate, stage, look.outcome, record)
    bench.ledger.record_look(row)
    of = len(bench.gate.stages)
    text = f"{candidate}: look {stage + 1} of {of}"
    data = {"candidate": candidate, "outcome": look.outcome, "look": stage + 1, "of": of}
    bench.listen(Progress("look", text, data))
    if look.outcome != "continue":
        _conclude(bench, candidate, row)


def _conclude(bench: Bench, candidate: str, seen: LookRow) -> None:
    if seen.outcome == "keep" and bench.config.autonomy in HELD_BY and not _accepted(bench, candidate):
        return  # a person is asked first
    hold_ground(bench, candidate)
    if seen.outcome == "keep":
        bench.registry.record_keep(bench.suite.hash, bench.uid, candidate)
    decide(bench, candidate, CAUSES[seen.outcome], seen.record)


def _accepted(bench: Bench, candidate: str) -> bool:
    review = bench.ledger.reviews().get(candidate)
    return review is not None and review.accepted


def _draw(bench: Bench, candidate: str, parent: str, stage: int, plan: Plan) -> None:
    asked = requests(bench, candidate, HELDOUT, Purpose.GATE, plan.candidate)
    asked += requests(bench, parent, HELDOUT, Purpose.GATE, plan.champion)
    bench.draws.draw(f"gate/{candidate}/{stage}/{len(_set_backs(bench, candidate))}", asked)


def _set_backs(bench: Bench, candidate: str, kind: str = "") -> list[int]:
    """List the attempt rows after which the candidate's test was set back: by drift (`restart`), or an outage."""
    kinds = (f"{kind}/",) if kind else ("restart/", "pending/", "lost/")
    records = bench.ledger.stage_records(candidate).items()
    return [int(record["after"]) for name, record in records if name.startswith(kinds)]


@dataclass(frozen=True, slots=True)
class _Pool:
    """Hold the attempts a look may rest on."""

    candidate: tuple[AttemptRow, ...]
    fresh: tuple[AttemptRow, ...]
    older: tuple[AttemptRow, ...]

    @property
    def champion(self) -> tuple[AttemptRow, ...]:
        return self.older + self.fresh

    @property
    def arms(self) -> Arms:
        return Arms(rewards(self.candidate), rewards(self.fresh), rewards(self.older))


def _pool(bench: Bench, candidate: str, parent: str) -> _Pool:
    """Collect the candidate's attempts, the champion's fresh ones of this test, and its older ones.

    Older ones count from when the champion became champion, or was last seen to drift, and only those of
    tests that ended in a rejection: what earned it the place, or was broken off, is dropped. Attempts
    missing before an outage of this test are void: they are drawn again.
    """
    prefix, since = f"gate/{candidate}/", _champion_since(bench, parent)
    void = max(_set_backs(bench, candidate, "pending"), default=0)
    early = max(_set_backs(bench, candidate, "lost"), default=0)
    champion = bench.ledger.attempts(bench.run, harness=bench.harness(parent), split=HELDOUT)
    champion = [row for row in champion if row.rowid > since]
    fair = _fair_stages(bench)
    mine = bench.ledger.attempts(bench.run, candidate=candidate, split=HELDOUT)
    return _Pool(
        candidate=tuple(_valid(mine, void, early)),
        fresh=tuple(_valid((row for row in champion if row.stage.startswith(prefix)), void, early)),
        older=tuple(row for row in champion if row.stage.startswith(fair)),
    )


def _valid(rows: Iterable[AttemptRow], void: int, early: int) -> Iterator[AttemptRow]:
    """Leave out what is drawn again: all that was missing until `void`, and what was lost early until `early`."""
    counting = (row for row in rows if row.rowid > void or row.state != AttemptStatus.MISSING)
    return (row for row in counting if row.rowid > early or not lost_early(row))


def _fair_stages(bench: Bench) -> tuple[str, ...]:
    """Name the stages whose champion attempts may be pooled: chosen by no result of theirs.

    A person refuses only what the gate would have kept.
    """
    verdicts = bench.ledger.verdicts()
    ended = [name for name, row in verdicts.items() if row.verdict is Verdict.REJECT and row.cause != "refused"]
    return (Phase.PREFLIGHT.value, *(f"gate/{name}/" for name in ended))


def _champion_since(bench: Bench, parent: str) -> int:
    """Give the number of the last attempt row that must not count for the champion."""
    verdict = bench.ledger.verdicts().get(parent)
    tests = [test["candidate"] for test in bench.ledger.tests() if test["parent"] == parent]
    drifts = [after for candidate in tests for after in _set_backs(bench, candidate, "restart")]
    return max([verdict.after_attempt if verdict else 0, *drifts])


def _affordable(bench: Bench, attempts: int, keep_back_usd: float) -> bool:
    return fits(
        bench.draws.price(attempts),
        spent_usd=bench.ledger.spend().usd,
        kept_back_usd=keep_back_usd,
        budget_usd=bench.config.stop.budget_usd,
    )
