"""What a run will do and can find, said before it starts."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.splits import Splits
from benchmarks.task import Split
from optimizer.budget import MOST_SAMPLES
from optimizer.config import RunConfig
from optimizer.gate import GateConfig, PruneConfig, can_decide
from optimizer.planning.pace import Estimate, Odds, measured_pace, money_of, odds_of, time_of, usual_odds
from optimizer.planning.plan import Plan
from optimizer.planning.reach import in_words, reaches, remedies

Json = dict[str, Any]  # Any: JSON
NIGHTS = 200
"""Nights simulated for one expectation."""
NAMED = 0.3
"""Share of the train tasks that a candidate's author names as fixed: a guess, for how many fail is not known yet."""


def forecast(plan: Plan, runs: Path | None = None) -> Json:
    """Answer `run --dry-run`: splits, attempts by stage, stops, time, money, what can be found, advice.

    Args:
        plan: What the run will stand on.
        runs: The folder of runs, where an earlier run with the same models may tell pace, price and odds.
    """
    pace = measured_pace(plan, runs) if runs is not None else None
    odds = odds_of(plan, pace)
    night = _night(plan, odds)
    stages = _stages(plan, night)
    expected, most = (sum(row[key] for row in stages) for key in ("attempts", "most"))
    heldout = len(plan.splits.heldout)
    advice = can_decide(plan.gate, tasks=heldout)
    draws = 3 + round(night.screened) + night.tests * len(plan.gate.stages)
    draws += plan.config.tuner.served(night.proposals) * (plan.config.tuner.trials * plan.config.tuner.parts + 1)
    time = time_of(plan, pace, expected, draws=draws)
    money = money_of(plan, pace, expected)
    return {
        "suite": plan.suite.name,
        "suite_hash": plan.suite.hash,
        "splits": {**{name.value: len(plan.splits.of(name)) for name in Split}, "reserve": len(plan.splits.reserve)},
        "tasks": plan.tasks_said,
        "sandbox": plan.said,
        "models": plan.lock["models"],
        "stops": plan.config.stop.model_dump(),
        "stages": stages,
        "keeps": night.keeps,
        "attempts": {
            "expected": expected,
            "least": sum(_counts(plan, _night(plan, odds, lucky=False)).values()),
            "most": most,
        },
        "slots": plan.config.schedule.slots,
        "time": time.said,
        "time_s": None if time.amount is None else round(time.amount, 1),
        "time_measured": time.measured,
        "money": money.said,
        "usd": None if money.amount is None else round(money.amount, 4),
        "usd_measured": money.measured,
        "likely_stop": _likely_stop(plan, odds, time, money),
        "tests_before": plan.tests_before,
        "looks_before": plan.looks_before,
        "finds": in_words(plan.gate, heldout),
        "smallest_gain": advice.smallest_gain,
        "remedies": [remedy.to_record() for remedy in remedies(plan.gate, heldout)],
        "can_decide": advice.can_decide,
        "can_certify": advice.can_certify,
        "reach": [asdict(row) for row in reaches(plan.gate, heldout)],
        "advice": list(advice.sentences),
    }


class Sized(Protocol):
    """Be what the size of a night follows from: a plan, or a run that has begun."""

    @property
    def config(self) -> RunConfig:
        """Give the run file."""

    @property
    def splits(self) -> Splits:
        """Give the splits."""

    @property
    def gate(self) -> GateConfig:
        """Give the gate's settings."""

    @property
    def tests_before(self) -> int:
        """Count the gate tests that earlier runs made on these held-out tasks."""


def attempts_ahead(night: Sized) -> int:
    """Expect the attempts that follow the pre-flight, as `run --dry-run` does before any run has shown its odds."""
    counts = _counts(night, _night(night, usual_odds(night.config)))
    return sum(counts.values()) - counts["preflight"]


@dataclass(frozen=True, slots=True)
class _Night:
    """Expect how many proposals come, reach the screen and the gate, and are kept."""

    proposals: int
    screened: float
    tests: int
    keeps: int


def _night(plan: Sized, odds: Odds, *, lucky: bool = True) -> _Night:
    """Expect a night with at least one keep where one can be, or (not lucky) one that ends without any."""
    stop = plan.config.stop
    proposals = stop.iterations if lucky else min(stop.iterations, stop.no_progress)
    tests = min(math.ceil(proposals * odds.tested - 0.5), _tests_left(plan))
    keeps = min(tests, max(round(proposals * odds.kept), 1)) if lucky else 0
    return _Night(proposals, proposals * odds.screened, tests, keeps)


