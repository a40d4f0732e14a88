"""What a run's events come to: everything a view shows, kept up to date one event at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from optimizer.cli.watch.words import about, is_whole, reason_of, stage_label, words
from optimizer.telling.eta import End, Left, Pace, first_end, iterations_left_s, money_left_s, stage_left
from optimizer.telling.progress import Progress

Json = Mapping[str, Any]  # Any: JSON

ENDED: Final = frozenset({"finished", "paused", "stopped", "needs_attention"})
"""Kinds after which the run does not go on by itself."""
BESIDE: Final = frozenset({"notice", "measured", "attempts", "look"})
"""Kinds that do not change what is under way."""


@dataclass(slots=True)
class StageCount:
    """Count the attempts of the stage under way; `arms` only when it has more than one."""

    key: str
    begun: float
    done: int = 0
    total: int = 0
    missing: int = 0
    in_flight: int | None = None
    arms: Mapping[str, Json] = field(default_factory=dict)
    most_in_flight: int = 0

    @property
    def owed(self) -> int:
        """Count the attempts that have not ended."""
        return max(self.total - self.done, 0)

    def take(self, data: Json) -> None:
        """Follow the stage's newest counts."""
        self.done, self.total = data["done"], data["total"]
        self.missing = data.get("missing", 0)
        self.arms = data.get("arms", {})
        self.in_flight = data.get("in_flight", self.in_flight)
        self.most_in_flight = max(self.most_in_flight, self.in_flight or 0)


@dataclass(frozen=True, slots=True)
class Stair:
    """Say what became of one proposal; `verdict` is empty while it is open, or when there was none."""

    slot: int
    candidate: str | None
    verdict: str = ""
    reason: str = ""
    title: str = ""
    train_score: float | None = None


