"""A run written straight into a ledger: every kind of verdict, text that means harm, thousands of attempts."""

from __future__ import annotations

import json
import random
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from optimizer.attempt_spec import AttemptResult, AttemptStatus, Purpose
from optimizer.candidates import Archive
from optimizer.ledger import Bill, CandidateRow, DrawRequest, Ledger, LookRow, VerdictRow
from optimizer.run_folder import RunFolder
from optimizer.state import Phase
from optimizer.verdict import ruling
from task_agent.harness import HarnessBundle
from traces.event import TokenUsage

Reward = Callable[[int, int], float | None]
HOSTILE = (
    "Fix | `rm -rf` \x1b[31m<img src=x onerror=alert(1)>\n\n# Kept! [free](http://evil.example) **so** _good_ \u202egpj"
)
LOOK = {
    "target": "benchmark", "cause": "within noise at the keep look", "stage": 1, "runs": 4, "level": 0.02, "tasks": 20,
    "candidate_attempts": 80, "champion_attempts": 120, "mean": 0.021, "interval": [-0.03, 0.07], "p": 0.21,
}  # fmt: skip
CERTIFICATE = {
    "target": "population", "level": 0.95, "difference": 0.12, "lower": 0.05, "upper": 0.19, "interval": [0.05, 0.19],
    "baseline_mean": 0.3, "champion_mean": 0.42, "tasks": 20, "units": 20, "runs": 5.0, "coverage": 0.98,
    "excluded": ["secret-test-task"], "improved": True, "champion": "c001", "look": 2, "attempts": 200,
}  # fmt: skip
LEAK = {"kind": "file_name", "quote": HOSTILE, "path": "prompts/a|b.md", "line": 2, "public": True}
EVIL = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>\"><svg onload=hacked=1>"
    f" ' \" & \x1b[31m\x07\x00 \u202egnp.exe\u2066 ]]> --> {{{{7*7}}}} javascript:alert(1) {'W' * 10_000}"
)
"""Text that would act in a page that does not escape it, and a word wider than any screen."""
HIDDEN = {**LEAK, "quote": "heldout words", "public": False}


