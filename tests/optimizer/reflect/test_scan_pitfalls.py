"""The scan on the bundled suite: real fixtures, and the guidance and answers its simulated model works with."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.simulated.catalogue import SLIPS
from benchmarks.suite import Suite, load_suite
from optimizer.reflect import Leak, LeakCorpus, scan
from optimizer.reflect.planted import ADVICE

PARENT = {"harness.yaml": b"name: seed\n", "prompts/system.md": b"You solve tasks.\n"}


@pytest.fixture(scope="module")
def suite() -> Suite:
    return load_suite({"kind": "pitfalls", "seed": 3, "tasks": 60}, Path())


@pytest.fixture(scope="module")
def pitfalls(suite: Suite) -> LeakCorpus:
    return LeakCorpus.from_tasks(suite.tasks)


def added(text: str, corpus: LeakCorpus) -> tuple[Leak, ...]:
    return scan(PARENT, PARENT | {"prompts/system.md": f"You solve tasks.\n{text}\n".encode()}, corpus)


def test_every_answer_and_every_id_is_caught(suite: Suite, pitfalls: LeakCorpus) -> None:
    keys = {f"The result holds {key}." for task in suite.tasks for key in task.metadata["answer_keys"]}
    ids = {f"For {task.id} look twice." for task in suite.tasks}
    assert len(keys | ids) > 150
    assert [text for text in sorted(keys | ids) if not added(text, pitfalls)] == []


def test_guidance_raises_no_alarm(pitfalls: LeakCorpus) -> None:
    remedies = [text for slip in SLIPS.values() for text in (*slip.guidance, *slip.harmful)]
    assert len(remedies) > 40
    assert [leak for text in [*ADVICE, *remedies] for leak in added(text, pitfalls)] == []
