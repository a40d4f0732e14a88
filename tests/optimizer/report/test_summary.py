"""The summary: the report's short form for a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from optimizer.cli.summary import MOST_LINES, summary
from optimizer.facts import read_facts
from optimizer.verdict import RULINGS
from optimizer.words import SHORT, next_commands
from task_agent.models.incident import IncidentKind

if TYPE_CHECKING:
    from conftest import Book


def lines_of(book: Book, columns: int = 100) -> list[str]:
    return "\n".join(summary(read_facts(book.folder), columns)).splitlines()


@pytest.mark.parametrize("columns", [80, 100])
def test_every_candidate_has_one_aligned_line_that_fits(whole: Book, columns: int) -> None:
    rows = [line for line in lines_of(whole, columns) if re.match(r"  [cs]\d{3}  ", line)]
    assert [row.split()[0] for row in rows] == ["c001", "c002", "s003", "c004", "c005", "c006", "c007"]
    assert [row.split()[1] for row in rows] == ["keep", "reject", "none", "reject", "invalid", "undecided", "reject"]
    assert max(map(len, rows)) <= columns
    reasons = {row.index(words) for row in rows for words in SHORT.values() if row.endswith(words)}
    assert len(reasons) == 1


def test_refusals_blocks_and_fallbacks_stand_in_one_line_when_there_were_any(whole: Book) -> None:
    assert not [line for line in lines_of(whole) if line.startswith("models ")]
    for session in ("c001", "c002"):
        whole.ledger.meet("reflector", session, {IncidentKind.REFUSAL.value: 1})
    whole.ledger.meet("proposer", "s001", {IncidentKind.FALLBACK.value: 1})
    assert "models    2 refusals, 1 call put to another model (by role and candidate: the report)" in lines_of(whole)


def test_what_was_tried_is_counted_in_plain_words(whole: Book) -> None:
    assert "7 tried: 1 kept, 3 refused, 1 undecided, 1 invalid, 1 without a proposal" in lines_of(whole)


def test_long_quotes_and_hostile_titles_never_reach_the_terminal(whole: Book) -> None:
    text = "\n".join(lines_of(whole))
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "\\x1b[31m" in text
    assert "holds text of particular tasks (2 quoted)" in text


@pytest.mark.parametrize("columns", [80, 100])
def test_sentences_are_wrapped(whole: Book, columns: int) -> None:
    prose = [line for line in lines_of(whole, columns) if not line.startswith(("report", "  ratchet"))]
    assert max(map(len, prose)) <= columns


def test_the_gain_the_cost_the_report_and_three_commands_are_there(whole: Book) -> None:
    lines = lines_of(whole)
    text = " ".join(lines)
    assert "improved: certified gain +12.0 points on 20 sealed test tasks, 95% interval +5.0 to +19.0" in text
    assert "in 0 s" in text
    assert "nominal: nobody is billed" in text
    assert f"report    {whole.folder.report}" in lines
    assert sum(line.startswith("  ratchet ") for line in lines) == len(next_commands(read_facts(whole.folder))) == 3


def test_an_unfinished_run_says_first_how_to_go_on(book: Book) -> None:
    book.measure()
    commands = [each.command for each in next_commands(read_facts(book.folder))]
    assert commands[0].startswith("ratchet resume night --runs-dir ")
    assert [command.split()[1] for command in commands] == ["resume", "report"]
    assert "no change was proposed yet" in lines_of(book)


def test_a_long_night_is_cut_but_never_its_keeps(book: Book) -> None:
    for slot in range(1, 41):
        book.decide(book.propose(slot, f"Change {slot}"), "better" if slot == 2 else "not_better")
    rows = [line for line in lines_of(book) if re.match(r"  c\d{3}  ", line)]
    assert len(rows) == MOST_LINES + 1
    assert rows[0].startswith("  c002  keep")
    assert "  15 earlier ones that were not kept: ratchet candidates list night" in lines_of(book)


def test_every_cause_of_a_verdict_has_short_words() -> None:
    assert set(SHORT) == set(RULINGS)
    assert max(map(len, SHORT.values())) <= 32
