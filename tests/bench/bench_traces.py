"""Measure the trace store: `python tests/bench/bench_traces.py --attempts 100000`.

Prints one line per figure. Figures depend on the machine; the targets stand in DESIGN section 7.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from traces.event import AttemptKey, EventKind, TokenUsage
from traces.matching import Pattern
from traces.query import connect, run_sql
from traces.redact import Redactor
from traces.search import Filters, search
from traces.store import TraceStore
from traces.writer import AttemptTrace, TraceWriter

TASKS = 200
PER_CANDIDATE = 4_000
WORDS = ["total", "csv", "error", "row", "python3", "column", "header", "expected", "traceback", "file", "line"]


def key_of(number: int) -> AttemptKey:
    """Name the n-th attempt: 4,000 per candidate, 20 per task."""
    candidate, within = f"c{number // PER_CANDIDATE:03d}", number % PER_CANDIDATE
    task = f"task-{within % TASKS:03d}"
    return AttemptKey("run-bench", candidate, task, "train", f"{candidate}/{task}/a{within // TASKS:02d}")


def record(trace: AttemptTrace, chance: random.Random) -> int:
    """Write an attempt of 12 events, about 420 characters of text each; give their number."""
    trace.emit(EventKind.ATTEMPT_START, name="gate", data={"harness": "f" * 64, "try": 1})
    trace.emit(EventKind.SYSTEM, text="You are a careful agent. " * 20)
    trace.emit(EventKind.USER, text="<task>\nAdd up the column.\n</task>\n" * 10)
    for turn in range(1, 4):
        words = " ".join(chance.choices(WORDS, k=140))
        usage = TokenUsage(800, 60, 400, 100)
        trace.emit(
            EventKind.MODEL, turn=turn, name="simulated", text=words[:420], usage=usage, cost_usd=0.01, duration_ms=9.5
        )
        trace.emit(EventKind.TOOL_CALL, turn=turn, name="bash", data={"id": f"t{turn}", "input": {"command": "ls -la"}})
        if turn < 3:
            result = {"id": f"t{turn}", "is_error": False}
            trace.emit(EventKind.TOOL_RESULT, turn=turn, name="bash", text=words, data=result, duration_ms=3.0)
    trace.emit(EventKind.ATTEMPT_END, data={"reward": float(chance.random() < 0.5), "cause": None})
    return 12


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took."""
    began = time.perf_counter()
    yield
    print(f"{what}: {time.perf_counter() - began:.3f} s")


def fill(root: Path, attempts: int, per_seal: int) -> TraceStore:
    """Write and seal `attempts` attempts; print the cost per event of each."""
    chance, store, emitting, sealing, events = random.Random(7), TraceStore(root), 0.0, 0.0, 0
    with TraceWriter(root, "w0", redact=Redactor(["not-a-real-secret-1", "not-a-real-secret-2"])) as writer:
        record(writer.attempt(key_of(0)), chance)
        store.add(writer.seal())  # pays the import of pyarrow
        for first in range(1, attempts, per_seal):
            began = time.process_time()
            for number in range(first, min(first + per_seal, attempts)):
                events += record(writer.attempt(key_of(number)), chance)
            middle = time.process_time()
            segments = writer.seal()
            sealing += time.process_time() - middle
            emitting += middle - began
            store.add(segments)
    print(f"emit: {emitting / events * 1e6:.1f} microseconds CPU per event ({events:,} events)")
    print(f"seal: {sealing / events * 1e6:.1f} microseconds CPU per event")
    size = sum(segment.size_bytes for segment in store.segments())
    print(f"sealed: {len(store.segments()):,} segments, {size / 1e6:.1f} MB, {size / events:.0f} bytes per event")
    return store


def read(root: Path, attempts: int) -> None:
    """Read single attempts: with a store just opened, and with one in use."""
    chance = random.Random(11)
    TraceStore(root).read_attempt(key_of(0).attempt)
    for what, keep in (("a new store each time", None), ("one store", TraceStore(root))):
        times = []
        for _ in range(60):
            name = key_of(chance.randrange(attempts)).attempt
            began = time.perf_counter()
            events = (keep or TraceStore(root)).read_attempt(name)
            times.append((time.perf_counter() - began) * 1000)
            assert len(events) == 12
        worst = statistics.quantiles(times, n=20)[-1]
        print(f"read one attempt of {attempts:,}, {what}: median {statistics.median(times):.1f} ms, p95 {worst:.1f} ms")


def ask(store: TraceStore) -> None:
    """Ask questions over all events."""
    questions = {
        "count and tokens by kind": "SELECT kind, count(*), sum(output_tokens) FROM events GROUP BY ALL",
        "failing attempts per task": """SELECT task, count(*) FROM events
            WHERE kind = 'attempt_end' AND (data->>'$.reward')::DOUBLE < 1 GROUP BY ALL""",
        "text search": "SELECT count(*) FROM events WHERE text ILIKE '%traceback%expected%'",
    }
    with timed(f"connect ({len(store.segments()):,} segments)"):
        connection = connect(store, ["train"])
    for name, sql in questions.items():
        with timed(name):
            connection.execute(sql).fetchall()
    with timed("run_sql, connection included"):
        run_sql(store, ["train"], questions["count and tokens by kind"])


def grep(store: TraceStore) -> None:
    """Look for expressions as `ratchet trace grep` does: many matches, few, none."""
    for expression in ("traceback.*expected", "^expected csv error", "no such words"):
        began = time.perf_counter()
        found = search(store, Pattern(expression), Filters())
        took = time.perf_counter() - began
        print(f"grep {expression!r}: {found.total:,} events in {found.attempts:,} attempts, {took:.3f} s")


def main() -> int:
    """Run all measurements in a temporary folder, or in one that is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=10_000)
    parser.add_argument("--per-seal", type=int, default=100, help="attempts in one segment")
    parser.add_argument("--folder", type=Path, help="keep the store here, and use it again when it is full")
    given = parser.parse_args()
    root = given.folder or Path(tempfile.mkdtemp())
    try:
        store = TraceStore(root)
        if not store.segments():
            store = fill(root, given.attempts, given.per_seal)
        read(root, given.attempts)
        ask(store)
        grep(store)
        with timed("recover (hashes everything)"):
            store.recover()
    finally:
        if given.folder is None:
            shutil.rmtree(root)
    return 0


if __name__ == "__main__":
    sys.exit(main())