class Book:
    """Write a run step by step, as a driver would."""

    def __init__(self, root: Path, *, model: str = "simulated") -> None:
        self.folder = RunFolder(root)
        root.mkdir(parents=True)
        roles = {"task": model, "proposer": model, "reflector": model}
        stands_on = dict.fromkeys(("uid", "suite", "splits", "harness", "config"), "5e1f")
        self.folder.write_lock({"models": roles, "sandbox": "process", "version": "0.1.0", **stands_on})
        self.ledger = Ledger(self.folder.ledger)
        weakref.finalize(self, self.ledger.close)
        self.ledger.begin(root.name, json.loads(self.folder.lock.read_text()))
        self.ledger.open_session()
        self.ledger.conclude_slot(0, CandidateRow("c000", 0, None, "h0", "n0", "bash-only"), reason="", bill=Bill())

    def draw(
        self, stage: str, candidate: str, *, split: str, purpose: Purpose, tasks: int, count: int,
        reward: Reward = lambda task, turn: 0.0, cause: str | None = None, usd: float | None = 0.002,
    ) -> None:  # fmt: skip
        asked = [
            DrawRequest(candidate, f"h{candidate[1:]}", f"{split}-{at:03d}", split, purpose, count)
            for at in range(tasks)
        ]
        rows = self.ledger.plan(self.folder.id, stage, asked)
        results = []
        for at, row in enumerate(rows):
            value = reward(at // count, at % count)
            status = AttemptStatus.MISSING if value is None else AttemptStatus.SCORED
            usage = TokenUsage(900, 100, 0, 0)
            why = cause or (None if value is not None else "sandbox_lost")
            unpriced = 2 if usd is None else 0
            results.append(AttemptResult(row.spec, status, value, why, "", usage, usd, unpriced, 1.5, 4))
        self.ledger.record(results)

    def propose(self, slot: int, title: str, **claim: Sequence[str]) -> str:
        name = f"c{slot:03d}"
        row = CandidateRow(name, slot, "c000", f"h{name[1:]}", f"n{slot}", title, "a hypothesis", **claim)
        self.ledger.conclude_slot(slot, row, reason="", bill=Bill(1000, 0.02, 0, 5))
        return name

    def decide(self, candidate: str, cause: str, private: dict[str, Any] | None = None, *, public: str = "") -> None:
        row = ruling(cause)
        self.ledger.decide(VerdictRow(candidate, row.verdict, cause, public or row.public, private or {}))

    def test(self, candidate: str, cause: str) -> None:
        """Take a candidate through a gate test of two looks."""
        self.ledger.reserve_test(candidate, "c000", 0.02)
        self.draw(f"gate/{candidate}/0/0", candidate, split="heldout", purpose=Purpose.GATE, tasks=20, count=4)
        self.ledger.record_look(LookRow(candidate, 0, "continue", {**LOOK, "stage": 0, "p": None}))
        self.ledger.record_look(LookRow(candidate, 1, "reject" if cause == "not_better" else "keep", LOOK))
        self.decide(candidate, cause, dict(LOOK))

    def measure(self) -> None:
        noise = {"s2": 0.12, "phi": 1.0, "difference": 0.01, "difference_se": 0.03}
        preflight = {"tasks": 20, "attempts": 80, "noise": noise, "smallest_gain": 0.11, "advice": ["one sentence"]}
        preflight |= {
            "finds": "a change that truly gains 11.0 points or more on these very tasks is kept four times in five",
            "tau": {"value": 0.16, "assumed": True},
            "reach": [{"mode": "default", "tasks": 20, "smallest_gain": 0.11}],
            "remedies": [{"change": "twice the held-out tasks (40)", "smallest_gain": 0.078}],
            "ahead": {"attempts": 1200, "usd": 2.5, "hours": 0.5},
        }
        self.draw("preflight", "c000", split="heldout", purpose=Purpose.PREFLIGHT, tasks=20, count=4)
        self.ledger.conclude(Phase.PREFLIGHT, preflight)
        self.draw("baseline", "c000", split="train", purpose=Purpose.BASELINE, tasks=8, count=2)
        self.ledger.conclude(Phase.BASELINE, {"score": 0.0, "attempts": 16})

    def keep_files(self, candidate: str, **files: str) -> None:
        """Put a candidate's harness into the archive; a name's double underscore stands for a slash."""
        named = {f"{name.replace('__', '/')}.md": text.encode() for name, text in files.items()}
        Archive(self.folder.candidates).save(candidate, HarnessBundle(named))

    def finish(self, certificate: dict[str, Any] | None = None) -> None:
        self.ledger.conclude(Phase.CERTIFY, certificate or CERTIFICATE)
        self.ledger.conclude(Phase.FINISH, {"reason": "iterations"})


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """Give an empty run."""
    made = Book(tmp_path / "runs" / "night")
    yield made
    made.ledger.close()


@pytest.fixture
def whole(book: Book) -> Book:
    """Write a night with a keep, every other kind of verdict, a slot without a proposal, and failures."""
    book.measure()
    kept = book.propose(1, HOSTILE, fixes=("train-000", "train-005"), at_risk=("train-007",))
    book.draw(f"smoke/{kept}", kept, split="train", purpose=Purpose.SMOKE, tasks=1, count=1)
    book.draw(f"screen/{kept}", kept, split="train", purpose=Purpose.SCREEN, tasks=8, count=2,
              reward=lambda task, turn: 1.0 if task < 3 else None if task == 7 else 0.0)  # fmt: skip
    book.test(kept, "better")
    leaky = book.propose(2, "Remember results")
    book.draw(f"smoke/{leaky}", leaky, split="train", purpose=Purpose.SMOKE, tasks=1, count=1, reward=lambda a, b: 1.0)
    record = {"blocked": True, "leaks": [LEAK, HIDDEN], "judgement": None}
    book.ledger.record_judgement(leaky, record, Bill())
    book.decide(leaky, "leak", record, public=f"holds text of particular tasks; a:2 {HOSTILE!r}")
    book.ledger.conclude_slot(3, None, reason=f"gave up {HOSTILE}", bill=Bill(500, 0.01, 0, 2))
    book.decide(book.propose(4, "Same again"), "duplicate", {"of": "c002"})
    book.decide(book.propose(5, "Broken"), "does_not_load", {"error": HOSTILE})
    book.decide(book.propose(6, "Late"), "money")
    judged = {"blocked": True, "leaks": [], "judgement": {"reason": HOSTILE, "quotes": [HOSTILE]}}
    for role, overfit in (("judge", False), ("advocate", True), ("referee", True)):
        found = {"overfit": overfit, "reason": HOSTILE, "quotes": [f"{role} {HOSTILE}"], "dropped_quotes": ["x"]}
        book.ledger.record_judgement("c007", found, Bill(100, 0.001), role=role)
    book.ledger.record_judgement("c007", judged, Bill())
    book.decide(book.propose(7, "Judged"), "overfit", judged, public=HOSTILE)
    book.draw("certify", "c000", split="test", purpose=Purpose.CERTIFY, tasks=20, count=5, cause="out_of_turns")
    book.ledger.note("drift", f"c001: {HOSTILE}")
    book.finish()
    return book


@pytest.fixture
def long_night(book: Book) -> Book:
    """Write 4,000 attempts of ten candidates."""
    draw = random.Random(1)
    book.measure()
    for slot in range(1, 11):
        name = book.propose(slot, f"Change {slot}", fixes=("train-001",), at_risk=("train-002",))
        book.draw(f"screen/{name}", name, split="train", purpose=Purpose.SCREEN, tasks=30, count=2,
                  reward=lambda task, turn: float(draw.random() < 0.4))  # fmt: skip
        book.draw(f"gate/{name}/0/0", name, split="heldout", purpose=Purpose.GATE, tasks=60, count=5)
        book.decide(name, "not_better", dict(LOOK))
    book.draw("certify", "c000", split="test", purpose=Purpose.CERTIFY, tasks=50, count=7)
    book.finish()
    return book


@pytest.fixture
def evil(book: Book) -> Book:
    """Write a finished night in which whatever an agent or a task can name is `EVIL`."""
    book.measure()
    book.keep_files("c000", prompts__system="One line.\n")
    book.ledger.conclude_slot(
        1, CandidateRow("c001", 1, "c000", "h1", "n1", EVIL, EVIL, (EVIL,), (EVIL,), (EVIL,)), reason="", bill=Bill()
    )
    book.keep_files("c001", prompts__system=f"One line.\n{EVIL}\n")
    asked = [DrawRequest("c001", "h1", EVIL, "train", Purpose.SCREEN, 2)]
    rows = book.ledger.plan(book.folder.id, "screen/c001", asked)
    usage = TokenUsage(900, 100, 0, 0)
    book.ledger.record(
        AttemptResult(row.spec, AttemptStatus.MISSING, None, "sandbox_lost", "", usage, None, 2, 1.5, 4) for row in rows
    )
    book.test("c001", "better")
    leaks = [{**LEAK, "quote": EVIL, "path": EVIL, "kind": EVIL}]
    record = {"blocked": True, "leaks": leaks, "judgement": {"reason": EVIL, "quotes": [EVIL]}}
    book.propose(2, EVIL, fixes=(EVIL,))
    book.ledger.record_judgement("c002", record, Bill())
    book.decide("c002", "leak", record, public=EVIL)
    book.decide(book.propose(3, EVIL), "does_not_load", {"error": EVIL, "violations": [EVIL]})
    book.ledger.conclude_slot(4, None, reason=EVIL, bill=Bill())
    for kind in ("drift", "sandbox", "needs attention"):
        book.ledger.note(kind, EVIL)
    book.finish()
    return book


TASKS, CANDIDATES = 100, 100


@pytest.fixture(scope="session")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    """Write a finished night of 100 candidates on 100 train tasks, each with a diff of several thousand letters."""
    draw = random.Random(7)
    book = Book(tmp_path_factory.mktemp("hundred") / "runs" / "hundred")
    book.draw("baseline", "c000", split="train", purpose=Purpose.BASELINE, tasks=TASKS, count=2,
              reward=lambda task, turn: float(draw.random() < 0.4))  # fmt: skip
    book.ledger.conclude(Phase.BASELINE, {"score": 0.4, "attempts": 2 * TASKS})
    book.keep_files("c000", prompts__system="Do the work.\n")
    for slot in range(1, CANDIDATES + 1):
        name = book.propose(slot, f"Change number {slot}: read the table first", fixes=("train-001",))
        lines = "".join(f"- rule {slot}.{at}: look at what was asked before writing\n" for at in range(120))
        book.keep_files(name, prompts__system=f"Do the work.\n{lines}")
        book.draw(f"screen/{name}", name, split="train", purpose=Purpose.SCREEN, tasks=TASKS, count=1,
                  reward=lambda task, turn: float(draw.random() < 0.45))  # fmt: skip
        if slot % 9 == 0:
            book.test(name, "better" if slot % 27 == 0 else "not_better")
        else:
            book.decide(name, "worse_on_train", {"score": 0.1})
    book.finish()
    yield book.folder
    book.ledger.close()
