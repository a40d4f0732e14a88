from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from traces.errors import NotFoundError
from traces.event import EventKind
from traces.segment import Segment, TraceDamagedError
from traces.store import TraceStore
from traces.writer import TraceWriter

from .trace_cases import attempt_key, flip_a_byte_of_text, record_attempt, sealed_store


def test_a_segment_record_round_trips(tmp_path: Path) -> None:
    (segment,) = sealed_store(tmp_path, [attempt_key("a"), attempt_key("b")]).segments()
    assert Segment.from_record(segment.to_record()) == segment


def test_a_newer_schema_is_refused_by_name(tmp_path: Path) -> None:
    (segment,) = sealed_store(tmp_path, [attempt_key()]).segments()
    with pytest.raises(TraceDamagedError, match="schema 99"):
        Segment.from_record({**segment.to_record(), "schema_version": 99})


def test_attempts_are_listed_by_split_and_candidate(tmp_path: Path) -> None:
    keys = [attempt_key("a"), attempt_key("b", split="heldout"), attempt_key("c", candidate="c001")]
    store = sealed_store(tmp_path, keys)
    assert store.attempts() == ["c000/a/a00", "c000/b/a00", "c001/c/a00"]
    assert store.attempts(split="train") == ["c000/a/a00", "c001/c/a00"]
    assert store.attempts(split="train", candidate="c001") == ["c001/c/a00"]
    assert store.attempts(split="test") == []


def test_an_unknown_attempt_is_named_with_what_comes_close(tmp_path: Path) -> None:
    store = sealed_store(tmp_path, [attempt_key("sum")])
    with pytest.raises(NotFoundError, match="did you mean `c000/sum/a00`"):
        store.read_attempt("c000/sum/a01")
    with pytest.raises(NotFoundError):
        TraceStore(tmp_path / "nowhere").read_attempt("c000/sum/a00")


def test_adding_a_segment_twice_changes_nothing(tmp_path: Path) -> None:
    store = sealed_store(tmp_path, [attempt_key()])
    before = (tmp_path / "manifest.jsonl").read_bytes()
    store.add(store.segments())
    TraceStore(tmp_path).add(store.segments())
    assert (tmp_path / "manifest.jsonl").read_bytes() == before


def test_the_last_start_wins_sealed_or_live(tmp_path: Path) -> None:
    store, key = TraceStore(tmp_path), attempt_key()
    with TraceWriter(tmp_path, "w1") as first, TraceWriter(tmp_path, "w2") as second:
        lost, again = first.attempt(key), second.attempt(key)
        again.emit(EventKind.NOTE, text="second start")
        lost.emit(EventKind.NOTE, text="first start")
        lost.emit(EventKind.ATTEMPT_END)
        store.add(first.seal())
        assert [event.text for event in store.read_attempt(key.attempt)] == ["second start"]
        again.emit(EventKind.ATTEMPT_END)
        store.add(second.seal())
        assert [event.text for event in store.read_attempt(key.attempt)] == ["second start", None]
        assert store.attempts() == [key.attempt]


def test_a_segment_sealed_but_not_yet_added_can_be_read(tmp_path: Path) -> None:
    with TraceWriter(tmp_path, "w0") as writer:
        record_attempt(writer.attempt(attempt_key()))
        writer.seal()
    store = TraceStore(tmp_path)
    assert len(store.read_attempt("c000/sum/a00")) == 8
    assert store.attempts() == []
    (segment,) = store.recover()
    assert store.segments() == [segment]
    assert store.recover() == []


def test_a_torn_manifest_line_loses_nothing(tmp_path: Path) -> None:
    sealed_store(tmp_path, [attempt_key("a")])
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    store = TraceStore(tmp_path)
    assert store.segments() == []
    sealed_store(tmp_path, [attempt_key("b")])
    assert store.attempts() == ["c000/b/a00"]
    store.recover()
    assert TraceStore(tmp_path).attempts() == ["c000/a/a00", "c000/b/a00"]


