from __future__ import annotations

from pathlib import Path

import pytest

from traces.event import AttemptKey, EventKind
from traces.matching import Pattern
from traces.search import Filters, Found, plain, search, snippet
from traces.store import TraceStore
from traces.writer import TraceWriter

from .trace_cases import attempt_key, flip_a_byte_of_text, record_attempt, sealed_store

KEYS = [
    attempt_key("sum"),
    attempt_key("sum", replicate=1),
    attempt_key("sort"),
    attempt_key("sum", candidate="c001"),
    attempt_key("hide", split="heldout"),
]


@pytest.fixture
def store(tmp_path: Path) -> TraceStore:
    return sealed_store(tmp_path, KEYS)


def names(found: Found) -> list[str]:
    return [f"{hit.attempt}:{hit.seq}" for hit in found.hits]


def look(store: TraceStore, pattern: str, limit: int = 20, **filters: object) -> Found:
    return search(store, Pattern(pattern), Filters(**filters), limit=limit)  # type: ignore[arg-type]  # fields


def test_what_was_said_called_and_answered_is_found(store: TraceStore) -> None:
    for pattern, seq in (("careful", 1), ("Let me look", 3), (r"^\$ ls$", 4), ("^42$", 5)):
        assert names(look(store, pattern, task="sort")) == [f"c000/sort/a00:{seq}"], pattern


def test_hits_come_by_attempt_and_are_bounded_with_their_number(store: TraceStore) -> None:
    found = look(store, "42", limit=2)
    assert names(found) == ["c000/hide/a00:5", "c000/sort/a00:5"]
    assert (found.total, found.attempts) == (5, 5)
    assert len(look(store, "42", limit=0).hits) == 5


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"splits": frozenset({"train"})}, 4),
        ({"candidate": "c001"}, 1),
        ({"task": "sum"}, 3),
        ({"kinds": frozenset({EventKind.MODEL})}, 0),
        ({"attempts": frozenset({"c000/sum/a01", "c000/none/a00"})}, 1),
        ({"attempts": frozenset()}, 0),
        ({"task": "sum", "candidate": "c000"}, 2),
    ],
)
def test_filters_narrow(store: TraceStore, filters: dict[str, object], count: int) -> None:
    assert look(store, "42", **filters).total == count


def test_events_not_yet_sealed_are_found_too(store: TraceStore) -> None:
    with TraceWriter(store.root, "w1") as writer:
        record_attempt(writer.attempt(attempt_key("live")), answer="fresh words", ended=False)
        found = look(store, "fresh words")
        assert names(found) == ["c000/live/a00:5"]
        assert look(store, "fresh words", candidate="c001").total == 0


def test_of_an_attempt_begun_twice_the_last_start_counts(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    with TraceWriter(tmp_path, "w0") as writer:
        for answer in ("first words", "second words"):
            record_attempt(writer.attempt(attempt_key()), answer=answer)
            store.add(writer.seal())
    assert look(store, "first words").total == 0
    assert look(store, "second words").total == 1


def test_a_damaged_file_is_named_and_the_rest_is_searched(store: TraceStore) -> None:
    broken = next(segment for segment in store.segments() if segment.candidate == "c001")
    flip_a_byte_of_text(store.root / broken.path)
    found = look(store, "42")
    assert [damage.path for damage in found.damaged] == [broken.path]
    assert found.total == 4
    (store.root / broken.path).unlink()
    assert [damage.reason for damage in look(store, "42").damaged] == ["it is gone"]


def test_an_empty_store_has_no_hits(tmp_path: Path) -> None:
    assert look(TraceStore(tmp_path), "x") == Found((), 0, 0, ())


def test_a_snippet_stands_around_the_first_match_on_one_line(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    key = AttemptKey("run-1", "c000", "t", "train", "c000/t/a00")
    with TraceWriter(tmp_path, "w0") as writer:
        body = "\n".join(["before", "a" * 200 + " needle\x1b[31m " + "b" * 200, "after"])
        writer.attempt(key).emit(EventKind.NOTE, text=body)
        hit = look(store, "needle").hits[0]
    shown = snippet(hit.body, 60)
    assert shown.width <= 60
    assert "needle\\x1b[31m" in shown.text
    assert shown.text.startswith("…")
    assert shown.text.endswith("…")
    assert plain(hit.body) == body


@pytest.mark.parametrize("width", [20, 21, 33, 80])
def test_a_snippet_of_wide_letters_keeps_its_width(width: int) -> None:
    assert snippet("漢字" * 100, width).width <= width
