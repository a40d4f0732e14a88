"""Texts of attempts: written once, again when an attempt was begun again, and under names that are files' names."""

from __future__ import annotations

from pathlib import Path

import pytest

from traces import AttemptKey, EventKind
from traces.store import TraceStore
from traces.texts import text_path, write_texts
from traces.writer import TraceWriter


def attempt(store: TraceStore, name: str, attempt: str, text: str) -> None:
    with TraceWriter(store.root, name, after=store.latest_start) as writer:
        candidate, task, _ = attempt.split("/")
        trace = writer.attempt(AttemptKey("run", candidate, task, "train", attempt))
        trace.emit(EventKind.MODEL, turn=1, text=text)
        trace.emit(EventKind.ATTEMPT_END)
        store.add(writer.seal())


def test_texts_are_written_once_and_again_when_an_attempt_was_begun_again(tmp_path: Path) -> None:
    store, texts = TraceStore(tmp_path / "traces"), tmp_path / "texts"
    attempt(store, "w0", "c000/sum/a00", "first try")
    attempt(store, "w1", "c000/sum/a01", "another")
    assert write_texts(store, texts) == 2
    assert write_texts(store, texts) == 0
    attempt(store, "w2", "c000/sum/a00", "second try")
    assert write_texts(store, texts) == 1
    assert "second try" in (texts / "c000/sum/a00.txt").read_text()
    assert "first try" not in (texts / "c000/sum/a00.txt").read_text()
    (texts / ".index.json").write_text("{ torn")
    assert write_texts(store, texts) == 2


@pytest.mark.parametrize(
    "name", ["c000/../a00", "c000/a b/a00", "/etc/passwd", "c000/\0/a", "", "c000/.hidden/a", "c000/"]
)
def test_an_odd_id_gets_a_plain_name_below_the_folder(name: str) -> None:
    path = Path(text_path(name))
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert all(part and not part.startswith(".") and part.isprintable() and " " not in part for part in path.parts)
    assert text_path(name) != text_path(name + "-")
