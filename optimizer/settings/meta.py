"""The sections of a run file about the meta-agent: what it may do, see, change and remember."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool, model_validator

from optimizer.settings.base import MOST_AGAIN, MOST_AT_ONCE, Amount, Area, Count, Repeats, Settings


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
