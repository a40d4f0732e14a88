"""The run file: what a person writes to describe a night, validated before anything is paid."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    PrivateAttr,
    StrictBool,
    StrictInt,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from optimizer.loop import Autonomy
from traces.errors import ConfigError, Place, RatchetError

MOST_AT_ONCE = 1024
"""More attempts at once in one process than this is a slip of the finger."""
MOST_AGAIN = 1000
"""More attempts on one task than this is, too."""


def _size(given: object) -> float | int:
    """Take a share of the suite or a number of tasks; a union's own words would name both, and confuse."""
    if isinstance(given, float) and 0 < given < 1:
        return given
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return given
    raise ValueError(f"must be a share of the suite (above 0, below 1) or a number of tasks, not {given!r}")


# Strict numbers: `k_max: true` and `hours: "8"` are slips of the pen, not a count and a time.
Share = Annotated[float, Field(gt=0, lt=1, strict=True)]
Amount = Annotated[float, Field(gt=0, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Repeats = Annotated[int, Field(ge=1, le=MOST_AGAIN, strict=True)]
Size = Annotated[
    float | int,
    PlainValidator(_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "integer", "minimum": 1},
            ]
        }
    ),
]
Ratio = Annotated[float, Field(ge=1, strict=True)]
Area = Literal["prompts", "tools", "skills", "orchestration", "limits", "context", "search", "model", "name"]


class Settings(BaseModel):
    """Refuse unknown keys and never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


SAME = "same"
"""Written for a role's model: the one that works on the tasks."""


class Role(Settings):
    """Name the model that plays a role, and where it is served."""

    model: str
    """A model id of the provider, or `simulated`."""
    base_url: str | None = None
    """Where the Messages API is served; the provider's own address when empty."""
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    """How hard the model thinks; its own default when empty."""
    fallback: tuple[str, ...] = ()
    """Models asked instead, in order, with the same address and effort; a conversation stays with who answered."""
    on_refusal: Literal["fallback", "surface"] = "fallback"
    """What follows a refusal or a safety block: ask the `fallback`, where there is one, or surface it at once."""
    on_outage: Literal["wait", "fallback"] = "wait"
    """What follows an outage of the model: the run waits it out, or the `fallback` is asked; `task` must wait."""

    @model_validator(mode="after")
    def _fallback_fits(self) -> Role:
        if self.fallback and (self.simulated or "simulated" in self.fallback):
            raise ValueError("`fallback` is for models served at one address, and `simulated` is not")
        if len({self.model, *self.fallback}) <= len(self.fallback):
            raise ValueError("`fallback` names a model twice, or the role's own")
        if self.fallback and self.on_refusal == "surface" and self.on_outage == "wait":
            raise ValueError("`fallback` is never asked: `on_refusal` is `surface` and `on_outage` is `wait`")
        if self.on_outage == "fallback" and not self.fallback:
            raise ValueError("`on_outage: fallback` needs `fallback`, the models to ask")
        return self

    @property
    def named(self) -> str:
        """Name who answers: one model, or several in their order."""
        return ", then ".join(self.models)

    @property
    def models(self) -> tuple[str, ...]:
        """List every model that may answer for this role, its own first."""
        return (self.model, *self.fallback)

    @property
    def simulated(self) -> bool:
        """Say whether the seeded stand-in plays this role."""
        return self.model == "simulated"


