"""Briefs are dealt by turn; one that has nothing to work on makes way for the next."""

from __future__ import annotations

from pathlib import Path

import pytest

from optimizer.propose.brief import ASKED, Standing, deal, opening
from optimizer.sessions.briefing import program_name
from optimizer.settings.meta import Program

ALL = tuple(ASKED)
RICH = Standing(failing=3, kept=["c001"], ideas=["c001", "c004", "c006"])
POOR = Standing(failing=0, kept=[], ideas=["c004"])


def test_every_brief_has_its_turn() -> None:
    assert [deal(ALL, turn, RICH) for turn in range(len(ALL) + 1)] == [*ALL, ALL[0]]


@pytest.mark.parametrize("brief", ["repair", "simplify", "merge"])
def test_a_brief_with_nothing_to_work_on_makes_way_for_the_next(brief: str) -> None:
    assert deal((brief, "tools"), 0, POOR) == "tools"
    assert deal((brief, "tools"), 0, RICH) == brief


def test_a_round_deals_a_brief_twice_only_when_every_one_that_makes_sense_is_dealt() -> None:
    dealt: list[str] = []
    for turn in range(3, 9):
        dealt.append(deal(ALL, turn, Standing(failing=3, kept=[], ideas=[]), dealt))
    assert dealt == ["tools", "orchestration", "explore", "repair", "repair", "tools"]


def test_without_a_brief_that_makes_sense_the_session_is_free() -> None:
    assert deal(("repair", "merge"), 5, POOR) == ""
    assert opening("", POOR) == []


def test_two_programs_that_start_alike_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for folder, text in (("a", "print(1)\n"), ("b", "print(2)\n")):
        (tmp_path / folder / "agent.py").write_text(text)
    one, other = (Program(command=("python3", "agent.py"), folder=tmp_path / name) for name in ("a", "b"))
    names = [program_name(one), program_name(other), program_name(Program(command=("python3", "agent.py", "-v")))]
    assert len({*names}) == 3
    assert names[0] == program_name(one)
    assert names[0].endswith(": python3 agent.py")


def test_a_brief_is_told_in_one_line_and_a_merge_names_its_two_newest_ideas() -> None:
    assert opening("tools", RICH) == [f"Brief: tools. {ASKED['tools']}"]
    assert opening("merge", RICH)[0].endswith("They are: c004, c006.")
