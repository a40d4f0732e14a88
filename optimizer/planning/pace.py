"""How long a night takes and what it costs: measured where an earlier run can tell, else assumed and said so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from optimizer.config import RunConfig
from optimizer.facts import Facts, read_facts
from optimizer.planning.plan import Plan
from optimizer.run_file import load_run_file
from optimizer.run_folder import list_runs
from optimizer.settings.roles import Role
from task_agent.models import PriceTable
from traces.errors import RatchetError
from traces.event import TokenUsage

RUNS_LOOKED_AT = 20
ENOUGH_ATTEMPTS, ENOUGH_PROPOSALS = 100, 5
ATTEMPT_S = 90.0
"""Assumed of a real model's attempt, until a run has shown it."""
PROPOSAL_S = 240.0
"""Assumed of a real proposer's session."""
SIMULATED_S: Mapping[str, float] = {"process": 0.03, "bubblewrap": 0.06, "docker": 0.9}
"""Processor time of a simulated attempt, by sandbox: it waits for no model, so more slots do not help."""


@dataclass(frozen=True, slots=True)
class Odds:
    """Hold the shares of proposals that reach the screen and the gate, and that are kept."""

    screened: float
    tested: float
    kept: float


USUAL = Odds(screened=0.60, tested=0.45, kept=0.225)
"""Seen over the bundled simulated nights; a run with the same models on the same suite knows better."""
SOBER = Odds(screened=0.60, tested=0.45, kept=0.10)
"""Assumed of a real proposer."""


@dataclass(frozen=True, slots=True)
class Session:
    """Assume the tokens of one attempt or session: so many requests, each of this size."""

    requests: int
    usage: TokenUsage


REAL = {
    "task": Session(8, TokenUsage(input=50, output=312, cache_read=3_750, cache_write=1_000)),
    "proposer": Session(20, TokenUsage(input=500, output=500, cache_read=16_000, cache_write=3_000)),
    "analyst": Session(1, TokenUsage(input=8_000, output=300)),
    "reflector": Session(1, TokenUsage(input=12_000, output=1_000)),
    "reviewer": Session(1, TokenUsage(input=3_000, output=400)),
}
SIMULATED = {
    "task": Session(4, TokenUsage(input=300, output=45)),
    "proposer": Session(20, TokenUsage(input=800, output=40)),
    "analyst": Session(1, TokenUsage(input=1_500, output=100)),
    "reflector": Session(1, TokenUsage(input=1_400, output=120)),
    "reviewer": Session(1, TokenUsage(input=800, output=60)),
}


