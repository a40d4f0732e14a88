from __future__ import annotations

from optimizer.propose import Prediction, score_prediction
from optimizer.propose.prediction import AFRESH, CHOSEN


def test_fixes_and_damage_are_scored_apart() -> None:
    before = {"a": [0.0, 0.0], "b": [0.0], "c": [1.0, 1.0], "d": [1.0], "e": [0.0]}
    after = {"a": [1.0, 1.0], "b": [0.0], "c": [0.0, 0.0], "d": [1.0], "e": [1.0]}
    score = score_prediction(Prediction(("a", "b"), ("c", "d")), before, after)
    assert (score.fixes.precision, score.fixes.recall) == (0.5, 0.5)
    assert (score.damage.precision, score.damage.recall) == (0.5, 1.0)


def test_an_unmeasured_task_counts_neither_for_nor_against() -> None:
    score = score_prediction(
        Prediction(("a", "gone"), ("empty",)), {"a": [0.0], "empty": [1.0]}, {"a": [1.0], "empty": []}
    )
    assert (score.fixes.named, score.unmeasured) == (1, 2)
    assert score.damage.precision is None


def test_nothing_named_and_nothing_happened_has_no_rate() -> None:
    score = score_prediction(Prediction(), {"a": [1.0]}, {"a": [1.0]})
    assert score.fixes.precision is None
    assert score.fixes.recall is None


def test_a_small_move_is_no_fix() -> None:
    score = score_prediction(Prediction(("a",)), {"a": [0.0, 1.0, 0.0]}, {"a": [0.0, 1.0, 1.0]})
    assert score.fixes.hits == 0


def test_the_score_reads_as_a_sentence() -> None:
    score = score_prediction(Prediction(("a",), ("x",)), {"a": [0.0]}, {"a": [1.0]})
    assert str(score) == (
        "fixes 1 of 1 named (1 happened), damage 0 of 0 named (0 happened), 1 not measured; "
        "fixes against the attempts they were chosen by, so part of it is luck"
    )


def test_named_fixes_are_held_against_fresh_attempts_alone_where_there_are_any() -> None:
    before = {"a": [0.0, 0.0], "b": [0.0, 0.0], "c": [1.0], "d": [0.0]}
    after = {"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [0.0], "d": [1.0]}
    said = Prediction(("a", "b", "d"), ("c",))
    chosen = score_prediction(said, before, after)
    fresh = score_prediction(said, before, after, afresh={"a": [1.0, 1.0], "b": [0.0, 0.0]})
    assert (chosen.fixes.hits, chosen.fixes.named, chosen.unmeasured) == (3, 3, 0)
    assert (fresh.fixes.hits, fresh.fixes.named, fresh.unmeasured) == (1, 2, 1)
    assert (fresh.damage.hits, fresh.damage.named) == (1, 1)
    assert str(chosen).endswith(f"; fixes {CHOSEN}")
    assert str(fresh).endswith(f"; fixes {AFRESH}")