class Models(Settings):
    """Give every role its model."""

    task: Role
    """Works on tasks, inside the harness under test."""
    proposer: Role
    """Reads train traces and proposes changes; `same` is the model of `task`, all its settings included."""
    reflector: Role
    """Judges in a fresh context whether a change is overfitted; `same` is the model of `task`."""
    analyst: Role | None = None
    """Writes digests of single traces, if `proposer.digests` asks for any; the model of `task` when empty."""
    reviewer: Role | None = None
    """Asks once, before anything is spent, whether a proposal can be tested; the model of `reflector` when empty."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Let the schema allow `same` for every role but `task`."""
        schema = handler.resolve_ref_schema(handler(core))
        for name, part in schema["properties"].items():
            if name != "task":
                part["anyOf"] = [*part.get("anyOf", [{"$ref": part.pop("$ref", None)}]), {"const": SAME}]
        return schema

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, given: Any) -> Any:  # Any: whatever the run file holds, before it is checked
        """Put the model of `task` where a role says `same`."""
        if not isinstance(given, Mapping) or not isinstance(given.get("task"), Mapping):
            return given
        task = given["task"]
        return {name: {**task} if role == SAME and name != "task" else role for name, role in given.items()}

    @model_validator(mode="after")
    def _task_waits(self) -> Models:
        if self.task.on_outage != "wait":
            raise ValueError(
                "`task.on_outage` must be `wait`: another model in the middle of a night would change what is measured"
            )
        return self

    @property
    def roles(self) -> Mapping[str, Role]:
        """Give every role that a run may need its model, those left empty included."""
        return {
            "task": self.task,
            "proposer": self.proposer,
            "reflector": self.reflector,
            "analyst": self.analyst or self.task,
            "reviewer": self.reviewer or self.reflector,
        }


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


class Digests(Settings):
    """Have an analyst read failing train attempts before each proposal; each is read and paid once a night."""

    per_round: Annotated[int, Field(ge=0, strict=True)] = 0
    """Attempts of the parent read before a proposal, at most; 0 leaves the analyst out."""
    at_once: Annotated[int, Field(ge=1, le=MOST_AT_ONCE, strict=True)] = 8
    """Attempts read at the same time."""


class Program(Settings):
    """Let a program take the proposer's model's place, in the same jail (see docs/meta-agent.md)."""

    command: Annotated[tuple[str, ...], Field(min_length=1)]
    """The program and its arguments, as they are named in its jail; run without a shell, in /workspace."""
    folder: Path | None = None
    """A folder of yours that it finds at /proposer, read-only."""
    image: str | None = None
    """The image it runs in (docker); the base image when empty."""
    network: StrictBool = False
    """Whether it has a network, without an allow-list (docker)."""
    env: tuple[str, ...] = ()
    """Variables of the driver's environment that it gets, by name; it gets none of the others."""


class Proposer(Settings):
    """Limit one proposer session."""

    program: Program | None = None
    """A program in the model's place; `models.proposer` is asked nothing then."""

    turns: Count = 40
    """Model calls."""
    tokens: Count = 400_000
    """Tokens in and out."""
    cost_usd: Amount | None = None
    """Money."""
    minutes: Amount = 30.0
    """Time."""
    briefs: tuple[Literal["explore", "repair", "simplify", "merge", "tools", "orchestration"], ...] = ()
    """What sessions are asked for, slot by slot in turn, a brief with nothing to work on left out; empty leaves it to
    them (see docs/meta-agent.md)."""
    review: StrictBool = False
    """Whether a reviewer reads every proposal before anything is spent on it, and may push back once."""
    try_attempts: Annotated[int, Field(ge=0, le=MOST_AGAIN, strict=True)] = 0
    """Train attempts a session may spend on its change before it submits; 0 gives it no `try_change`."""
    parallel: Annotated[int, Field(ge=1, le=MOST_AT_ONCE, strict=True)] = 1
    """Sessions that work at once, from the same champion; what they submit is decided one after the other."""
    pivot_after: Count | None = None
    """Proposals in a row without a keep after which sessions start from another member of the archive, and what was
    tried since is closed to them; empty never."""
    view: Literal["traces", "digests", "scores", "blanked"] = "traces"
    """What it sees of train attempts: everything; clusters and digests alone; how they ended; or traces without
    text (`ratchet bench proposer` shows what each is worth)."""
    sandbox: Literal["auto", "none", "bubblewrap", "docker"] = "auto"
    """Where its shell's commands run, without network; there is no shell without isolation. `auto` is the tasks' kind,
    else one that isolates; none for the simulated model."""
    digests: Digests = Digests()
    """Who reads failing attempts for it, and how many."""

    @model_validator(mode="after")
    def _has_something_to_see(self) -> Proposer:
        if self.view == "digests" and not self.digests.per_round:
            raise ValueError("view: digests shows nothing without digests; set digests.per_round to 1 or more")
        return self

    @model_validator(mode="after")
    def _program_has_its_jail(self) -> Proposer:
        if self.program is None:
            return self
        if self.sandbox == "none":
            raise ValueError("a `program` needs a sandbox, and `sandbox: none` gives it none")
        if self.sandbox == "bubblewrap" and (self.program.network or self.program.image):
            raise ValueError("only docker gives a program a network or an image: set `sandbox: docker`")
        return self


