"""Nights that are killed again and again, at moments drawn by seed, and resumed until they end.

The models are served on loopback by this process, which outlives every kill: what it was asked, and when, is
the count of what was paid that no driver can get wrong. The last result of the full campaign stands in
`docs/decisions/0016-survival.md`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from benchmarks.simulated import SimulatedModel
from benchmarks.suite import load_suite
from optimizer.clients import simulated_settings
from optimizer.ledger import Ledger
from optimizer.run_file import load_run_file
from task_agent.models.base import WireReply, WireRequest
from task_agent.models.loopback import LoopbackServer
from task_agent.sandbox import mark

if TYPE_CHECKING:
    from conftest import Nights

HERE = Path(__file__).parent
DOOMED = HERE / "doomed.py"
MODEL = "claude-haiku-4-5"
ENDS_WITHIN_S = 30.0
INLINE = {"kind": "inline", "in_flight": 8}
RAY = {"kind": "ray", "workers": 2, "in_flight": 4}


@dataclass(frozen=True)
class Kill:
    """Say at which moment of one process whom to kill; `rest` waits for the end of what was left before the resume."""

    moment: str
    nth: int = 0
    victim: str = "driver"
    rest: bool = False


class Provider:
    """Answer as the simulated model does, and remember who asked when."""

    def __init__(self, model: SimulatedModel) -> None:
        self._model = model
        self._lock = threading.Lock()
        self.asked: list[tuple[float, str]] = []

    def __call__(self, request: WireRequest, /) -> WireReply:
        with self._lock:
            self.asked.append((time.time(), str(request.body["metadata"]["user_id"])))
        return self._model(request)


@dataclass
class Told:
    """Add up what a campaign saw."""

    kills: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    in_flight: list[int] = field(default_factory=list)
    paid_again: int = 0
    sessions_again: int = 0
    nights: int = 0
    after_record: int = 0

    def table(self) -> str:
        victims = ", ".join(f"{name} {count}" for name, count in sorted(self.kills.items()))
        moments = "\n".join(f"| `{name}` | {count} |" for name, count in sorted(self.moments.items()))
        most = max(self.in_flight, default=0)
        return (
            f"kills: {sum(self.kills.values())} ({victims}) in {self.nights} nights\n"
            f"attempts asked for again after their result was recorded: {self.after_record}\n"
            f"attempts in flight at the kills: {sum(self.in_flight)} in all, {most} at most\n"
            f"attempts run again: {self.paid_again}, all of them in flight at a kill\n"
            f"proposer and judge sessions asked again: {self.sessions_again}\n\n"
            f"| moment | kills |\n|---|---|\n{moments}\n"
        )


class Campaign:
    """Run nights of one kind beside one provider."""

    def __init__(self, root: Path, schedule: Mapping[str, Any], sandbox: str = "process") -> None:
        self.root = root
        self.schedule = schedule
        self.told = Told()
        self.config = yaml.safe_load((HERE / "mini.yaml").read_text())
        plain = load_run_file(HERE / "mini.yaml")
        self.provider = Provider(SimulatedModel(load_suite(plain.suite, HERE), simulated_settings(plain)))
        self.server = LoopbackServer(self.provider)
        self.seed = plain.seed
        self.file = root / "night.yaml"
        role = {"model": MODEL, "base_url": self.server.base_url}
        self.config |= {
            "models": {name: dict(role) for name in ("task", "proposer", "reflector")},
            "schedule": dict(schedule),
            "sandbox": {"kind": sandbox, "allow_unsafe": True},
            **{key: str((HERE / self.config[key]).resolve()) for key in ("harness", "prices")},
        }
        del self.config["simulated"]
        self.file.write_text(yaml.safe_dump(self.config))

    @property
    def slots(self) -> int:
        return int(self.schedule["in_flight"]) * int(self.schedule.get("workers", 1))

    def close(self) -> None:
        self.server.close()

    def runs(self, run: str) -> Path:
        """Give each night a folder of runs of its own: nights of one folder share their count of looks."""
        return self.root / run / "runs"

    def undisturbed(self, run: str, log: Path) -> None:
        """Run a night to its end and write down every moment it passed."""
        assert self._process(run, {"log": str(log)}, first=True).wait() == 0

    def night(self, run: str, kills: Sequence[Kill]) -> list[tuple[float, str, str]]:
        """Run a night, kill it as ordered, resume it to its end; gives when who was killed at which moment."""
        killed, first, code = self.root / f"{run}.killed", True, -signal.SIGKILL
        for life in [*lives(kills), []]:
            code = self._process(run, {"kills": [(k.moment, k.nth, k.victim) for k in life]}, first=first).wait(900)
            first = not (self.runs(run) / run / "ledger.sqlite").exists()
            assert code in (0, -signal.SIGKILL), f"{life}: exit code {code}"
            if code == 0:
                break
            if life and life[-1].rest:
                assert self.wait_for_nothing(run) == []
        assert code == 0
        self.told.nights += 1
        lines = [line.split() for line in killed.read_text().splitlines()] if killed.exists() else []
        return [(float(at), victim, moment) for at, victim, moment in lines]

    def _process(self, run: str, orders: Mapping[str, Any], *, first: bool) -> subprocess.Popen[bytes]:
        words = ["run", str(self.file), "--run-id", run, "--yes"] if first else ["resume", run]
        full = {"killed": str(self.root / f"{run}.killed"), **orders}
        command = [sys.executable, str(DOOMED), json.dumps(full), *words, "--runs-dir", str(self.runs(run))]
        env = {**os.environ, "ANTHROPIC_API_KEY": "sk-test", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        log = (self.root / f"{run}.log").open("ab")
        with log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)

    # What must hold -----------------------------------------------------------

    def left(self, run: str) -> list[str]:
        """Name every process, folder and segment of shared memory that is left of a run."""
        lock = self.runs(run) / run / "run.lock"
        if not lock.exists():
            return []
        of = mark.mark_of(json.loads(lock.read_text())["uid"])
        processes = [f"process {pid}" for pid in marked_processes(of)]
        folders = [str(path) for path in Path(tempfile.gettempdir()).glob(f"*{mark.short(of)}*")]
        return processes + folders

    def wait_for_nothing(self, run: str) -> list[str]:
        """Give what is still left a while after a kill."""
        end = time.monotonic() + ENDS_WITHIN_S
        while (left := self.left(run)) and time.monotonic() < end:
            time.sleep(0.05)
        return left

    def check_paid(self, run: str, kills: Sequence[tuple[float, str, str]], since: float) -> None:
        """Hold what the provider was asked against what the ledger recorded."""
        rows = self._rows(run)
        asked = [(at, who) for at, who in self.provider.asked if at >= since]
        ended = {who: at for who, at in rows.items() if at is not None}
        late = {who for at, who in asked if who in ended and at > ended[who]}
        self.told.after_record += len(late)
        assert late == set()
        counts = Counter(who for _, who in asked)
        twice = {who for who in rows if len(self._starts(who, asked, kills)) > 1}
        flown: set[str] = set()
        for at, victim, moment in kills:
            begun = {who for when, who in asked if when <= at and who in rows}
            flying = {who for who in begun if ended.get(who, at) >= at}
            assert len(flying) <= self.slots, (victim, moment, len(flying))
            flown |= flying
            self.told.in_flight.append(len(flying))
            self.told.kills[victim] += 1
            self.told.moments[moment] += 1
        assert twice <= flown
        assert set(rows) <= set(counts)
        self.told.paid_again += len(twice)
        others = {who for who in counts if who not in rows}
        self.told.sessions_again += sum(len(self._starts(who, asked, kills)) - 1 for who in others)

    @staticmethod
    def _starts(who: str, asked: Sequence[tuple[float, str]], kills: Sequence[tuple[float, str, str]]) -> set[int]:
        """Name the lives of the run, from kill to kill, in which `who` was heard."""
        return {sum(at > kill for kill, _, _ in kills) for at, name in asked if name == who}

    def _rows(self, run: str) -> dict[str, float | None]:
        """Give when each attempt's result was recorded, by the token that its requests carry."""
        ledger = Ledger(self.runs(run) / run / "ledger.sqlite", read_only=True)
        try:
            tokens = {row.rowid: row.spec.token(self.seed) for row in ledger.attempts(run)}
        finally:
            ledger.close()
        with closing(sqlite3.connect(self.runs(run) / run / "ledger.sqlite")) as db:
            return {tokens[number]: at for number, at in db.execute("SELECT number, ended_at FROM attempts")}