def _tests_left(plan: Sized) -> int:
    left = plan.gate.k_max - plan.tests_before
    return left if left > 0 else plan.gate.k_max  # a used-up epoch with a reserve makes way for a new one at once


def _stages(plan: Plan, night: _Night) -> list[Json]:
    counts, most = _counts(plan, night), _most(plan, night)
    return [
        {"stage": name, "attempts": counts[name], "most": most.get(name, counts[name]), "how": text}
        for name, text in _how(plan, night).items()
        if counts[name] or name not in ("tune", "try", "lesson")
    ]


def _most(plan: Plan, night: _Night) -> dict[str, int]:
    """Give the attempts that a stage may make at most, where that is not what is expected."""
    again, gate = plan.config.replicates, plan.gate
    train, heldout, test = (len(plan.splits.of(split)) for split in Split)
    pool = max(gate.pool_min, min(gate.runs, gate.pool_cap))
    tests = min(night.proposals, _tests_left(plan))
    return {
        "prune": plan.config.prune.runs * heldout * (tests + 3) if plan.config.prune.enabled else 0,
        "screen": night.proposals * (again.screen * train + 1),
        "lesson": night.proposals * again.screen * train if _remembers(plan) else 0,
        "gate": tests * heldout * (gate.runs + pool),
        "certify": 2 * again.certify * test + again.best_of_n * max(MOST_SAMPLES - again.certify, 0) * test,
    }


def _how(plan: Plan, night: _Night) -> dict[str, str]:
    """Say of each stage what its attempts are made of, in the order of the night."""
    again, tuner = plan.config.replicates, plan.config.tuner
    train, heldout, test = (len(plan.splits.of(split)) for split in Split)
    tuned = tuner.served(night.proposals)
    tests = "one test" if night.tests == 1 else f"{night.tests} tests"
    return {
        "preflight": f"2 arms x {again.preflight} x {heldout} held-out tasks",
        "baseline": f"{again.baseline} x {train} train tasks",
        "screen": f"{again.screen} x {train} train tasks for each of about {night.screened:.0f} of"
        f" {night.proposals} candidates",
        "lesson": f"the champion again, {again.screen} x the train tasks that a candidate with a lesson names",
        "try": f"at most {plan.config.proposer.try_attempts} for each of {night.proposals - tuned} sessions",
        "tune": f"{tuned} x {tuner.trials} settings and a check of 3 x {tuner.replicates} x {train} train tasks",
        "gate": f"about {tests} on {heldout} held-out tasks, {night.keeps} kept",
        "prune": _pruned(plan, night),
        "certify": f"2 arms x {again.certify} x {test} test tasks, once something was kept",
    }


def _counts(plan: Sized, night: _Night) -> dict[str, int]:
    """Expect the attempts of each stage."""
    again, tuner = plan.config.replicates, plan.config.tuner
    train, heldout, test = (len(plan.splits.of(split)) for split in Split)
    each = gate_attempts(plan.gate, tests=night.tests, keeps=night.keeps, measured=2 * again.preflight)
    return {
        "preflight": 2 * again.preflight * heldout,
        "baseline": again.baseline * train,
        "screen": round(night.screened * again.screen * train) + night.proposals,
        "lesson": round(night.screened * again.screen * train * NAMED) if _remembers(plan) else 0,
        "try": plan.config.proposer.try_attempts * (night.proposals - tuner.served(night.proposals)),
        "tune": tuner.served(night.proposals) * (tuner.trials + 3) * tuner.replicates * train,
        "gate": round(heldout * each),
        "prune": heldout * _runs_of_pruning(plan, night),
        "certify": 2 * again.certify * test if night.keeps else 0,
    }


def _remembers(plan: Sized) -> bool:
    return plan.config.lessons.book is not None


def _prunes(plan: Sized, night: _Night) -> bool:
    return plan.config.prune.enabled and night.keeps >= PruneConfig().min_kept