@dataclass(slots=True)
class Board:
    """Follow one run's events, from its first or from any `started`."""

    run: str = ""
    simulated: bool = False
    state: str = "running"
    doing: str = "starting"
    doing_since: float | None = None
    begun: float | None = None
    paused_at: float | None = None
    elapsed_before_s: float = 0.0
    limits: Json = field(default_factory=dict)
    planned: Json = field(default_factory=dict)
    slots: int = 0
    looks: int = 0
    iteration: int = 0
    iteration_since: float = 0.0
    champion: str = ""
    baseline_score: float | None = None
    arms: Json = field(default_factory=dict)
    """Names of a comparison's arms, which has no iterations."""
    stairs: dict[int, Stair] = field(default_factory=dict)
    stage: StageCount | None = None
    pace: Pace | None = None
    usd: float | None = None
    begun_usd: float = 0.0
    unpriced: int = 0
    ended_here: int = 0
    worked_here_s: float = 0.0
    headline: str = ""
    gain: str = ""

    def take(self, event: Progress, now: float) -> None:
        """Follow one event that happened `now` (Unix seconds, or any clock that is asked again later)."""
        data = event.data
        self.usd, self.unpriced = data.get("usd", self.usd), data.get("unpriced", self.unpriced)
        if self.begun is None:
            self.begun = self.doing_since = now
        if self.paused_at is not None and event.kind not in ("notice", *ENDED):
            self._wake(now)
        known: dict[str, Callable[[Json, float], None]] = {
            "started": self._start,
            "measured": self._measure,
            "proposing": self._propose,
            "proposed": self._receive,
            "stage_started": self._begin_stage,
            "attempts": self._count,
            "stage_ended": self._count,
            "verdict": self._judge,
        }
        if event.kind in known and is_whole(event):
            known[event.kind](data, now)
        if event.kind not in BESIDE:
            self.doing, self.doing_since = self._name(event), now
        if event.kind in ENDED:
            self.state, self.stage = event.kind.replace("_", " "), None
            self.paused_at = now if event.kind == "paused" else self.paused_at
        elif event.kind != "notice":
            self.state = "running"
        if event.kind == "pruned":
            self.champion = data.get("champion") or self.champion
        if event.kind == "certified":
            self.gain = words(event)
        if event.kind in ENDED:
            self.headline = words(event)

    def _wake(self, now: float) -> None:
        """Leave the pause out of all working times."""
        pause_s = max(now - (self.paused_at or now), 0.0)
        self.begun, self.iteration_since, self.paused_at = (
            (self.begun or now) + pause_s,
            self.iteration_since + pause_s,
            None,
        )

    def _start(self, data: Json, now: float) -> None:
        so_far = data.get("so_far", {})
        self.run, self.simulated = data.get("run", ""), data.get("simulated", False)
        self.limits, self.planned = data.get("limits", {}), data.get("planned", {})
        self.slots, self.looks = data.get("slots", 0), data.get("looks", 0)
        self.arms = data.get("arms", {})
        self.begun, self.elapsed_before_s = now, so_far.get("elapsed_s", 0.0)
        self.begun_usd = data.get("usd", 0.0)
        self.iteration, self.champion = so_far.get("iterations", 0), so_far.get("champion", "")
        self.baseline_score = so_far.get("baseline_score")
        self.stairs = {record["slot"]: _stair(record) for record in so_far.get("stairs", [])}
        self.stage, self.headline, self.ended_here, self.worked_here_s = None, "", 0, 0.0
        self.iteration_since = now

    def _measure(self, data: Json, now: float) -> None:
        self.baseline_score = data.get("train_score", self.baseline_score)
        self.champion = self.champion or data.get("candidate", "")

    def _propose(self, data: Json, now: float) -> None:
        self.iteration, self.iteration_since = data["slot"], now
        self.stage = None

    def _receive(self, data: Json, now: float) -> None:
        self.stairs[data["slot"]] = Stair(data["slot"], data.get("candidate"), title=data.get("title") or "")
        if data.get("candidate") is None:
            self._end_iteration(now)

    def _judge(self, data: Json, now: float) -> None:
        slot = data.get("slot", self.iteration)
        self.stairs[slot] = _stair({"slot": slot, **data})
        self.champion = data.get("champion") or self.champion
        self.stage = None
        self._end_iteration(now)

    def _end_iteration(self, now: float) -> None:
        self.ended_here += 1
        self.worked_here_s += max(now - self.iteration_since, 0.0)
        self.iteration_since = now

    def _begin_stage(self, data: Json, now: float) -> None:
        self.stage = StageCount(data["stage"], now, total=data["attempts"])
        self._count({"done": 0, "total": data["attempts"], **data}, now)

    def _count(self, data: Json, now: float) -> None:
        if self.stage is None or self.stage.key != data["stage"]:
            self.stage = StageCount(data["stage"], now)
            self.doing, self.doing_since = stage_label(data["stage"]), now
        self.stage.take(data)
        if not self.stage.owed:
            self.doing, self.doing_since = f"{stage_label(data['stage'])}: sealing traces", now
        if seen := data.get("pace"):
            self.pace = Pace(**seen)

    def _name(self, event: Progress) -> str:
        """Name what is under way after an event."""
        if event.kind == "stage_started" and is_whole(event):
            label = stage_label(event.data["stage"])
            return f"{label} of {self.looks}" if self.looks and ", look " in label and "again" not in label else label
        fixed = {
            "started": "starting",
            "proposing": f"proposing: a session reads the traces of {self.champion or 'the champion'}",
            "reviewing": f"proposing: a reviewer reads the proposal of slot {event.data.get('slot')}",
            "reflecting": f"reflecting on {event.data.get('candidate')}: a judge reads its diff",
            "proposed": f"checking {event.data.get('candidate')}" if event.data.get("candidate") else "",
            "stage_ended": f"{stage_label(event.data.get('stage', ''))}: taking stock",
            "verdict": "choosing the next step",
            "certified": "writing the report",
        }
        return fixed.get(event.kind) or words(event)

    # What follows from it ---------------------------------------------------------

    def elapsed_s(self, now: float) -> float:
        """Give the working time of all sessions so far."""
        until = now if self.paused_at is None else self.paused_at
        return self.elapsed_before_s + max(until - (self.begun if self.begun is not None else now), 0.0)

    def stage_left(self) -> Left | None:
        """Foretell when the stage under way is over."""
        if self.stage is None or not self.stage.owed:
            return None
        slots = self.stage.most_in_flight or self.slots
        return stage_left(self.pace, owed=self.stage.owed, slots=slots)

    def run_end(self, now: float) -> End | None:
        """Foretell when the run ends at the latest, and why."""
        if self.state != "running":
            return None
        hours, budget = self.limits.get("hours"), self.limits.get("budget_usd")
        here_s = max(now - (self.begun or now), 0.0)
        return first_end(
            {
                "iterations": self._iterations_left_s(now),
                "deadline": max(hours * 3600 - self.elapsed_s(now), 0.0) if hours else None,
                "budget": money_left_s(
                    spent_usd=self.usd or 0.0, budget_usd=budget, begun_usd=self.begun_usd, worked_s=here_s
                )
                if budget and self.ended_here
                else None,
            }
        )

    def _iterations_left_s(self, now: float) -> float | None:
        certify = stage_left(self.pace, owed=self.planned.get("certify", 0), slots=self.slots)
        if self.stage is not None and self.stage.key.startswith("certify"):
            left = self.stage_left()
            return left.typical_s if left else None
        if self.stage is not None and self.stage.key.startswith("prune"):
            left = self.stage_left()
            return left.typical_s + certify.typical_s if left and certify else None
        most = self.limits.get("iterations")
        if not most:
            return None
        left_s = iterations_left_s(
            ended=self.ended_here,
            worked_s=self.worked_here_s,
            current_s=max(now - self.iteration_since, 0.0),
            left=most - self.iteration + (1 if self._is_open() else 0),
        )
        return None if left_s is None or certify is None else left_s + certify.typical_s

    def _is_open(self) -> bool:
        """Say whether the newest iteration is not decided yet."""
        stair = self.stairs.get(self.iteration)
        return self.iteration > 0 and (stair is None or (stair.candidate is not None and not stair.verdict))

    def usd_at_end(self, now: float) -> float | None:
        """Foretell the spend at the run's end, never beyond the budget."""
        end, here_s = self.run_end(now), max(now - (self.begun or now), 0.0)
        if end is None or self.usd is None or here_s <= 0 or not self.ended_here:
            return None
        total = self.usd + (self.usd - self.begun_usd) / here_s * end.in_s
        budget = self.limits.get("budget_usd")
        return min(total, budget) if budget else total

    def climb(self) -> list[tuple[float | None, str]]:
        """Follow the champion's train score over the iterations: score, and the verdict that led to it."""
        score, steps = self.baseline_score, [(self.baseline_score, "baseline")]
        for slot in sorted(self.stairs):
            stair = self.stairs[slot]
            if stair.verdict == "keep":
                score = stair.train_score
            if stair.verdict or stair.candidate is None:
                steps.append((score, stair.verdict or "none"))
        return steps

    def decided(self) -> list[Stair]:
        """List the proposals that were decided, newest first."""
        return [self.stairs[slot] for slot in sorted(self.stairs, reverse=True) if self.stairs[slot].verdict]

    def describe(self) -> str:
        """Say in one line what is under way, and about how long it still takes."""
        stage = self.stage
        if stage is None or not stage.owed:
            return self.doing
        parts = [f"{stage_label(stage.key)}: {stage.done:,} of {stage.total:,} done"]
        if stage.in_flight:
            parts.append(f"{stage.in_flight:,} in flight")
        if stage.missing:
            parts.append(f"{stage.missing:,} missing")
        if left := self.stage_left():
            parts.append(f"about {about(left.typical_s)} left")
        return ", ".join(parts)


def _stair(record: Json) -> Stair:
    """Read what became of a proposal; a title may be missing in an older log."""
    return Stair(
        slot=record["slot"],
        candidate=record.get("candidate"),
        verdict=record.get("verdict", ""),
        reason=reason_of(record),
        title=record.get("title", ""),
        train_score=record.get("train_score"),
    )