def lives(kills: Sequence[Kill]) -> list[list[Kill]]:
    """Cut kills into those of one process: the death of a worker ends none."""
    found: list[list[Kill]] = [[]]
    for kill in kills:
        found[-1].append(kill)
        if kill.victim != "worker":
            found.append([])
    return [life for life in found if life]


def marked_processes(of: str) -> list[int]:
    wanted, found = f"{mark.VARIABLE}={of}".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def orders(log: Path, seed: int, *, per_night: int, victims: Sequence[str]) -> Iterator[list[Kill]]:
    """Deal every kind of moment into nights, each kind once, at an occurrence drawn by seed."""
    draw = random.Random(seed)
    passed = log.read_text().split()
    places: dict[str, list[int]] = {}
    for at, moment in enumerate(passed):
        places.setdefault(moment, []).append(at)
    drawn = [draw.choice(found) for _, found in sorted(places.items())]
    draw.shuffle(drawn)
    for first in range(0, len(drawn), per_night):
        last, kills = -1, []
        for at in sorted(drawn[first : first + per_night]):
            nth = sum(last < place < at for place in places[passed[at]])
            kills.append(Kill(passed[at], nth, draw.choice(victims), rest=draw.random() < 0.5))
            last = last if kills[-1].victim == "worker" else at
        yield kills


