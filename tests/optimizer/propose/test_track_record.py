"""What proposers foresaw is added up by model and brief, and told to them."""

from __future__ import annotations

from dataclasses import replace

from optimizer.propose import Foresight, Foretold, PredictionScore, track_records
from optimizer.propose.track_record import opening

GOOD = PredictionScore(Foresight(4, 3, 2), Foresight(2, 1, 0), 0)
POOR = PredictionScore(Foresight(2, 0, 0), Foresight(0, 2, 0), 1)
TOLD = [
    Foretold("opus", "tools", True, GOOD),
    Foretold("opus", "", False, POOR),
    Foretold("haiku", "tools", False, None),
    Foretold("opus", "tools", False, POOR),
]


def test_each_model_and_brief_is_added_up_apart() -> None:
    found = {(each.author, each.brief): each for each in track_records(TOLD)}
    assert list(found) == [("opus", "tools"), ("opus", "open"), ("haiku", "tools")]
    tools = found["opus", "tools"]
    assert (tools.proposals, tools.kept, tools.measured) == (2, 1, 2)
    assert (tools.fixes, tools.damage) == (Foresight(6, 3, 2), Foresight(2, 3, 0))
    assert (tools.fixes.precision, tools.damage.precision) == (2 / 6, 0.0)


def test_what_was_never_measured_has_no_precision() -> None:
    record = next(each for each in track_records(TOLD) if each.author == "haiku")
    assert (record.measured, record.fixes.precision, record.damage.precision) == (0, None, None)
    assert str(record) == "1 decided, 0 kept, no prediction measured"


def test_an_author_is_told_its_own_record_alone_with_and_without_the_brief() -> None:
    whole, brief, missed = opening(TOLD, "opus", "tools")
    assert whole == (
        "Your record so far: 3 decided, 1 kept; named to be fixed: 2 of 8 came true (25%), 3 happened in all "
        "(against the attempts they were chosen by, so part of it is luck); named at risk: 0 of 2 came true (0%), "
        "5 happened in all."
    )
    assert brief.startswith("With this brief: 2 decided, 1 kept; named to be fixed: 2 of 6 came true (33%)")
    assert "not named at risk: 5." in missed


def test_an_author_without_a_record_is_told_nothing() -> None:
    assert list(opening(TOLD, "sonnet", "tools")) == []
    assert list(opening([], "opus", "")) == []


def test_a_record_says_how_many_fixes_were_held_against_fresh_attempts() -> None:
    fresh = Foretold("opus", "tools", False, replace(GOOD, afresh=True))
    [both] = track_records([fresh, TOLD[0]])
    assert (both.afresh, both.measured) == (1, 2)
    assert both.basis.startswith("in 1 of 2 predictions against fresh attempts of the champion, in the others")
    [alone] = track_records([fresh])
    assert alone.basis == "against fresh attempts of the champion"
