from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traces.event import EventKind, TokenUsage
from traces.recorder import MemoryRecorder
from traces.redact import Redactor
from traces.store import TraceStore
from traces.writer import TraceWriter

from .trace_cases import attempt_key, emissions, record_attempt


@settings(max_examples=40, deadline=None)
@given(st.lists(emissions, max_size=6))
def test_what_is_written_reads_back_live_and_sealed(emitted: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder, TraceWriter(Path(folder), "w0", clock=lambda: 5.5) as writer:
        key, store = attempt_key(), TraceStore(Path(folder))
        trace, memory = writer.attempt(key), MemoryRecorder(key, clock=lambda: 5.5)
        for recorder in (trace, memory):
            for one in emitted:
                recorder.emit(**one)
            recorder.emit(EventKind.ATTEMPT_END)
        assert store.read_attempt(key.attempt) == memory.events
        store.add(writer.seal())
        assert store.live_rows() == []
        assert store.read_attempt(key.attempt) == memory.events


def test_an_event_is_on_disk_when_emit_returns(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path, "w0").attempt(attempt_key())
    trace.emit(EventKind.NOTE, text="first")
    (live,) = tmp_path.glob("live/train/*.jsonl")
    assert json.loads(live.read_text())["text"] == "first"


def test_sealing_leaves_attempts_in_flight_live(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    with TraceWriter(tmp_path, "w0") as writer:
        slow, quick = writer.attempt(attempt_key("slow")), writer.attempt(attempt_key("quick"))
        slow.emit(EventKind.NOTE, text="one")
        record_attempt(quick)
        segments = writer.seal()
        slow.emit(EventKind.NOTE, text="two")
        store.add(segments)
        assert [name for segment in segments for name in segment.attempts] == ["c000/quick/a00"]
        assert [event.text for event in store.read_attempt("c000/slow/a00")] == ["one", "two"]
        slow.emit(EventKind.ATTEMPT_END)
        store.add(writer.seal())
        assert [event.seq for event in store.read_attempt("c000/slow/a00")] == [0, 1, 2]
        assert writer.seal() == []
    assert not list(tmp_path.glob("live/*/*"))


def test_segments_are_parted_by_split_and_candidate(tmp_path: Path) -> None:
    with TraceWriter(tmp_path, "w0") as writer:
        for candidate in ("c000", "c001"):
            for split in ("train", "heldout"):
                record_attempt(writer.attempt(attempt_key(candidate=candidate, split=split)))
        segments = writer.seal()
    assert {Path(segment.path).parent.as_posix() for segment in segments} == {
        f"{split}/candidate={candidate}" for candidate in ("c000", "c001") for split in ("train", "heldout")
    }
    assert all((tmp_path / segment.path).stat().st_size == segment.size_bytes for segment in segments)


def test_names_cannot_climb_out_of_the_store(tmp_path: Path) -> None:
    root = tmp_path / "store"
    with TraceWriter(root, "../w") as writer:
        record_attempt(writer.attempt(attempt_key(candidate="../../x", split="..")))
        (segment,) = writer.seal()
    assert (root / segment.path).resolve().is_relative_to(root.resolve())
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_no_event_may_follow_the_end(tmp_path: Path) -> None:
    trace = TraceWriter(tmp_path, "w0").attempt(attempt_key())
    trace.emit(EventKind.ATTEMPT_END)
    with pytest.raises(RuntimeError, match="has ended"):
        trace.emit(EventKind.NOTE)


def test_data_that_json_cannot_say_does_not_fail_the_attempt(tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    odd = {"nan": float("nan"), "set": {1}, "bytes": b"x", "loop": loop, "path": Path("a"), "lone": "\ud800"}
    with TraceWriter(tmp_path, "w0") as writer:
        trace = writer.attempt(attempt_key())
        trace.emit(EventKind.NOTE, text="lone \udc80 and nul \0", data=odd)
        trace.emit(EventKind.ATTEMPT_END)
        writer.seal()
        note = TraceStore(tmp_path).read_attempt(trace.key.attempt)[0]
    assert note.text == "lone ? and nul \0"
    assert (note.data["nan"], note.data["set"], note.data["bytes"]) == (None, [1], "b'x'")


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "ä" * 2_000_000},
        {"text": "\0" * 2_000_000},
        {"data": {"output": "x" * 3_000_000}},
        {"data": {str(n): "y" * 40_000 for n in range(40)}},
        {"text": "z" * 900_000, "name": "n" * 900_000},
    ],
)
def test_one_event_takes_at_most_a_megabyte(tmp_path: Path, fields: dict[str, Any]) -> None:
    with TraceWriter(tmp_path, "w0") as writer:
        writer.attempt(attempt_key()).emit(EventKind.TOOL_RESULT, usage=TokenUsage(1), **fields)
        assert writer.unsealed_bytes < 1_001_000
        (event,) = TraceStore(tmp_path).read_attempt(attempt_key().attempt)
    assert event.usage == TokenUsage(1)
    assert "cut" in json.dumps([event.text, event.name, dict(event.data)])


