"""The report: true in every state of a run, quick, and deaf to what agents write into it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from optimizer.attempt_spec import AttemptResult, AttemptStatus, Purpose
from optimizer.cli.candidate_page import header, page
from optimizer.facts import candidate_facts, read_facts
from optimizer.ledger import Bill, DrawRequest, ProposalRow
from optimizer.reading.failing import failure_clusters
from optimizer.report import write_report
from optimizer.report.markdown import SECTIONS, render
from optimizer.run_folder import RunFolder
from optimizer.settings.roles import THEN
from traces.event import TokenUsage

if TYPE_CHECKING:
    from conftest import Book, FinishedRun

COPIED = {"kind": "file_name", "quote": "sums.csv", "path": "prompts/system.md", "line": 1, "public": True}
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def section(text: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def report_of(book: Book) -> str:
    return render(read_facts(book.folder))


def test_every_section_is_there_once_and_in_order(whole: Book) -> None:
    headings = re.findall(r"^## (.*)$", report_of(whole), re.MULTILINE)
    assert headings == [*(title for title, _ in SECTIONS), "Next"]


def test_what_agents_wrote_cannot_act_as_markdown_or_steer_a_terminal(whole: Book) -> None:
    text = report_of(whole)
    assert not CONTROL.search(text)
    tokens = MarkdownIt("gfm-like", {"linkify": False, "html": True}).parse(text)
    inside = [child for token in tokens for child in token.children or []]
    kinds = {token.type for token in [*tokens, *inside]}
    assert not kinds & {"html_block", "html_inline", "link_open", "image", "em_open", "s_open"}
    assert sum(token.type == "heading_open" for token in tokens) == len(SECTIONS) + 2
    assert "<img" not in MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(text)


def test_every_row_of_every_table_has_all_its_cells(whole: Book) -> None:
    tables = re.findall(r"(?:^\|.*\|\n)+", report_of(whole), re.MULTILINE)
    assert len(tables) >= 5
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table


def test_the_certified_gain_stands_with_interval_target_look_and_coverage(whole: Book) -> None:
    text = report_of(whole)
    assert "**Improved: certified gain +12.0 points on 20 sealed test tasks, 95% interval +5.0 to +19.0" in text
    certified = section(text, "Certified gain")
    for words in (
        "tasks like these",
        "2nd",
        "stricter level",
        "98.0% of the attempts on these tasks",
        "30.0% to 42.0%",
    ):
        assert words in certified


def test_a_candidate_refused_before_the_screen_has_no_score(whole: Book) -> None:
    facts = read_facts(whole.folder)
    assert facts.train_score("c002") is None
    assert facts.train_score("c001") == pytest.approx(3 / 7)
    row = next(line for line in section(render(facts), "Changes tried").splitlines() if line.startswith("| c002"))
    assert row.split(" | ")[4] == "-"


def test_a_score_never_stands_without_its_coverage(whole: Book) -> None:
    text = report_of(whole)
    row = next(line for line in section(text, "Changes tried").splitlines() if line.startswith("| c001"))
    assert "42.9% (14 of 16 scored)" in row
    assert "14 of 16 scored" in section(text, "Score over iterations")


def test_the_staircase_rises_only_where_a_change_was_kept(whole: Book) -> None:
    lines = section(report_of(whole), "Score over iterations").splitlines()
    stairs = [line.split()[:3] for line in lines if re.match(r" +\d+  c\d", line)]
    assert stairs == [["0", "c000", "0.0%"], *([str(n), "c001", "42.9%"] for n in range(1, 8))]


def test_flipped_tasks_are_counted_with_their_passes(whole: Book) -> None:
    flips = section(report_of(whole), "Train tasks that flipped")
    assert "3 up, 0 down, 4 about the same, 1 not measured" in flips
    assert "| `train-001` | up | 0/2 | 2/2 |" in flips


def test_predictions_are_held_against_what_happened(whole: Book) -> None:
    changes = section(report_of(whole), "Changes tried")
    assert "fixed 1 of 2 named (3 in all), damaged 0 of 0 feared (0 in all)" in changes
    assert changes.count("none made") == 5


def test_foresight_is_added_up_by_model_and_brief(whole: Book) -> None:
    assert "No proposal of a model was decided yet." in section(report_of(whole), "What proposers foresaw")
    whole.ledger.open_proposals([ProposalRow(1, "c000", "tools", "opus"), ProposalRow(5, "c000", "", "opus")])
    foresight = section(report_of(whole), "What proposers foresaw")
    assert "| opus | tools | 1 | 1 | 1 of 2 (50.0%); 3 in all | 0 of 0 (-); 0 in all |" in foresight
    assert "| opus | open | 1 | 0 | - | - |" in foresight
    assert "Named fixes are held against the attempts they were chosen by, so part of it is luck." in foresight


def test_refusals_are_grouped_with_what_was_quoted_against_them(whole: Book) -> None:
    refused = section(report_of(whole), "Refused, and why")
    assert "**holds text of particular tasks** (1): c002" in refused
    assert "and 1 more findings" in refused
    assert "heldout words" not in refused
    assert "7 iterations: 1 keep, 3 reject, 1 undecided, 1 invalid, 1 no proposal" in report_of(whole)


def test_held_out_numbers_are_shown_only_when_nothing_can_be_proposed_any_more(book: Book) -> None:
    book.measure()
    book.test(book.propose(1, "One"), "not_better")
    open_run = report_of(book)
    assert "+2.1" not in open_run
    assert "shown when the run is finished" in section(open_run, "Gate records of held-out tasks")
    book.finish()
    records = section(report_of(book), "Gate records of held-out tasks")
    assert "| 1 | c001 | 0.0200 | 2 | 4 | +2.1 | -3.0 to +7.0 | 0.2100 | 80 + 120 champion |" in records


def test_no_held_out_or_test_task_is_ever_named(whole: Book) -> None:
    text = report_of(whole)
    assert "train-001" in text
    assert not re.search(r"heldout-0\d\d|test-0\d\d|secret-test-task", text)


def test_spend_without_a_price_is_said_and_never_zero(book: Book) -> None:
    book.draw("baseline", "c000", split="train", purpose=Purpose.BASELINE, tasks=8, count=2, usd=None)
    spend = section(report_of(book), "Attempts, coverage and spend")
    assert "unpriced (32 requests)" in spend
    assert "the true spend is higher" in spend
    assert "| **unpriced (32 requests)** |" in spend


def test_failures_say_whose_fault_and_what_they_count_as(whole: Book) -> None:
    failures = section(report_of(whole), "Failures")
    assert "| out_of_turns | agent | 100 | reward 0 |" in failures
    assert "| sandbox_lost | infrastructure | 2 | missing |" in failures


def test_what_model_calls_met_is_told_by_role_and_refusals_by_candidate(book: Book) -> None:
    assert "None: every call was answered" in section(report_of(book), "What model calls met")
    asked = [DrawRequest("c000", "h000", "train-000", "train", Purpose.BASELINE, 4)]
    rows = book.ledger.plan(book.folder.id, "baseline", asked)
    met: list[dict[str, int]] = [{"refusal": 1, "fallback": 1}, {"overloaded": 3}, {"refusal": 1}, {}]
    usage = TokenUsage(900, 100)
    book.ledger.record(
        AttemptResult(row.spec, AttemptStatus.SCORED, 0.0, None, "", usage, 0.1, 0, 1.5, 4, incidents=each)
        for row, each in zip(rows, met, strict=True)
    )
    book.ledger.meet("proposer", "s001", {"rate_limited": 2})
    told = section(report_of(book), "What model calls met")
    assert "| proposer | rate_limited | the provider answered 429 | 2 | 1 session |" in told
    assert "| task | overloaded | the provider answered 529 | 3 | 1 (25.0%) of 4 attempts |" in told
    assert "| c000 | 4 | 2 (50.0%) | 0 | 1 (25.0%) |" in told


def test_files_whose_change_made_a_candidate_invalid_are_named_in_words(whole: Book) -> None:
    changed = ["suite: tasks/a/tests/test.sh", "run.yaml"]
    whole.decide(whole.propose(8, "Tampered"), "tampered", {"changed": changed})
    assert "c008: changed: suite: tasks/a/tests/test.sh, run.yaml" in report_of(whole).replace("\\", "")
    facts = read_facts(whole.folder)
    page = "\n".join(header(facts, candidate_facts(facts, "c008"), 100))
    assert "its ground  changed while it was measured: suite: tasks/a/tests/test.sh, run.yaml" in page


@pytest.mark.parametrize(
    ("record", "stage", "said"),
    [
        (
            {"leaks": [COPIED], "blocked": True},
            "",
            "the scan blocked it, and no reader was asked; the scan found 1 place",
        ),
        ({"judgement": {"overfit": True, "reason": "why", "quotes": []}, "blocked": True}, "", "a reader blocked it; "),
        ({"blocked": True}, "", "blocked unread: too long, or not text; the scan found 0 places"),
        ({"judgement": {"overfit": False, "reason": "why", "quotes": []}}, "passed; read in a fresh", "judge: why"),
        ({"judgement": {"overfit": None, "reason": "refused", "quotes": []}}, "passed; its reader", "it refused or"),
        ({}, "passed; nobody was asked to read it", "did not block it"),
    ],
)
def test_a_candidates_page_says_who_settled_its_reflection(
    whole: Book, record: dict[str, object], stage: str, said: str
) -> None:
    name = whole.propose(8, "Read")
    blank = {"blocked": False, "leaks": [], "judgement": None}
    whole.ledger.record_judgement(name, {**blank, **record}, Bill())
    if stage:
        whole.ledger.conclude_stage(name, "reflect", {"judged": bool(record)})
    facts = read_facts(whole.folder)
    told = " ".join("\n".join(page(facts, candidate_facts(facts, name), 200)).split())
    assert f"reflect: {stage}" in told or not stage
    assert said in told


def test_a_train_gain_above_the_certified_interval_is_called_out(whole: Book) -> None:
    assert "lies ABOVE the certified interval" in section(report_of(whole), "Signs of overfitting")


def test_a_simulated_readers_rates_are_called_configured_and_a_real_ones_unknown(whole: Book, tmp_path: Path) -> None:
    said = section(report_of(whole), "Signs of overfitting")
    assert "a panel (judge, devil's advocate, referee) of the simulated model" in said
    assert "are CONFIGURED" in said
    assert "the scan read 2 changes and readers 1 of them, blocked 2" in said
    book = type(whole)(tmp_path / "real", model=f"claude-haiku-4-5{THEN}claude-sonnet-5-5")
    real = section(report_of(book), "Signs of overfitting").replace("\\", "")
    assert "are unknown until `ratchet bench reflect --judge claude-haiku-4-5` has measured them" in real
    for role in ("judge", "referee"):
        book.ledger.record_judgement("c000", {"overfit": False, "reason": "", "quotes": []}, Bill(), role=role)
    assert "--judge claude-haiku-4-5 --panel`" in section(report_of(book), "Signs of overfitting").replace("\\", "")


def test_a_simulated_run_carries_its_banner_and_a_real_one_does_not(book: Book, tmp_path: Path) -> None:
    real = type(book)(tmp_path / "real", model="claude-haiku-4-5")
    assert "> SIMULATED MODEL" in report_of(book)
    assert "SIMULATED" not in report_of(real)
    assert "It holds for claude-haiku-4-5," in report_of(real)


def test_a_report_can_be_written_at_every_moment_of_a_run(book: Book) -> None:
    moments = [
        lambda: None,
        book.measure,
        lambda: book.propose(1, "One"),
        lambda: book.draw("screen/c001", "c001", split="train", purpose=Purpose.SCREEN, tasks=8, count=2),
        lambda: book.ledger.reserve_test("c001", "c000", 0.02),
        lambda: book.decide("c001", "time"),
        lambda: book.finish(
            {"champion": "c000", "improved": False, "difference": None, "interval": None, "note": "nothing"}
        ),
    ]
    for step in moments:
        step()
        write_report(book.folder)
        assert book.folder.report.read_text().endswith("```\n")
    assert "**Nothing.**" in book.folder.report.read_text()
    assert not list(book.folder.path.glob("*.draft"))


def test_a_report_of_four_thousand_attempts_costs_less_than_fifty_milliseconds(long_night: Book) -> None:
    facts = read_facts(long_night.folder)
    assert facts.coverage().planned >= 4000
    times = []
    for _ in range(7):
        begun = time.process_time()
        write_report(long_night.folder)
        times.append(time.process_time() - begun)
    assert min(times) < 0.05


def test_a_real_run_reports_every_attempt_it_made(finished_run: tuple[Path, str]) -> None:
    runs, run = finished_run
    folder = RunFolder(runs / run)
    text = folder.report.read_text()
    attempts = read_facts(folder).coverage().planned
    assert text.startswith(f"# Run {run}\n")
    assert f"| **all** | - | {attempts} | 100.0% ({attempts} of {attempts}) |" in text
    hidden = {row.spec.task for row in read_facts(folder).attempts if row.spec.split != "train"}
    assert hidden
    assert not [task for task in hidden if task in text]


def test_failing_train_attempts_are_told_by_what_they_have_in_common(finished_run: FinishedRun) -> None:
    folder = RunFolder(finished_run.runs / finished_run.run)
    text = section(render(read_facts(folder)), "Failing train attempts, by what they have in common")
    largest = failure_clusters(folder, "c000")[0]
    assert f"| c000 | {len(largest.failures)} | {len(largest.tasks)} |" in text
    assert f"({largest.basis})" in text
