"""What the gate is told before a night: its mode, its plan, its limits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from traces.errors import UsageError

Mode = Literal["default", "strict", "explore"]
"""How keeps are paid for: `strict` bounds any false keep of a night, `default` lets the level grow
with keeps, `explore` gives no night-wide guarantee."""

Target = Literal["auto", "population", "benchmark"]
"""What the number is about: tasks like these, or these very tasks. `auto` chooses by how many there are."""

ALPHA_OF_MODE: dict[Mode, float] = {"default": 0.20, "strict": 0.05, "explore": 0.05}
BENCHMARK_BELOW = 150
"""With fewer gate tasks than this, `auto` means `benchmark`."""


class GateConfigError(UsageError):
    """Say which setting of the gate is impossible.

    Args:
        setting: The field's name.
        message: What is wrong with it.
    """

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(f"gate setting `{setting}` {message}")
        self.setting = setting


@dataclass(frozen=True, slots=True)
class GateConfig:
    """Hold the gate's settings; the defaults are the simulated ones of the keep gate's note.

    `alpha` None means the mode's own: .20 default, .05 strict, .05 explore (per test). `k_max` is the
    number of tests planned, not of proposals; it sets the level, so plan honestly. `stages` are runs
    per task at each look, `futility` the statistic at or below which all but the last look reject.
    `phi` multiplies the within-task variance (benchmark target) when replicates were seen to hang together.
    `settled_runs`, where set, is all a candidate is attempted on a task that at least as many earlier attempts
    of the champion all passed, or all failed; what the candidate does there never decides how often it is drawn.
    `fresh_runs` are the champion attempts per task that the keep look needs from this very test: with as many as the
    candidate's, older ones alone never stand against it when the provider or the machine has moved.
    `cost_ratio` and `latency_ratio` limit how much more a kept change may cost and how much longer it may take.

    Raises:
        GateConfigError: A setting is out of range, or lengths do not fit.
    """

    mode: Mode = "default"
    alpha: float | None = None
    k_max: int = 20
    target: Target = "auto"
    stages: tuple[int, ...] = (1, 2, 4, 8)
    futility: tuple[float, ...] = (0.0, 0.7, 1.3)
    sd_floor: float = 0.10
    pool_min: int = 4
    pool_cap: int = 12
    min_tasks: int = 20
    max_missing: float = 0.10
    screen_t: float | None = -0.5
    phi: float = 1.0
    settled_runs: int | None = None
    fresh_runs: int = 1
    cost_ratio: float | None = None
    latency_ratio: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        object.__setattr__(self, "futility", tuple(self.futility))
        for setting, fine, message in self._claims():
            if not fine:
                raise GateConfigError(setting, message)

    def _claims(self) -> list[tuple[str, bool, str]]:
        steps = zip(self.stages, self.stages[1:], strict=False)
        rising = bool(self.stages) and self.stages[0] >= 1 and all(a < b for a, b in steps)
        return [
            ("mode", self.mode in get_args(Mode), f"must be one of {', '.join(get_args(Mode))}"),
            ("target", self.target in get_args(Target), f"must be one of {', '.join(get_args(Target))}"),
            ("alpha", self.alpha is None or 0 < self.alpha < 1, "must lie between 0 and 1"),
            ("k_max", self.k_max >= 1, "must be at least 1"),
            ("stages", rising, "must be rising counts from 1 up"),
            ("futility", len(self.futility) == len(self.stages) - 1, "needs one number per stage but the last"),
            ("futility", all(map(math.isfinite, self.futility)), "must be finite"),
            ("sd_floor", 0 <= self.sd_floor <= 1, "must lie in [0, 1]"),
            ("pool_min", self.pool_min >= 1, "must be at least 1"),
            ("pool_cap", self.pool_cap >= self.pool_min, "must be at least `pool_min`"),
            ("min_tasks", self.min_tasks >= 2, "must be at least 2"),
            ("max_missing", 0 <= self.max_missing < 1, "must lie in [0, 1)"),
            (
                "screen_t",
                self.screen_t is None or math.isfinite(self.screen_t),
                "must be finite, or null for no screen",
            ),
            ("settled_runs", self.settled_runs is None or self.settled_runs >= 1, "must be at least 1, or null"),
            ("fresh_runs", self.fresh_runs >= 1, "must be at least 1"),
            ("cost_ratio", self.cost_ratio is None or self.cost_ratio >= 1, "must be at least 1, or null"),
            ("latency_ratio", self.latency_ratio is None or self.latency_ratio >= 1, "must be at least 1, or null"),
            ("phi", math.isfinite(self.phi) and self.phi >= 1, "must be at least 1"),
        ]

    @property
    def spent_alpha(self) -> float:
        """Give the alpha in force: the one set, or the mode's own."""
        return ALPHA_OF_MODE[self.mode] if self.alpha is None else self.alpha

    @property
    def runs(self) -> int:
        """Give the runs per task at the keep look."""
        return self.stages[-1]

    def fresh_at(self, stage: int) -> int:
        """Give the champion attempts per task that a look needs from its own test."""
        return self.fresh_runs if stage == len(self.stages) - 1 else 1

    def target_for(self, tasks: int) -> Literal["population", "benchmark"]:
        """Resolve `auto` for a number of gate tasks."""
        if self.target == "auto":
            return "benchmark" if tasks < BENCHMARK_BELOW else "population"
        return self.target