class Reflection(Settings):
    """Say who reads a change before anything is measured (see docs/meta-agent.md)."""

    by: Literal["judge", "panel"] = "judge"
    """`judge` is one reader; `panel` adds a devil's advocate who argues against it, and a referee who decides."""
    probe_tasks: Annotated[int, Field(ge=0, strict=True)] = 0
    """Train tasks that what passed the screen is tried on beside variants of them, where the suite makes any; 0 tries
    nothing, fewer than 4 can show nothing."""
    probe_runs: Repeats = 4
    """Attempts of candidate and champion on each such task and on its variant."""


class Tuner(Settings):
    """Let the tuner serve some slots: it tries settings of the harness's `search` ranges (see docs/tuning.md)."""

    every: Annotated[int, Field(ge=0, strict=True)] = 0
    """It serves every so many slots: 3 is slots 3, 6, 9 and so on, 1 is all of them; 0 leaves it out."""
    trials: Count = 12
    """Settings it tries in a slot."""
    replicates: Repeats = 1
    """Attempts per train task of every setting."""
    cost_ratio: Amount | None = 1.5
    """What an attempt may cost at most, as a multiple of the champion's; null sets no limit."""

    parts: ClassVar[int] = 4
    """Parts of the train tasks after which a setting may be given up."""

    def serves(self, slot: int) -> bool:
        """Say whether a slot is the tuner's."""
        return self.every > 0 and slot % self.every == 0

    def served(self, slots: int) -> int:
        """Count the slots it serves of the first `slots`."""
        return slots // self.every if self.every else 0


class Lessons(Settings):
    """Keep what proposers learn, over a night and across nights (see docs/meta-agent.md)."""

    book: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = None
    """The book's name: `lessons/<name>.yaml` beside the runs, read when a run starts and added to at its end."""


class Sight(Settings):
    """Say what a role may see of each split."""

    train: Literal["all", "nothing"] = "all"
    """What its work needs (docs/meta-agent.md says what that is), or nothing."""
    heldout: Literal["nothing"] = "nothing"
    """Nothing: the gate alone sees it, and no setting shows it to a meta-agent."""
    test: Literal["nothing"] = "nothing"
    """Nothing: it is sealed."""


class ProposerSight(Sight):
    """Say what the proposer may see of each split."""

    train: Literal["all", "aggregate", "nothing"] = "all"  # type: ignore[assignment]  # one word more than the others
    """Tasks, attempts and traces; scores of whole candidates alone; or nothing."""


class Visibility(Settings):
    """Declare what each role of the meta-agent may see (see docs/meta-agent.md)."""

    proposer: ProposerSight = ProposerSight()
    """Reads and changes."""
    analyst: Sight = Sight()
    """Reads single train attempts."""
    reviewer: Sight = Sight()
    """Reads contracts: with `nothing`, without the train attempts and tasks they name."""
    reflector: Sight = Sight()
    """Reads diffs: with `nothing`, without the instructions of train tasks."""


class Surface(Settings):
    """Declare what a proposal may change."""

    editable: tuple[Area, ...] = ("prompts", "tools", "skills", "orchestration", "limits", "context")
    """Parts of the harness that may change."""
    locked: tuple[Area, ...] = ("model",)
    """Parts that may not; wins over `editable`."""

    @model_validator(mode="after")
    def _something_is_editable(self) -> Surface:
        if not set(self.editable) - set(self.locked):
            raise ValueError("every part of the harness is locked, so nothing could be proposed")
        return self


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
