"""The run file: what a person writes to describe a night, validated before anything is paid."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, StrictBool, StrictInt, model_validator

from optimizer.loop import Autonomy
from optimizer.settings.base import MOST_AGAIN, MOST_AT_ONCE, Amount, Count, Ratio, Repeats, Settings, Share, Size
from optimizer.settings.meta import Lessons, Proposer, Reflection, Surface, Tuner, Visibility
from optimizer.settings.roles import Models
from traces.errors import ConfigError, Place, RatchetError


class Splits(Settings):
    """Size the three splits: shares of the suite below 1, or numbers of tasks.

    Left as they are, suites of fewer than 60 tasks get 15 for the test, 12 to 15 to train on, the rest held out. What
    no split asks for is the reserve: it is held out once the first held-out tasks have been asked enough.
    """

    train: Size = 0.28
    """Tasks the proposer may read everything about."""
    heldout: Size = 0.50
    """Tasks only the gate sees."""
    test: Size = 0.22
    """Tasks sealed until the end."""


class Gate(Settings):
    """Set the statistics of keeping (see docs/keep-gate.md)."""

    mode: Literal["default", "strict", "explore"] = "default"
    """How the night's error is spread over its tests."""
    alpha: Share | None = None
    """The night's error budget (explore: each test's); the mode's own when empty."""
    force: StrictBool = False
    """Start even if the design can decide nothing, or certify nothing (`--force`)."""
    k_max: Count = 20
    """Tests planned for the night; it sets every test's level."""
    target: Literal["auto", "population", "benchmark"] = "auto"
    """What the number is about: tasks like these, or these very tasks."""
    stages: tuple[Repeats, ...] = (1, 2, 4, 8)
    """Attempts per held-out task after which the gate looks; only the last look can keep."""
    futility: tuple[Annotated[float, Field(strict=True)], ...] = (0.0, 0.7, 1.3)
    """The statistic below which each look but the last gives up."""
    pool_min: Annotated[int, Field(ge=1, le=12, strict=True)] = 4
    """Champion attempts per held-out task that a test needs from its first look on, older ones included."""
    min_tasks: Annotated[int, Field(ge=2, strict=True)] = 20
    """Fewest held-out tasks a test may stand on."""
    max_missing: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.10
    """Largest share of tasks that may drop out for want of scores."""
    settled_runs: Repeats | None = None
    """Attempts at most of a candidate on tasks whose earlier champion attempts, as many or more, all passed or all
    failed; empty attempts them like the rest."""
    fresh_runs: Repeats = 1
    """Champion attempts per held-out task that the last look needs from its own test; as many as the candidate's guard
    against a provider that drifts, for about a fifth more attempts."""
    cost_ratio: Ratio | None = None
    """How many times the champion's cost a kept change may have, at 90% confidence; empty sets no limit."""
    latency_ratio: Ratio | None = None
    """The same for the seconds an attempt takes."""
    screen_t: Annotated[float, Field(strict=True)] | None = -0.5
    """The train statistic below which a candidate is not tested at all; null tests all."""

    @model_validator(mode="after")
    def _looks_fit(self) -> Gate:
        if list(self.stages) != sorted(set(self.stages)) or not self.stages:
            raise ValueError(f"stages must rise, and {list(self.stages)} do not")
        if len(self.futility) != len(self.stages) - 1:
            needed = len(self.stages) - 1
            raise ValueError(
                f"futility needs {needed} values, one for each stage but the last; it has {len(self.futility)}"
            )
        return self


class Prune(Settings):
    """Take kept changes that carry nothing out again at the end (see docs/keep-gate.md)."""

    enabled: StrictBool = True
    """Whether to; it needs two kept changes, and money and time that certifying leaves."""
    runs: Repeats = 16
    """Attempts per held-out task of the champion, and of the champion without each kept change."""
    first_runs: Repeats = 4
    """Attempts after which a change whose loss shows already is left in, and costs no more."""
    level: Annotated[float, Field(gt=0, lt=0.5, strict=True)] = 0.10
    """The chance to take out a change that is worth the whole margin."""
    margin_least: Share = 0.02
    """The loss that is always put up with, as a share of success: .02 is 2 points."""
    margin_most: Share = 0.03
    """The largest loss put up with, however uncertain the measurement; never below `margin_least`."""

    @model_validator(mode="after")
    def _margins_fit(self) -> Prune:
        if self.margin_most < self.margin_least:
            raise ValueError(f"margin_most ({self.margin_most}) is below margin_least ({self.margin_least})")
        return self


class Replicates(Settings):
    """Set how often each task is attempted outside the gate."""

    preflight: Annotated[int, Field(ge=0, le=MOST_AGAIN, strict=True)] = 2
    """Attempts per held-out task in each arm of the A/A measurement; 1 measures no noise, 0 leaves it out."""
    baseline: Repeats = 2
    """Attempts per train task that show the proposer where the baseline fails."""
    screen: Repeats = 2
    """Attempts per train task of every candidate."""
    certify: Repeats = 5
    """Attempts per test task and arm at the end."""
    best_of_n: StrictBool = True
    """Whether to hold the champion against the best of as many baseline attempts as its own money buys."""


class Sandbox(Settings):
    """Choose where commands run."""

    kind: Literal["auto", "process", "bubblewrap", "docker"] = "auto"
    """`auto` takes the best that works here, and says which."""
    allow_unsafe: StrictBool = False
    """Let a real model run without isolation (`process`)."""
    keep_work: StrictBool = False
    """Keep work directories for `ratchet regrade`, where they are all that is graded; at most 50 MB of each attempt."""


