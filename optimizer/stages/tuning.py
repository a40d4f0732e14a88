"""A slot that the tuner serves: settings of the harness's ranges are tried on train tasks, the best one submitted.

One step tries one setting, so that between two of them every stop, pause and hard limit holds. Train attempts choose
and prune; whether the setting submitted is kept, check, reflection, screen and gate decide, as of any candidate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.task import Split
from optimizer.attempt_spec import Purpose
from optimizer.budget import fits
from optimizer.candidates import candidate_id
from optimizer.ledger import AttemptRow, Bill, CandidateRow, TrialRow
from optimizer.stages.bench import Bench
from optimizer.stages.evidence import each, measured, requests, scored
from optimizer.stages.measure import certify_price
from optimizer.stages.outage import drawn_whole
from optimizer.telling.progress import Progress
from task_agent.harness import Knob, allows_key, knobs, normalised_hash, with_setting, written

if TYPE_CHECKING:
    from optimizer.propose.tuner import Tried, Tuner

TRAIN = Split.TRAIN
CHECKS = 2
"""How often the best setting is tried once more, for each time of the champion beside it."""
MOVED = 0.5
"""A change of a task's mean reward that counts as fixed or damaged."""
EVIDENCE, TITLE_CHARS = 6, 120
PRUNED, WHOLE = "pruned", "whole"

Means = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Standard:
    """Hold what settings are measured against: the champion's train attempts from before the slot."""

    parent: str
    rewards: Means
    rows: Sequence[AttemptRow]

    def gains(self, rows: Iterable[AttemptRow]) -> dict[str, float]:
        """Give by task what attempts gained over the champion's, where both were scored."""
        means = _means(rows)
        return {task: mean - self.rewards[task] for task, mean in means.items() if task in self.rewards}

    def cost_ratio(self, rows: Sequence[AttemptRow]) -> float | None:
        """Compare the cost per attempt on the same tasks, in tokens where a request had no price; None when unknown."""
        tasks = {row.spec.task for row in rows}
        mine, theirs = (
            [row for row in arm if row.spec.task in tasks and row.reward is not None] for arm in (rows, self.rows)
        )
        priced = all(row.cost_usd is not None for row in (*mine, *theirs))
        own, other = (_cost(arm, priced=priced) for arm in (mine, theirs))
        return own / other if own is not None and other else None


def tune(bench: Bench, slot: int, parent: str) -> None:
    """Take one step of a slot: try the next setting, or end the slot with the best one, or with none.

    Raises:
        OutageError: Its attempts died of infrastructure; the step is done again.
    """
    mine = [trial for trial in bench.ledger.trials() if trial.slot == slot]
    able = tunable(bench, parent)
    if not able:
        _end(bench, slot, reason=f"{parent} declares no range that may be tuned")
        return
    if not mine:
        _announce(bench, slot, parent, able)
    standard = _standard(bench, parent)
    if len(mine) == bench.config.tuner.trials and mine[-1].outcome is not None:
        _submit(bench, slot, standard)
        return
    _try(bench, slot, standard, able, mine[-1] if mine and mine[-1].outcome is None else None)


def tunable(bench: Bench, parent: str) -> list[Knob]:
    """List what the champion declares to be tuned and the edit surface lets change."""
    return [knob for knob in knobs(bench.archive.load(parent)) if allows_key(bench.surface, knob.key)]


def _announce(bench: Bench, slot: int, parent: str, able: Sequence[Knob]) -> None:
    of, count = bench.config.stop.iterations, bench.config.tuner.trials
    keys = ", ".join(knob.key for knob in able)
    text = f"iteration {slot} of at most {of}: the tuner tries {count} settings of {parent} ({keys})"
    bench.listen(Progress("proposing", text, {"slot": slot, "of": of, "parent": parent}))


# One setting ----------------------------------------------------------------------------------


def _try(bench: Bench, slot: int, standard: Standard, able: Sequence[Knob], open_: TrialRow | None) -> None:
    """Try a setting on one part of the train tasks after the other, until it is through or not worth more."""
    tuner = _tuner(bench, standard, able)
    if open_ is not None:
        tuner.take_up(open_.setting)
    trial = open_ or _open_trial(bench, slot, standard.parent, tuner.ask())
    parts = _parts(bench)
    for number, tasks in enumerate(parts):
        if not _affordable(bench, len(tasks) * bench.config.tuner.replicates):
            _end(bench, slot, reason="the budget has no room for another setting")
            return
        asked = requests(bench, trial.id, TRAIN, Purpose.TUNE, each(tasks, bench.config.tuner.replicates))
        drawn_whole(bench, f"tune/{trial.id}/{number}", asked)
        tried = _tried(bench, standard, trial)
        outcome = WHOLE if number == len(parts) - 1 else PRUNED
        if outcome == WHOLE or tuner.is_futile(tried.gains):
            break
    bench.ledger.end_trial(trial.id, outcome)
    tuner.tell(tried)
    _tell(bench, standard, trial, tried, outcome)