def test_a_cut_text_keeps_both_ends_and_names_its_size(tmp_path: Path) -> None:
    with TraceWriter(tmp_path, "w0") as writer:
        writer.attempt(attempt_key()).emit(EventKind.TOOL_RESULT, text="head" + "x" * 2_000_000 + "tail")
        (event,) = TraceStore(tmp_path).read_attempt(attempt_key().attempt)
    assert event.text is not None
    assert event.text.startswith("head")
    assert event.text.endswith("tail")
    assert "2,000,008 bytes in all" in event.text


def test_secrets_never_touch_the_disk(tmp_path: Path) -> None:
    secret = 'pass"word\\with\nquotes'
    with TraceWriter(tmp_path, "w0", redact=Redactor([secret])) as writer:
        trace = writer.attempt(attempt_key())
        trace.emit(EventKind.TOOL_RESULT, text=f"env: {secret}", data={"nested": [{"deep": secret}]})
        trace.emit(EventKind.TOOL_RESULT, text="key sk-ant-api03-" + "a1B2" * 20)
        (live,) = tmp_path.glob("live/train/*.jsonl")
        content = live.read_text()
        events = TraceStore(tmp_path).read_attempt(trace.key.attempt)
    assert "quotes" not in content
    assert "a1B2" not in content
    assert [event.text for event in events] == ["env: [redacted]", "key [redacted]"]
    assert events[0].data == {"nested": [{"deep": "[redacted]"}]}


def test_importing_traces_loads_neither_arrow_nor_duckdb() -> None:
    code = (
        "import sys, traces, traces.writer, traces.store; print([m for m in ('pyarrow', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


_FULL_DISK = """
import resource, sys
from pathlib import Path
from traces.event import AttemptKey, EventKind
from traces.storage import StorageError
from traces.writer import TraceWriter
trace = TraceWriter(Path(sys.argv[1]), "w0").attempt(AttemptKey("r", "c000", "t", "train", "c000/t/a00"))
trace.emit(EventKind.NOTE, text="fits")
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
try:
    trace.emit(EventKind.NOTE, text="x" * 5000)
except StorageError as error:
    print(error, error.hint)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    trace.emit(EventKind.NOTE, text="fits again")
"""


def test_a_refused_write_leaves_no_torn_event(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(tmp_path)], check=True, capture_output=True, text=True
    ).stdout
    assert "a file may not grow any more" in said
    assert "resume the run" in said
    events = TraceStore(tmp_path).read_attempt("c000/t/a00")
    assert [event.text for event in events] == ["fits", "fits again"]


def test_a_later_start_wins_though_the_clock_was_set_back_in_between(tmp_path: Path) -> None:
    store = TraceStore(tmp_path)
    for text, now in (("killed", 10**18), ("whole", 5)):
        store.recover()
        with TraceWriter(tmp_path, text, stamp=lambda now=now: now, after=store.latest_start) as writer:
            writer.attempt(attempt_key()).emit(EventKind.NOTE, text=text)
    assert [event.text for event in store.read_attempt(attempt_key().attempt)] == ["whole"]
