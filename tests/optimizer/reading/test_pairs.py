from __future__ import annotations

import random

from optimizer.attempt_spec import AttemptSpec, Purpose
from optimizer.ledger import AttemptRow
from optimizer.reading.pairs import choose, opposite


def row(candidate: str, replicate: int, reward: float | None) -> AttemptRow:
    spec = AttemptSpec("run", candidate, f"h-{candidate}", "sum", "train", replicate, Purpose.SCREEN)
    state = "missing" if reward is None else "scored"
    return AttemptRow(1, spec, "screen", state, reward, None, "", 10, 0.1, 0, 1.0, 3)


def ids(pair: tuple[AttemptRow, AttemptRow] | None) -> list[str] | None:
    return None if pair is None else [each.spec.id for each in pair]


def test_the_champions_success_stands_beside_the_baselines_failure() -> None:
    rows = [row("c000", 0, 1.0), row("c000", 1, 0.0), row("c002", 0, 0.0), row("c002", 1, 1.0)]
    assert ids(choose(rows, "c002", "c000")) == ["c002/sum/a01", "c000/sum/a01"]


def test_the_passing_one_comes_first_also_when_the_champion_is_the_one_that_fails() -> None:
    rows = [row("c000", 0, 1.0), row("c002", 0, 0.0)]
    assert ids(choose(rows, "c002", "c000")) == ["c000/sum/a00", "c002/sum/a00"]


def test_within_one_candidate_when_the_two_agree() -> None:
    rows = [row("c000", 0, 0.0), row("c000", 1, 0.0), row("c002", 0, 0.0), row("c000", 2, 1.0)]
    assert ids(choose(rows, "c000", "c002")) == ["c000/sum/a02", "c002/sum/a00"]
    assert ids(choose(rows, "c000", "c000")) == ["c000/sum/a02", "c000/sum/a00"]


def test_the_choice_does_not_depend_on_the_order_of_rows() -> None:
    rows = [row(f"c00{number % 3}", number, float(number % 2)) for number in range(12)]
    expected = ids(choose(rows, "c002", "c000"))
    for seed in range(20):
        random.Random(seed).shuffle(rows)
        assert ids(choose(rows, "c002", "c000")) == expected


def test_a_missing_attempt_is_no_failure() -> None:
    assert choose([row("c002", 0, 1.0), row("c000", 0, None)], "c002", "c000") is None


def test_part_of_a_reward_is_no_success() -> None:
    rows = [row("c002", 0, 1.0), row("c000", 0, 0.9)]
    assert ids(choose(rows, "c002", "c000")) == ["c002/sum/a00", "c000/sum/a00"]


def test_an_attempt_gets_a_partner_that_ended_otherwise_of_the_preferred_first() -> None:
    failing = row("c000", 0, 0.0)
    rows = [failing, row("c001", 0, 1.0), row("c002", 0, 1.0), row("c002", 1, None)]
    assert ids(opposite(rows, failing, ["c002"])) == ["c002/sum/a00", "c000/sum/a00"]
    assert ids(opposite(rows, failing, [])) == ["c001/sum/a00", "c000/sum/a00"]
    assert ids(opposite(rows, rows[1], ["c002"])) == ["c001/sum/a00", "c000/sum/a00"]
    assert opposite([failing], failing, ["c002"]) is None