def _open_trial(bench: Bench, slot: int, parent: str, setting: Mapping[str, Any]) -> TrialRow:  # Any: YAML values
    bundle = with_setting(bench.archive.load(parent), setting)
    trial = TrialRow(f"t{len(bench.ledger.trials()) + 1:03d}", slot, parent, bundle.hash, setting)
    bench.archive.save(trial.id, bundle)
    bench.ledger.open_trial(trial)
    return trial


def _tuner(bench: Bench, standard: Standard, able: Sequence[Knob]) -> Tuner:
    """Build the tuner from the ledger alone: every setting finished against this champion, in order."""
    from optimizer.propose.tuner import Tried, Tuner  # pulls in Optuna

    tasks = _numbers(bench)
    own = Tried({knob.key: knob.value for knob in able}, {tasks[task]: 0.0 for task in standard.rewards}, 1.0)
    done = [_tried(bench, standard, trial) for trial in _finished(bench, standard.parent)]
    return Tuner(
        able,
        [own, *done],
        seed=f"{bench.config.seed}/{bench.harness(standard.parent)}",
        cost_limit=bench.config.tuner.cost_ratio,
        journal=bench.folder / "tuner" / f"{standard.parent}.journal",
    )


def _tried(bench: Bench, standard: Standard, trial: TrialRow) -> Tried:
    """Read from the ledger what a setting's own attempts came to."""
    from optimizer.propose.tuner import Tried

    rows = [row for row in _rows(bench, trial.harness) if row.stage.startswith(f"tune/{trial.id}/")]
    tasks = _numbers(bench)
    gains = {tasks[task]: gain for task, gain in standard.gains(rows).items()}
    return Tried(trial.setting, gains, standard.cost_ratio(rows))


def _tell(bench: Bench, standard: Standard, trial: TrialRow, tried: Tried, outcome: str) -> None:
    end = "given up" if outcome == PRUNED else "done"
    gain = f"{100 * tried.gain:+.1f} points" if tried.gains else "no score"
    text = (
        f"{trial.id} ({_said(trial.setting)}): {gain} beside {standard.parent} on {len(tried.gains)} train tasks, {end}"
    )
    bench.listen(Progress("notice", text, {"slot": trial.slot}))


# The best setting -----------------------------------------------------------------------------


def _submit(bench: Bench, slot: int, standard: Standard) -> None:
    """Submit the best setting, when it is ahead of the champion also in fresh attempts made beside it."""
    tried, parent = bench.config.tuner.trials, standard.parent
    best = _best(bench, standard)
    if best is None:
        _end(bench, slot, reason=f"none of {tried} settings was ahead of {parent} on train tasks within its cost")
        return
    if not _affordable(bench, (CHECKS + 1) * len(bench.splits.train) * bench.config.tuner.replicates):
        _end(bench, slot, reason="the budget has no room to try the best setting beside the champion")
        return
    fresh = _ahead_beside(bench, slot, standard, best)
    if fresh <= 0:
        ahead = (
            f"{_said(best.setting)} did not stay ahead of {parent} in fresh train attempts ({100 * fresh:+.1f} points)"
        )
        _end(bench, slot, reason=ahead)
        return
    _end(bench, slot, row=_candidate(bench, slot, standard, best, fresh), reason="")


def _best(bench: Bench, standard: Standard) -> TrialRow | None:
    """Find the setting with the largest gain, of those that were tried whole, cost little enough, and are new.

    Attempts are pooled by harness: a setting that was tried again is known better, not twice.
    """
    limit = bench.config.tuner.cost_ratio
    submitted = {row.normalised for row in bench.ledger.candidates() if row.parent == standard.parent}
    found: dict[str, tuple[float, TrialRow]] = {}
    for trial in _finished(bench, standard.parent):
        rows = _rows(bench, trial.harness)
        gains, ratio = standard.gains(rows), standard.cost_ratio(rows)
        within = limit is None or ratio is None or ratio <= limit
        new = normalised_hash(bench.archive.load(trial.id)) not in {*submitted, _own(bench, standard)}
        if trial.outcome == WHOLE and gains and within and new:
            found.setdefault(trial.harness, (_mean(gains), trial))
    gain, best = max(found.values(), key=lambda pair: pair[0], default=(0.0, None))
    return best if gain > 0 else None


def _ahead_beside(bench: Bench, slot: int, standard: Standard, best: TrialRow) -> float:
    """Give how far the best setting is ahead in fresh attempts; its choice flattered the older ones, and only its own.

    The champion is attempted beside it, so that an hour that is easy or hard is so for both, and its older attempts
    stand by: they chose nothing.
    """
    tasks, again = bench.splits.of(TRAIN), bench.config.tuner.replicates
    arms = {best.id: CHECKS * again, standard.parent: again}
    asked = [ask for arm, n in arms.items() for ask in requests(bench, arm, TRAIN, Purpose.TUNE, each(tasks, n))]
    rows = drawn_whole(bench, f"tune/s{slot:03d}/beside", asked)
    mine, theirs = ([row for row in rows if row.spec.candidate == arm] for arm in arms)
    return _mean(Standard(standard.parent, _means([*standard.rows, *theirs]), ()).gains(mine))