_WORKER = """
import sys, time
from pathlib import Path
from traces.event import AttemptKey, EventKind
from traces.writer import TraceWriter
writer = TraceWriter(Path(sys.argv[1]), "w0")
traces = [writer.attempt(AttemptKey("r", "c000", f"t{n}", "train", f"c000/t{n}/a00")) for n in range(3)]
for n in range(100_000):
    trace = traces[n % 3]
    trace.emit(EventKind.NOTE, text=str(n) * 50)
    print(n, flush=True)
    if n == 30:
        traces[0].emit(EventKind.ATTEMPT_END)
        writer.seal()
        traces[0] = traces[1]
"""


def test_a_killed_worker_loses_nothing_it_has_emitted(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        for line in worker.stdout:
            if int(line) == 200:
                break
        worker.send_signal(signal.SIGKILL)
        said = 200 + sum(1 for line in worker.stdout if line.endswith("\n"))
    (live,) = tmp_path.glob("live/train/*.jsonl")
    with live.open("ab") as file:
        file.write(b'{"run":"r","attempt":"c000/t1/a00","text":"torn')
    store = TraceStore(tmp_path)
    store.recover()
    texts = {event.text for name in store.attempts() for event in store.read_attempt(name)}
    assert {str(n) * 50 for n in range(said + 1)} <= texts
    assert not list(tmp_path.glob("live/*/*"))
    assert store.attempts() == ["c000/t0/a00", "c000/t1/a00", "c000/t2/a00"]
    assert store.damages() == []


def test_recovery_leaves_living_workers_alone(tmp_path: Path) -> None:
    with TraceWriter(tmp_path, "w0") as writer:
        trace = writer.attempt(attempt_key())
        trace.emit(EventKind.NOTE, text="alive")
        assert TraceStore(tmp_path).recover() == []
        trace.emit(EventKind.NOTE, text="still")
        assert len(TraceStore(tmp_path).read_attempt(trace.key.attempt)) == 2
        quick = writer.attempt(attempt_key("quick"))
        record_attempt(quick)
        TraceStore(tmp_path).add(writer.seal())
        assert TraceStore(tmp_path).recover() == [], "the rewritten live file is locked too"


def test_a_crash_between_sealing_and_clearing_doubles_nothing(tmp_path: Path) -> None:
    with TraceWriter(tmp_path, "w0") as writer:
        record_attempt(writer.attempt(attempt_key()))
        (live,) = tmp_path.glob("live/train/*.jsonl")
        before = live.read_bytes()
        writer.seal()
    live.write_bytes(before)
    store = TraceStore(tmp_path)
    assert len(store.recover()) == 1
    assert [event.seq for event in store.read_attempt("c000/sum/a00")] == list(range(8))


def test_a_damaged_segment_is_set_aside_and_named(tmp_path: Path) -> None:
    store = sealed_store(tmp_path, [attempt_key("good")])
    sealed_store(tmp_path, [attempt_key("bad", candidate="c001"), attempt_key("lost", candidate="c002")])
    bad, lost = (segment for segment in store.segments() if segment.candidate != "c000")
    flip_a_byte_of_text(tmp_path / bad.path)
    (tmp_path / lost.path).unlink()
    with pytest.raises(TraceDamagedError):
        store.read_attempt("c001/bad/a00")
    with pytest.raises(TraceDamagedError, match="it is gone"):
        store.read_attempt("c002/lost/a00")
    assert store.recover() == []
    assert [(damage.path, damage.attempts) for damage in store.damages()] == [
        (bad.path, ("c001/bad/a00",)),
        (lost.path, ("c002/lost/a00",)),
    ]
    assert (tmp_path / "damaged" / bad.path).exists()
    assert TraceStore(tmp_path).attempts() == ["c000/good/a00"]
    with pytest.raises(NotFoundError):
        store.read_attempt("c001/bad/a00")
    assert store.recover() == []
    assert len(store.damages()) == 2


@pytest.mark.parametrize("keep", [0, 100, -1])
def test_an_unlisted_damaged_segment_is_set_aside(tmp_path: Path, keep: int) -> None:
    with TraceWriter(tmp_path, "w0") as writer:
        record_attempt(writer.attempt(attempt_key()))
        (segment,) = writer.seal()
    path = tmp_path / segment.path
    path.write_bytes(path.read_bytes()[:keep])
    store = TraceStore(tmp_path)
    assert store.recover() == []
    assert [damage.path for damage in store.damages()] == [segment.path]


def test_an_unreadable_live_line_is_set_aside_and_the_rest_kept(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path, "w0")
    record_attempt(writer.attempt(attempt_key()), ended=False)
    writer.close()
    (live,) = tmp_path.glob("live/train/*.jsonl")
    live.write_bytes(b"\xff\xfe garbage\n" + live.read_bytes())
    store = TraceStore(tmp_path)
    (segment,) = store.recover()
    assert segment.rows == 6
    assert "1 of its lines" in store.damages()[0].reason
    assert (tmp_path / "damaged" / live.relative_to(tmp_path)).read_bytes() == b"\xff\xfe garbage\n"


def test_half_written_files_are_swept_away(tmp_path: Path) -> None:
    store = sealed_store(tmp_path, [attempt_key()])
    part = tmp_path / "train/candidate=c000/.tmp-x.parquet.part"
    part.write_bytes(b"PAR1")
    store.recover()
    assert not part.exists()


def test_a_copied_split_holds_that_split_alone(tmp_path: Path) -> None:
    source, to = tmp_path / "source", tmp_path / "copy"
    sealed_store(source, [attempt_key("seen"), attempt_key("CANARY", split="heldout")])
    with TraceWriter(source, "w1") as writer:
        record_attempt(writer.attempt(attempt_key("running")), ended=False)
        record_attempt(writer.attempt(attempt_key("CANARY2", split="test")), ended=False)
        TraceStore(source).copy_split("train", to)
        copy = TraceStore(to)
        assert copy.attempts() == ["c000/running/a00", "c000/seen/a00"]
    everything = b"".join(path.read_bytes() + bytes(path) for path in to.rglob("*") if path.is_file())
    assert b"CANARY" not in everything
    assert not (to / "heldout").exists()


def test_copying_again_brings_the_copy_up_to_date(tmp_path: Path) -> None:
    source, to = tmp_path / "source", tmp_path / "copy"
    store = TraceStore(source)
    with TraceWriter(source, "w1") as writer:
        trace = writer.attempt(attempt_key())
        record_attempt(trace, ended=False)
        store.copy_split("train", to)
        trace.emit(EventKind.ATTEMPT_END)
        store.add(writer.seal())
        store.copy_split("train", to)
    assert not list(to.glob("live/*/*.jsonl"))
    assert TraceStore(to).read_attempt("c000/sum/a00")[-1].kind is EventKind.ATTEMPT_END


def test_a_copy_takes_no_room_for_sealed_segments_and_outlives_the_original(tmp_path: Path) -> None:
    source, to = tmp_path / "source", tmp_path / "copy"
    store = sealed_store(source, [attempt_key()])
    store.copy_split("train", to)
    path = store.segments()[0].path
    assert (to / path).samefile(source / path)
    (source / path).unlink()
    store.recover()
    assert store.attempts() == []
    assert TraceStore(to).read_attempt("c000/sum/a00")


def test_two_processes_with_one_worker_name_do_not_clash(tmp_path: Path) -> None:
    left, right = TraceWriter(tmp_path, "w0"), TraceWriter(tmp_path, "w0")
    record_attempt(left.attempt(attempt_key("a")))
    record_attempt(right.attempt(attempt_key("b")))
    TraceStore(tmp_path).add([*left.seal(), *right.seal()])
    assert TraceStore(tmp_path).attempts() == ["c000/a/a00", "c000/b/a00"]
    left.close()
    right.close()
    assert not list((tmp_path / "live/train").iterdir())


def test_any_id_is_found_whatever_its_letters(tmp_path: Path) -> None:
    tasks = ["plain", 'quo"te', "back\\slash", "ümlaut/漢", "tab\there", "a", "zz", "\U0001f600", "\uffff"]
    store = TraceStore(tmp_path)
    for task in tasks:
        store = sealed_store(tmp_path, [attempt_key(task), attempt_key(f"{task}-more")])
    for task in tasks:
        name = attempt_key(task).attempt
        assert {event.key.attempt for event in store.read_attempt(name)} == {name}
    assert len(TraceStore(tmp_path).attempts()) == 2 * len(tasks)