class Schedule(Settings):
    """Choose what runs the attempts."""

    kind: Literal["auto", "inline", "ray"] = "auto"
    """`auto` is Ray with more than one worker, else this process."""
    workers: Annotated[int, Field(ge=0, le=MOST_AT_ONCE, strict=True)] = 0
    """Worker processes; 0 means one for each core."""
    in_flight: Annotated[int, Field(ge=1, le=MOST_AT_ONCE, strict=True)] = 16
    """Attempts at once in each worker."""
    address: str = "local"
    """A Ray cluster to join; `local` starts one for this run."""
    grace_s: Annotated[float, Field(ge=0, strict=True)] = 300.0
    """How long what is in flight may take to end once the run is to stop, before it is broken off."""

    @property
    def processes(self) -> int:
        """Count the processes that attempts run in."""
        return 1 if self.kind == "inline" else self.workers or os.cpu_count() or 1

    @property
    def slots(self) -> int:
        """Count the attempts that run at once."""
        return self.processes * self.in_flight


class Stop(Settings):
    """Set the hard stops; empty means none of that kind."""

    iterations: Count = 20
    """Proposals at most."""
    no_progress: Count = 8
    """Proposals in a row without a keep."""
    budget_usd: Amount | None = None
    """Money at most, certifying included."""
    tokens: Count | None = None
    """Tokens at most."""
    hours: Amount | None = None
    """Working hours at most."""


class Outage(Settings):
    """Set how an outage is waited out; its stage stays pending, and nothing is decided (see docs/operations.md)."""

    first_wait_s: Amount = 30.0
    """The wait before the first new try; each further one is twice as long."""
    longest_wait_s: Amount = 900.0
    """The longest wait."""
    give_up_hours: Annotated[float, Field(ge=0, strict=True)] = 8.0
    """How long one outage may last before the run ends with code 5, to be resumed; 0 gives up at once."""


class Notify(Settings):
    """Say who is told, and of what; nobody is when neither `webhook_env` nor `command` is set."""

    events: tuple[Literal["kept", "finished", "stopped", "needs_attention"], ...] = (
        "kept",
        "finished",
        "stopped",
        "needs_attention",
    )
    """The events to tell of."""
    webhook_env: str | None = None
    """The environment variable that holds a URL; each event is posted there as JSON. The URL is never written down."""
    command: tuple[str, ...] = ()
    """A program and its arguments, run without a shell; it reads the JSON on stdin, `RATCHET_EVENT` names the event."""
    timeout_s: Annotated[float, Field(gt=0, le=60, strict=True)] = 10.0
    """How long each may take; the run waits for neither."""


class RunConfig(Settings):
    """Describe a run."""

    suite: dict[str, Any]
    """The tasks: `kind` and that kind's own keys (see docs/benchmarks.md). Any: differs by kind."""
    harness: Path = Path("harnesses/bash-only")
    """The seed harness, a folder."""
    seed: StrictInt = 0
    """The run's only source of randomness with the simulated model."""
    models: Models
    """Who plays which role."""
    prices: Path = Path("prices.yaml")
    """The dated price table."""
    warm_start: tuple[Path, ...] = ()
    """Job folders of Harbor whose trials of train tasks proposers may read from the start; they count for no score."""
    simulated: dict[str, Any] = Field(default_factory=dict)
    """Settings of the simulated model (see docs/simulated-model.md). Any: checked there."""
    splits: Splits = Splits()
    """How the suite is divided."""
    gate: Gate = Gate()
    """The statistics of keeping."""
    prune: Prune = Prune()
    """Kept changes that carry nothing go again at the end."""
    replicates: Replicates = Replicates()
    """Attempts outside the gate."""
    sandbox: Sandbox = Sandbox()
    """Where commands run."""
    schedule: Schedule = Schedule()
    """What runs the attempts."""
    autonomy: Autonomy = "auto"
    """What waits for a person's word: every proposal (`suggest`), what passed the gate while the night goes on
    (`draft`) or waits (`approve`), or nothing (`auto`)."""
    stop: Stop = Stop()
    """The hard stops."""
    outage: Outage = Outage()
    """How an outage is waited out."""
    notify: Notify = Notify()
    """Who is told what."""
    proposer: Proposer = Proposer()
    """Limits of a proposer session."""
    reflection: Reflection = Reflection()
    """Who reads a change, and what it is put to."""
    lessons: Lessons = Lessons()
    """What proposers learn, and remember."""
    tuner: Tuner = Tuner()
    """When settings are tuned, and how."""
    surface: Surface = Surface()
    """What a proposal may change."""
    visibility: Visibility = Visibility()
    """What each role may see of each split."""

    _places: Mapping[str, Place] = PrivateAttr(default_factory=dict)

    def placed_by(self, places: Mapping[str, Place]) -> RunConfig:
        """Remember where the keys stand in the file they were read from."""
        self._places = places
        return self

    @contextmanager
    def pointing(self) -> Iterator[None]:
        """Point every `ConfigError` raised inside at the spot of its key in the run file."""
        try:
            yield
        except ConfigError as error:
            for each in error.all:
                self.point(each)
            raise

    def point(self, error: RatchetError) -> None:
        """Point an error that knows no place at the spot of its key, or of the closest key around it."""
        if not isinstance(error, ConfigError) or error.place is not None:
            return
        parts = error.key.split(".") if error.key else []
        known = (self.place_of(".".join(parts[:end])) for end in range(len(parts), 0, -1))
        if place := next(filter(None, known), None):
            error.point_at(place)

    def place_of(self, key: str) -> Place | None:
        """Say where the run file sets a dotted key; None when it does not."""
        return self._places.get(key)

    @property
    def all_simulated(self) -> bool:
        """Say whether no role is played by a real model."""
        return all(role.simulated for role in self.models.roles.values())