@dataclass(frozen=True, slots=True)
class Pace:
    """Hold what an earlier run showed; `usd` an attempt is None where requests had no price."""

    run: str
    attempts_s: float
    usd: float | None
    slots: int
    odds: Odds | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Hold an amount, None when it cannot be known, where it comes from, and a sentence."""

    amount: float | None
    measured: bool
    said: str


def odds_of(plan: Plan, pace: Pace | None) -> Odds:
    """Give the odds of an earlier night on the same suite, else the usual ones."""
    if pace is not None and pace.odds is not None:
        return pace.odds
    return usual_odds(plan.config)


def usual_odds(config: RunConfig) -> Odds:
    """Give the odds that are assumed of a proposer until a night has shown them."""
    return USUAL if config.models.proposer.simulated else SOBER


def measured_pace(plan: Plan, runs: Path) -> Pace | None:
    """Take pace and price from the newest run with the same models and sandbox that made enough attempts."""
    for folder in list_runs(runs)[:RUNS_LOOKED_AT]:
        try:
            facts = read_facts(folder)
            config = load_run_file(folder.config)
        except (RatchetError, OSError, ValueError):
            continue
        scored = facts.coverage().scored
        same = facts.lock.get("models") == plan.lock["models"] and facts.lock.get("sandbox") == plan.sandbox
        if same and scored >= ENOUGH_ATTEMPTS and facts.state.elapsed_s > 0:
            spend = facts.state.spend
            usd = None if spend.unpriced_requests else spend.usd / scored
            schedule = config.schedule
            at_once = schedule.processes if plan.config.models.task.simulated else schedule.slots
            return Pace(folder.id, scored / facts.state.elapsed_s, usd, at_once, _odds(plan, facts))
    return None


def _odds(plan: Plan, facts: Facts) -> Odds | None:
    """Read how a night on the same suite went, when it was long enough to tell."""
    proposals = facts.state.slots
    if facts.lock.get("suite") != plan.suite.hash or proposals < ENOUGH_PROPOSALS:
        return None
    screened = sum(facts.train_score(row.id) is not None for row in facts.changes)
    return Odds(screened / proposals, len(facts.tests) / proposals, facts.verdict_counts()["keep"] / proposals)


def time_of(plan: Plan, pace: Pace | None, attempts: int, draws: int) -> Estimate:
    """Estimate a night's seconds from its slots and what an attempt takes.

    Args:
        plan: What the run will stand on.
        pace: What an earlier run showed.
        attempts: Attempts expected.
        draws: How many times all slots wait for the slowest attempt.
    """
    from optimizer.words import duration

    config = plan.config
    simulated = config.models.task.simulated
    slots = config.schedule.slots
    at_once = config.schedule.processes if simulated else slots
    if pace is not None:
        seconds = attempts / pace.attempts_s * pace.slots / at_once
        kind = "workers" if simulated else "slots"
        scaled = "" if pace.slots == at_once else f" with {pace.slots} {kind}, here {at_once}"
        said = f"about {duration(seconds)}, at the pace of run {pace.run} ({pace.attempts_s:.1f} a second{scaled})"
        return Estimate(seconds, True, said)
    if simulated:
        each = SIMULATED_S[plan.sandbox]
        seconds = attempts * each / at_once
        workers = "one worker" if at_once == 1 else f"{at_once} workers"
        basis = f"{each:g} s of processor time for a simulated attempt on {workers}"
    else:
        seconds = (attempts / slots + draws) * ATTEMPT_S + _sessions(config) * PROPOSAL_S / config.proposer.parallel
        basis = f"{ATTEMPT_S:g} s for an attempt, {slots} at once, {PROPOSAL_S / 60:g} min for a proposal"
        basis += f", {config.proposer.parallel} at once" if config.proposer.parallel > 1 else ""
    return Estimate(
        seconds, False, f"about {duration(seconds)}, assuming {basis}; no run with these models was made here"
    )


def money_of(plan: Plan, pace: Pace | None, attempts: int) -> Estimate:
    """Estimate a night's price: as an earlier run paid, else by the price table and assumed tokens, else unpriced."""
    budget = plan.config.stop.budget_usd
    limit = f"at most ${budget:.2f}" if budget else "no limit set: give --budget-usd"
    nominal = "; nominal, nobody is billed for the simulated model" if plan.config.all_simulated else ""
    if pace is not None and pace.usd is not None:
        usd = attempts * pace.usd
        return Estimate(usd, True, f"about ${usd:,.2f} at the prices run {pace.run} paid; {limit}{nominal}")
    unpriced = sorted({role.model for _, role, _ in _roles(plan.config, attempts) if _price(plan.config, role) is None})
    if unpriced:
        held = f"; the budget of ${budget:.2f} cannot hold them" if budget else ""
        return Estimate(None, False, f"unpriced: no price for {', '.join(unpriced)} in {plan.config.prices.name}{held}")
    usd = sum(_cost(plan.config, name, role) * count for name, role, count in _roles(plan.config, attempts))
    said = f"about ${usd:,.2f} by {plan.config.prices.name} and assumed tokens; {limit}{nominal}"
    return Estimate(usd, False, said)


def _roles(config: RunConfig, attempts: int) -> Iterator[tuple[str, Role, int]]:
    """List each role with how often it is asked."""
    readers = 1 if config.reflection.by == "judge" else 3
    asked = {"task": attempts, "proposer": _sessions(config), "reflector": config.stop.iterations * readers}
    asked |= {"reviewer": _sessions(config)} if config.proposer.review else {}
    if config.proposer.digests.per_round:
        asked["analyst"] = _sessions(config) * config.proposer.digests.per_round
    yield from ((name, config.models.roles[name], count) for name, count in asked.items())


def _sessions(config: RunConfig) -> int:
    """Count the proposals that a proposer is asked for; the tuner makes the others."""
    return config.stop.iterations - config.tuner.served(config.stop.iterations)


def assumed_usd(config: RunConfig) -> float | None:
    """Give the assumed price of one attempt; None where its model has no price."""
    role = config.models.task
    return None if _price(config, role) is None else _cost(config, "task", role)


def _cost(config: RunConfig, name: str, role: Role) -> float:
    session = (SIMULATED if role.simulated else REAL)[name]
    usd = session.requests * (_price(config, role, session.usage) or 0.0)
    limit = config.proposer.cost_usd if name == "proposer" else None
    return usd if limit is None else min(usd, limit)


def _price(config: RunConfig, role: Role, usage: TokenUsage = TokenUsage(input=1, output=1)) -> float | None:  # noqa: B008 - frozen
    return PriceTable.load(config.prices).cost(role.model, usage, datetime.now(UTC).date())