def _pruned(plan: Plan, night: _Night) -> str:
    """Say what pruning would try, or why it would not."""
    if not plan.config.prune.enabled:
        return "not asked for"
    if not _prunes(plan, night):
        return "needs two kept changes"
    rules = plan.config.prune
    return (
        f"without each of {night.keeps} changes: {rules.first_runs} x held-out tasks, {rules.runs} for the spare ones"
    )


def _runs_of_pruning(plan: Sized, night: _Night) -> int:
    """Expect attempts per held-out task: one change goes on to the last look, what the others carry shows early."""
    rules = plan.config.prune
    first = min(rules.first_runs, rules.runs)
    return (night.keeps + 1) * first + 2 * (rules.runs - first) if _prunes(plan, night) else 0


def _likely_stop(plan: Plan, odds: Odds, time: Estimate, money: Estimate) -> Json:
    """Say which stop comes first, and after which share of the proposals."""
    stop = plan.config.stop
    shares: dict[str, float] = {"iterations": 1.0}
    if stop.budget_usd and money.amount:
        shares["money"] = stop.budget_usd / money.amount
    if stop.hours and time.amount:
        shares["deadline"] = stop.hours * 3600 / time.amount
    if odds.tested:
        shares["gate tests"] = _tests_left(plan) / (stop.iterations * odds.tested)
    shares["no progress"] = _first_streak(stop.iterations, stop.no_progress, odds.kept) / stop.iterations
    first = min(shares, key=lambda name: (shares[name], name != "iterations"))
    said = {
        "iterations": f"its {stop.iterations} proposals",
        "money": f"its money, ${stop.budget_usd or 0:.2f}",
        "deadline": f"its time, {stop.hours or 0:g} h",
        "gate tests": f"its gate tests, {_tests_left(plan)} left of `gate.k_max`",
        "no progress": f"{stop.no_progress} proposals in a row without a keep",
    }[first]
    share = min(shares[first], 1.0)
    after = (
        "" if share >= 1 else f", after about {max(round(share * stop.iterations), 1)} of {stop.iterations} proposals"
    )
    return {"stop": first, "share": round(share, 3), "said": f"{said}{after}"}


def _first_streak(proposals: int, length: int, chance: float) -> float:
    """Find, in the median of simulated nights, the proposal at which so many in a row were not kept."""
    draw = random.Random(11)

    def night() -> float:
        row = 0
        for number in range(1, proposals + 1):
            row = 0 if draw.random() < chance else row + 1
            if row == length:
                return number
        return math.inf

    return statistics.median(night() for _ in range(NIGHTS))


def gate_attempts(gate: GateConfig, *, tests: int, keeps: int, measured: int) -> float:
    """Expect a night's gate attempts per held-out task, both arms, by simulating nights with a fixed seed.

    Changes that are kept go to the last look; the others have no effect, so chance alone carries them on.

    Args:
        gate: The night's settings.
        tests: Gate tests of the night.
        keeps: How many of them end in a keep.
        measured: Attempts per held-out task that preflight made of the baseline, which the gate pools with.
    """
    draw = random.Random(7)
    total = 0
    for _ in range(NIGHTS):
        kept = set(draw.sample(range(tests), keeps))
        pool = measured
        for at in range(tests):
            cost = _one_test(gate, pool, lasting=at in kept, draw=draw)
            total += cost.candidate + cost.champion
            pool = 0 if at in kept else pool + cost.champion
    return total / NIGHTS


@dataclass(frozen=True, slots=True)
class _Cost:
    candidate: int
    champion: int


def _one_test(gate: GateConfig, pool: int, *, lasting: bool, draw: random.Random) -> _Cost:
    """Follow one test through its looks by the gate's own rule of what each still needs."""
    drawn = fresh = 0
    walk = noise = 0.0
    for stage, runs in enumerate(gate.stages):
        wanted = max(gate.pool_min, min(runs, gate.pool_cap))
        fresh += max(wanted - pool - fresh, gate.fresh_at(stage) - fresh, 0)
        walk += draw.gauss(0, math.sqrt(runs - drawn))
        drawn = runs
        if stage == len(gate.futility):
            break
        arm = pool + fresh
        noise = noise or draw.gauss(0, 1 / math.sqrt(arm))
        statistic = (walk / drawn - noise) / math.sqrt(1 / drawn + 1 / arm)
        if not lasting and statistic <= gate.futility[stage]:
            break
    return _Cost(drawn, fresh)
