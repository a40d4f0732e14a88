"""Clusters hold every failure once, follow from what is known of it, and do not depend on its order."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from optimizer.propose import AttemptView, Digest, Failure, clusters
from traces.symptoms import Sign, Symptom


def failure(number: int, *signs: tuple[Sign, str], cause: str | None = None, reward: float | None = 0.0) -> Failure:
    attempt = AttemptView(f"c000/task-{number % 5}/a{number:02d}", "c000", f"task-{number % 5}", reward)
    digest = Digest(attempt.id, cause, 7, "a line", "a story") if cause else None
    return Failure(attempt, tuple(Symptom(sign, shape, 9) for sign, shape in signs), digest)


def shown(found: list[Failure]) -> list[tuple[str, str, int]]:
    return [(each.cause, each.basis, len(each.failures)) for each in clusters(found)]


def test_causes_in_nearly_the_same_words_are_one_cluster() -> None:
    causes = ["reads the first row as header", "first row read as the header", "reads the first row as header"]
    found = [failure(number, ("check", "x"), cause=cause) for number, cause in enumerate([*causes, "rounds too early"])]
    assert shown(found) == [("reads the first row as header", "digest", 3), ("rounds too early", "digest", 1)]


def test_without_an_analyst_the_most_telling_symptom_decides() -> None:
    found = [
        failure(1, ("ending", "out of turns"), ("check", "missing: *.csv")),
        failure(2, ("check", "missing: *.csv"), ("command", "awk")),
        failure(3, ("check", "missing: *.csv"), ("command", "awk")),
        failure(4),
    ]
    assert [(cause, size) for cause, _, size in shown(found)] == [
        ("missing: *.csv", 2),
        ("out of turns", 1),
        ("nothing is known of how they failed", 1),
    ]
    assert clusters(found)[0].also == {"command: awk": 2}


def test_examples_are_of_different_tasks_first() -> None:
    found = [failure(number, ("check", "same")) for number in (0, 5, 10, 1, 2)]
    assert [each.attempt.task for each in clusters(found)[0].examples] == ["task-0", "task-1", "task-2", "task-0"]


def test_missing_attempts_are_counted_apart() -> None:
    found = [failure(1, ("ending", "sandbox lost"), reward=None), failure(2, ("ending", "sandbox lost"))]
    record = clusters(found)[0].to_record()
    assert (record["attempts"], record["missing"]) == (2, 1)


CAUSES = st.sampled_from([None, "header row misread", "misread header row", "rounding too early", "rounding", ""])
SHAPES = st.sampled_from(["missing: *.csv", "line # is …", "*** !!!", "header row misread"])


@given(st.lists(st.tuples(CAUSES, SHAPES), max_size=12), st.randoms(use_true_random=False))
def test_every_failure_is_in_one_cluster_whatever_the_order(
    drawn: list[tuple[str | None, str]], order: random.Random
) -> None:
    found = [failure(number, ("check", shape), cause=cause) for number, (cause, shape) in enumerate(drawn)]
    mixed = list(found)
    order.shuffle(mixed)
    made = clusters(mixed)
    assert made == clusters(found)
    assert sorted(each.attempt.id for one in made for each in one.failures) == sorted(each.attempt.id for each in found)
    assert len({each.id for each in made}) == len(made)