@pytest.fixture
def inline(tmp_path: Path) -> Iterator[Campaign]:
    campaign = Campaign(tmp_path, INLINE)
    yield campaign
    campaign.close()


REDUCED = (
    [
        Kill("ledger:record:preflight:inside", 12, "driver", rest=True),
        Kill("ledger:conclude_slot:-:before", 1, "group"),
        Kill("ledger:record:certify:after", 9, "driver"),
    ],
    [
        Kill("file:rename:segment", 0, "driver"),
        Kill("ledger:record_look:-:before", 0, "group", rest=True),
        Kill("file:open:report", 2, "driver"),
    ],
)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", REDUCED, ids=["ledger", "files"])
def test_killed_three_times_a_night_ends_as_if_nothing_had_happened_and_pays_nothing_twice(
    kills: Sequence[Kill], inline: Campaign, whole_night: tuple[Nights, Sequence[str]]
) -> None:
    whole, _ = whole_night
    since = time.time()
    struck = inline.night("killed", kills)
    assert len(struck) == len(kills)
    assert type(whole)(inline.runs("killed")).facts("killed") == whole.facts("whole")
    inline.check_paid("killed", struck, since)
    assert inline.wait_for_nothing("killed") == []


@pytest.mark.ray
@pytest.mark.timeout(600)
def test_on_many_workers_kills_of_worker_and_driver_change_nothing_and_leave_nothing(
    tmp_path: Path, whole_night: tuple[Nights, Sequence[str]]
) -> None:
    whole, _ = whole_night
    campaign = Campaign(tmp_path, RAY)
    try:
        since = time.time()
        kills = [
            Kill("ledger:record:preflight:after", 5, "worker"),
            Kill("ledger:record:gate:after", 3, "driver", rest=True),
        ]
        struck = campaign.night("killed", kills)
        assert [victim for _, victim, _ in struck] == ["worker", "driver"]
        assert type(whole)(campaign.runs("killed")).facts("killed") == whole.facts("whole")
        campaign.check_paid("killed", struck, since)
        assert campaign.wait_for_nothing("killed") == []
    finally:
        campaign.close()


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.bubblewrap
@pytest.mark.timeout(7200)
def test_sixty_kills_at_every_kind_of_moment_change_nothing_and_leave_nothing(
    tmp_path: Path, nights: Nights, request: pytest.FixtureRequest
) -> None:
    told = []
    for name, schedule, sandbox, victims, per_night, most in (
        ("inline", INLINE, "process", ("driver", "group"), 6, 9),
        ("jails", INLINE, "bubblewrap", ("driver", "group"), 6, 1),
        ("ray", RAY, "process", ("driver", "group", "worker", "worker"), 5, 3),
    ):
        folder = tmp_path / name
        folder.mkdir()
        campaign = Campaign(folder, schedule, sandbox)
        try:
            campaign.undisturbed("whole", folder / "moments")
            expected = type(nights)(campaign.runs("whole")).facts("whole")
            plan = orders(folder / "moments", 20261123, per_night=per_night, victims=victims)
            for number, kills in zip(range(most), plan, strict=False):
                run, since = f"killed-{number}", time.time()
                struck = campaign.night(run, kills)
                assert type(nights)(campaign.runs(run)).facts(run) == expected, kills
                campaign.check_paid(run, struck, since)
                assert campaign.wait_for_nothing(run) == []
        finally:
            campaign.close()
        told.append(f"### {name}\n\n{campaign.told.table()}")
        (tmp_path / "survival.md").write_text("\n".join(told))
    print("\n".join(told))
    assert sum(int(text.partition("kills: ")[2].split()[0]) for text in told) >= 60
