"""Who is compared, by the words a person uses."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from optimizer.compare.arms import find_arms
from optimizer.export import write_export
from optimizer.facts import read_facts
from optimizer.run_folder import RunFolder
from traces.errors import ConfigError, NotFoundError, UsageError

BASH_ONLY = Path(__file__).parents[3] / "configs" / "harnesses" / "bash-only"


def test_a_run_is_its_champion_and_a_candidate_may_be_named_in_several_ways(runs: Path) -> None:
    champion = read_facts(RunFolder(runs / "done")).state.champion
    named = find_arms(["done", "done/champion", "last", "champion", f"done/{champion}", champion], runs)
    assert {arm.name for arm in named} == {f"done/{champion}"}
    assert [arm.label for arm in named] == list("ABCDEF")
    assert "champion" in named[0].title
    first, again = find_arms(["done/baseline", "baseline"], runs)
    assert (first.name, again.name, first.title) == ("done/c000", "done/c000", "baseline")


def test_a_candidate_alone_belongs_to_the_run_named_before_it(runs: Path) -> None:
    shutil.copytree(runs / "done", runs / "older")
    named = find_arms(["older", "c001"], runs)
    assert named[1].name == "older/c001"


def test_a_folder_is_a_harness_and_nothing_is_known_of_where_it_was_tuned(runs: Path) -> None:
    arm = find_arms([str(BASH_ONLY), "last"], runs)[0]
    assert (arm.run, arm.origin, arm.bundle.spec.name) == (None, None, "bash-only")


def test_an_export_says_where_it_was_tuned_and_must_be_whole(runs: Path, tmp_path: Path) -> None:
    facts = read_facts(RunFolder(runs / "done"))
    write_export(facts, tmp_path / "out")
    arm = find_arms([str(tmp_path / "out"), "last"], runs)[0]
    assert arm.origin is not None
    assert (arm.origin.suite, arm.origin.splits) == (facts.lock["suite"], facts.lock["splits"])
    assert arm.bundle.hash == facts.champion.harness
    (tmp_path / "out" / "harness" / "prompts" / "system.md").write_text("another\n")
    with pytest.raises(ConfigError, match="was changed after the export"):
        find_arms([str(tmp_path / "out"), "last"], runs)


@pytest.mark.parametrize(
    ("word", "near"), [("dome", "done"), ("done/c01", "c001"), ("nowhere/at/all", "a harness.yaml")]
)
def test_a_word_that_names_nothing_is_answered_with_what_comes_close(runs: Path, word: str, near: str) -> None:
    with pytest.raises(NotFoundError) as error:
        find_arms([word, "last"], runs)
    assert near in error.value.message + error.value.hint


def test_one_harness_alone_is_no_comparison(runs: Path) -> None:
    with pytest.raises(UsageError, match="2 to 12"):
        find_arms(["last"], runs)
