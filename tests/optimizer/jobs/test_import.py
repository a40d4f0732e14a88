"""Importing a job: train alone, for reading alone, once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from optimizer.ledger import Ledger
from optimizer.run import _fill
from optimizer.run_file import load_run_file
from optimizer.sessions.proposing import propose_change, train_attempts
from optimizer.stages.evidence import measured, train_score
from task_agent.models.scripted import say
from traces.redact import Redactor
from traces.store import TraceStore

Job = Any  # Any: the HarborJob of conftest.py
Ratchet = Callable[..., Any]  # Any: Said of conftest.py
Worlds = Callable[..., Any]  # Any: the World of optimizer/conftest.py
Rates = Callable[..., Callable[[object], float]]


def splits_of(runs: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with closing(Ledger(runs / "done" / "ledger.sqlite", read_only=True)) as ledger:
        for row in ledger.attempts("done"):
            if row.spec.task not in found.setdefault(row.spec.split, []):
                found[row.spec.split].append(row.spec.task)
    return found


def imported(runs: Path, run: str = "done") -> list[Any]:
    with closing(Ledger(runs / run / "ledger.sqlite", read_only=True)) as ledger:
        return list(ledger.imported())


def test_only_trials_of_train_tasks_come_in_and_the_answer_says_how_many_do_not(
    job: Job, runs: Path, ratchet: Ratchet
) -> None:
    splits = splits_of(runs)
    train, heldout, test = (splits[name][0] for name in ("train", "heldout", "test"))
    job.trial(train, 0.0)
    job.trial(train, None, error="RateLimitError")
    job.trial(heldout, 1.0, says="SECRET-OF-HELDOUT")
    job.trial(test, 1.0, says="SECRET-OF-TEST")
    job.trial("no-such-task", 1.0)
    data = ratchet("attempts", "import", job.path, "done", "--json").data
    assert (data["imported"], data["left_out"]) == (2, {"sealed": 2, "others": 1})
    assert data["attempts"] == [f"i001/{train}/a00", f"i001/{train}/a01"]
    assert data["agents"] == {"i001": "claude-code 2.0.1 with claude-opus-5-5"}
    rows = imported(runs)
    assert [(row.reward, row.cause) for row in rows] == [(0.0, None), (None, "provider_rate_limited")]
    assert (rows[0].tokens, rows[0].cost_usd, rows[0].duration_s, rows[0].turns) == (1000, 0.25, 150.5, 1)
    store = TraceStore(runs / "done" / "traces")
    assert store.attempts(candidate="i001") == data["attempts"]
    assert store.attempts(split="train", candidate="i001") == data["attempts"]
    kept = b"".join(path.read_bytes() for path in (runs / "done" / "traces").rglob("candidate=i001/*"))
    assert kept
    for secret in (b"SECRET-OF-HELDOUT", b"SECRET-OF-TEST"):
        assert not any(secret in path.read_bytes() for path in (runs / "done").rglob("*") if path.is_file())


def test_a_trajectory_that_tells_a_sealed_task_under_a_train_tasks_name_stays_out(
    job: Job, runs: Path, ratchet: Ratchet
) -> None:
    from benchmarks.suite import load_suite

    splits = splits_of(runs)
    suite = load_suite(load_run_file(runs / "done" / "run.yaml").suite, runs)
    own = {suite.task(name).instruction for name in splits["train"]}
    told = next(text for name in splits["heldout"] if (text := suite.task(name).instruction) not in own)
    job.trial(splits["train"][0], 1.0, says=f"The task was:  {told}")
    data = ratchet("attempts", "import", job.path, "done", "--json").data
    assert (data["imported"], data["left_out"]) == (0, {"tells": 1})


def test_importing_again_from_wherever_changes_nothing(job: Job, runs: Path, ratchet: Ratchet, tmp_path: Path) -> None:
    train = splits_of(runs)["train"]
    job.trial(train[0], 1.0)
    ratchet("attempts", "import", job.path, "done", "--json")
    before = imported(runs)
    elsewhere = shutil.copytree(job.path, tmp_path / "elsewhere")
    again = ratchet("attempts", "import", elsewhere, "done", "--json").data
    assert (again["imported"], again["left_out"]) == (0, {"again": 1})
    assert imported(runs) == before
    job.trial(train[0], 0.0)
    job.trial(train[1], 0.0, agent="codex")
    more = ratchet("attempts", "import", job.path, "done", "--json").data
    assert more["attempts"] == [f"i001/{train[0]}/a01", f"i002/{train[1]}/a00"]
    assert imported(runs)[: len(before)] == before


def test_an_import_is_part_of_no_count_no_spend_and_no_certified_number(job: Job, runs: Path, ratchet: Ratchet) -> None:
    before = ratchet("status", "done", "--json").data
    for task in splits_of(runs)["train"]:
        job.trial(task, 1.0)
    assert ratchet("attempts", "import", job.path, "done", "--json").data["imported"] == 6
    after = ratchet("status", "done", "--json").data
    assert after == before
    with closing(Ledger(runs / "done" / "ledger.sqlite", read_only=True)) as ledger:
        assert not [row for row in ledger.attempts() if row.spec.candidate.startswith("i")]


def test_it_is_read_like_any_attempt(job: Job, runs: Path, ratchet: Ratchet) -> None:
    task = splits_of(runs)["train"][0]
    job.trial(task, 0.0, says="I look at \x1b[2J the header.")
    ratchet("attempts", "import", job.path, "done")
    rows = ratchet("attempts", "list", "done", "--candidate", "i001", "--json").data["rows"]
    assert [(row["attempt"], row["purpose"], row["reward"]) for row in rows] == [(f"i001/{task}/a00", "import", 0.0)]
    page = ratchet("trace", "show", "done", f"i001/{task}/a00")
    assert page.code == 0
    assert "imported from night: claude-code 2.0.1 claude-opus-5-5" in page.out
    assert "\x1b[2J" not in page.out
    assert "look at" in page.out
    found = ratchet("trace", "grep", "done", "look at", "--candidate", "i001", "--json")
    assert f"i001/{task}/a00" in found.out


def test_keys_in_a_trajectory_are_masked(job: Job, bench: Worlds, rates: Rates) -> None:
    from optimizer.jobs.importing import gather, keep
    from optimizer.jobs.trial import read_job

    world = bench(rates(1, {}))
    job.trial("sums-00", 1.0, says="the key is sk-very-secret-value-77")
    intake = gather([read_job(job.path)], run="r", suite=world.suite, splits=world.splits)
    keep(intake, world.ledger, world.folder.traces, Redactor(["sk-very-secret-value-77"]))
    texts = [event.text or "" for event in world.bench.store.read_attempt("i001/sums-00/a00")]
    assert any("the key is" in text for text in texts)
    assert not any("very-secret" in text for text in texts)


# A night that starts warm ------------------------------------------------------------------------


def test_a_proposer_reads_what_was_imported_and_no_score_rests_on_it(job: Job, bench: Worlds, rates: Rates) -> None:
    from optimizer.jobs.importing import gather, keep
    from optimizer.jobs.trial import read_job

    world = bench(rates(1, {}), proposer=[say("nothing"), say("to do")])
    job.trial("sums-00", 1.0, says="HOW-IT-WAS-DONE")
    job.trial("sums-03", 1.0, says="HELDOUT-SECRET")
    intake = gather([read_job(job.path)], run="r", suite=world.suite, splits=world.splits)
    keep(intake, world.ledger, world.folder.traces, Redactor())
    world.bench.store.recover()
    views = train_attempts(world.bench)
    assert [(view.id, view.reward, view.imported) for view in views] == [
        ("i001/sums-00/a00", 1.0, "claude-code 2.0.1 claude-opus-5-5")
    ]
    assert (train_score(world.bench, "c000"), measured(world.bench, "i001")) == (None, [])
    propose_change(world.bench, 1, "c000")
    opening = str(world.proposer.requests[0].messages[0].content)
    assert "Imported attempts of i001, made elsewhere by claude-code" in opening
    assert "Train score: no score" in opening
    session = world.folder.path / "proposer" / "s001"
    line = json.loads((session / "attempts.jsonl").read_text())
    assert (line["attempt"], line["imported"]) == ("i001/sums-00/a00", "claude-code 2.0.1 claude-opus-5-5")
    assert TraceStore(session / "traces").read_attempt("i001/sums-00/a00")
    assert not any(b"HELDOUT-SECRET" in path.read_bytes() for path in session.rglob("*") if path.is_file())


def test_a_run_started_warm_decides_as_one_started_cold(
    job: Job, finished_run: tuple[Path, str], tmp_path: Path
) -> None:
    from optimizer.planning.plan import plan_run
    from optimizer.run_folder import new_run

    cold, _ = finished_run
    for task in splits_of(cold)["train"]:
        job.trial(task, 1.0)
    config = load_run_file(Path(__file__).parents[2] / "finished.yaml", {"warm_start": [job.path]})
    runs = tmp_path / "runs"
    plan = plan_run(config, runs)
    folder = new_run(runs, "warm")
    told = _fill(folder, plan, new_split=False)
    assert "6 trials imported for proposers to read, 6 of them scored" in told
    assert len(imported(runs, "warm")) == 6
    with closing(Ledger(folder.ledger, read_only=True)) as ledger:
        assert [note["kind"] for note in ledger.notices()] == ["warm start"]
        assert ledger.attempts() == []
        assert ledger.spend().usd == 0
    shutil.rmtree(job.path)
    from optimizer.run import check_resumable

    assert check_resumable(folder).jobs == (), "a resumed run needs the job no more"
