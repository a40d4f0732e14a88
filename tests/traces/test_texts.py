"""Texts of attempts: written once, again when an attempt was begun again, and under names that are files' names."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

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
    store, texts, kept = TraceStore(tmp_path / "traces"), tmp_path / "texts", tmp_path / "kept"
    attempt(store, "w0", "c000/sum/a00", "first try")
    attempt(store, "w1", "c000/sum/a01", "another")
    assert write_texts(store, texts, kept=kept) == 2
    assert write_texts(store, texts, kept=kept) == 0
    attempt(store, "w2", "c000/sum/a00", "second try")
    assert write_texts(store, texts, kept=kept) == 1
    assert "second try" in (texts / "c000/sum/a00.txt").read_text()
    assert "first try" not in (texts / "c000/sum/a00.txt").read_text()


def test_two_folders_share_the_files_and_each_holds_its_own_stores_attempts_alone(tmp_path: Path) -> None:
    left, right, kept = TraceStore(tmp_path / "left"), TraceStore(tmp_path / "right"), tmp_path / "kept"
    attempt(left, "w0", "c000/sum/a00", "both see this")
    left.copy_split("train", right.root)
    attempt(left, "w1", "s001-x/sum/a00", "tried by the left one")
    assert write_texts(left, tmp_path / "one", kept=kept) == 2
    assert write_texts(right, tmp_path / "two", kept=kept) == 0
    assert (tmp_path / "one/c000/sum/a00.txt").samefile(tmp_path / "two/c000/sum/a00.txt")
    assert [path.parts[-3:] for path in (tmp_path / "two").rglob("*.txt")] == [("c000", "sum", "a00.txt")]


def test_an_older_copy_of_a_store_shows_its_own_start_and_spoils_no_other(tmp_path: Path) -> None:
    store, kept = TraceStore(tmp_path / "traces"), tmp_path / "kept"
    attempt(store, "w0", "c000/sum/a00", "first try")
    store.copy_split("train", tmp_path / "older")
    attempt(store, "w1", "c000/sum/a00", "second try")
    write_texts(store, tmp_path / "new", kept=kept)
    write_texts(TraceStore(tmp_path / "older"), tmp_path / "old", kept=kept)
    write_texts(store, tmp_path / "new", kept=kept)
    assert "second try" in (tmp_path / "new/c000/sum/a00.txt").read_text()
    assert "first try" in (tmp_path / "old/c000/sum/a00.txt").read_text()


def test_two_renderings_at_once_leave_every_text_whole(tmp_path: Path) -> None:
    store = TraceStore(tmp_path / "traces")
    names = [f"c000/task-{number:02d}/a00" for number in range(40)]
    with TraceWriter(store.root, "w0") as writer:
        for name in names:
            trace = writer.attempt(AttemptKey("run", "c000", name.split("/")[1], "train", name))
            trace.emit(EventKind.MODEL, turn=1, text=f"{name} " * 5_000)
            trace.emit(EventKind.ATTEMPT_END)
        store.add(writer.seal())
    alone = tmp_path / "alone"
    write_texts(store, alone, kept=tmp_path / "kept-alone")
    for turn in range(3):
        kept, start = tmp_path / f"kept{turn}", Barrier(2)

        def render(folder: Path, kept: Path = kept, start: Barrier = start) -> int:
            start.wait()
            return write_texts(TraceStore(store.root), folder, kept=kept)

        folders = [tmp_path / f"{turn}-{side}" for side in "ab"]
        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(render, folders)) > len(names), "both rendered"
        for name in names:
            texts = {(folder / text_path(name)).read_text() for folder in (alone, *folders)}
            assert len(texts) == 1
        assert not list(kept.rglob(".tmp-*"))


@pytest.mark.parametrize(
    "name", ["c000/../a00", "c000/a b/a00", "/etc/passwd", "c000/\0/a", "", "c000/.hidden/a", "c000/"]
)
def test_an_odd_id_gets_a_plain_name_below_the_folder(name: str) -> None:
    path = Path(text_path(name))
    assert not path.is_absolute()
    assert ".." not in path.parts
    assert all(part and not part.startswith(".") and part.isprintable() and " " not in part for part in path.parts)
    assert text_path(name) != text_path(name + "-")