def _candidate(bench: Bench, slot: int, standard: Standard, best: TrialRow, fresh: float) -> CandidateRow:
    """Enter the best setting as a candidate, with a claim made of train attempts alone."""
    name, bundle = candidate_id(slot), bench.archive.load(best.id)
    bench.archive.save(name, bundle)
    rows = _rows(bench, best.harness)
    gains = standard.gains(rows)
    ratio = standard.cost_ratio(rows)
    cost = f", at {ratio:.2f} times its cost per attempt" if ratio is not None else ""
    fixed = tuple(task for task, gain in gains.items() if gain >= MOVED)
    return CandidateRow(
        name,
        slot,
        standard.parent,
        bundle.hash,
        normalised_hash(bundle),
        _title(bench, standard, best),
        f"of {bench.config.tuner.trials} settings tried on train tasks this one was the furthest ahead of"
        f" {standard.parent} ({100 * _mean(gains):+.1f} points over all its attempts,"
        f" {100 * fresh:+.1f} in fresh ones made for it){cost}",
        evidence=_telling(rows, fixed),
        fixes=fixed,
        at_risk=tuple(task for task, gain in gains.items() if gain <= -MOVED),
    )


def _title(bench: Bench, standard: Standard, best: TrialRow) -> str:
    was = {knob.key: knob.value for knob in knobs(bench.archive.load(standard.parent))}
    moves = [(key, value) for key, value in best.setting.items() if value != was[key]]
    title = ", ".join(f"{key} from {written(was[key])} to {written(value)}" for key, value in moves)
    return title if len(title) <= TITLE_CHARS else f"{title[: TITLE_CHARS - 3]}..."


def _telling(rows: Sequence[AttemptRow], fixed: Sequence[str]) -> tuple[str, ...]:
    """Name the attempts that passed where the champion mostly fails, else the first ones."""
    passed = [row.spec.id for row in rows if row.spec.task in fixed and row.reward is not None and row.reward >= 1]
    return tuple((passed or [row.spec.id for row in rows])[:EVIDENCE])


def _end(bench: Bench, slot: int, *, reason: str, row: CandidateRow | None = None) -> None:
    """Conclude the slot; what it cost stands with its attempts."""
    bench.ledger.conclude_slot(slot, row, reason=reason, bill=Bill())
    text = f"{row.id}: {row.title}" if row else f"slot {slot}: no proposal ({reason})"
    data = {"slot": slot, "candidate": row.id if row else None, "title": row.title if row else None, "reason": reason}
    bench.listen(Progress("proposed", text, {**data, "session_usd": None, "session_tokens": 0, "turns": 0}))


# Reading the ledger ---------------------------------------------------------------------------


def _standard(bench: Bench, parent: str) -> Standard:
    rows = measured(bench, parent)
    return Standard(parent, _means(rows), rows)


def _finished(bench: Bench, parent: str) -> list[TrialRow]:
    return [trial for trial in bench.ledger.trials() if trial.parent == parent and trial.outcome is not None]


def _rows(bench: Bench, harness: str) -> list[AttemptRow]:
    """List the attempts the tuner made with a harness, the champion's beside a setting left out."""
    rows = bench.ledger.attempts(bench.run, harness=harness, purpose=Purpose.TUNE.value)
    return [row for row in rows if row.spec.candidate.startswith("t")]


def _own(bench: Bench, standard: Standard) -> str:
    return normalised_hash(bench.archive.load(standard.parent))


def _numbers(bench: Bench) -> dict[str, int]:
    """Number the train tasks: Optuna knows steps, not names."""
    return {task: number for number, task in enumerate(bench.splits.of(TRAIN))}


def _parts(bench: Bench) -> list[list[str]]:
    """Deal the train tasks into parts, the same for every setting, so that settings are compared on the same tasks."""
    tasks = sorted(
        bench.splits.of(TRAIN), key=lambda task: hashlib.sha256(f"{bench.config.seed}/{task}".encode()).digest()
    )
    count = bench.config.tuner.parts
    return [part for at in range(count) if (part := tasks[at::count])]


def _affordable(bench: Bench, attempts: int) -> bool:
    return fits(
        bench.draws.price(attempts),
        spent_usd=bench.ledger.spend().usd,
        kept_back_usd=certify_price(bench),
        budget_usd=bench.config.stop.budget_usd,
    )


def _means(rows: Iterable[AttemptRow]) -> dict[str, float]:
    return {task: sum(values) / len(values) for task, values in scored(rows).items()}


def _mean(gains: Means) -> float:
    return sum(gains.values()) / len(gains) if gains else 0.0


def _cost(rows: Iterable[AttemptRow], *, priced: bool) -> float | None:
    """Average the tasks' own means of cost or tokens; None without a scored attempt."""
    by_task: dict[str, list[float]] = {}
    for row in rows:
        by_task.setdefault(row.spec.task, []).append((row.cost_usd or 0.0) if priced else float(row.tokens))
    return _mean({task: sum(values) / len(values) for task, values in by_task.items()}) if by_task else None


def _said(setting: Mapping[str, Any]) -> str:  # Any: YAML values
    return ", ".join(f"{key} {written(value)}" for key, value in setting.items())
