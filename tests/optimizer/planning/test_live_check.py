"""The live check walks a night's whole path against a provider on loopback, and every step of it can fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.simulated import SimulatedModel
from benchmarks.simulated.fault_script import FaultFile, FaultScript
from benchmarks.suite import load_suite
from optimizer.attempt_spec import AttemptResult, AttemptSpec, AttemptStatus, Purpose
from optimizer.cli.exit_codes import exit_code
from optimizer.planning.live_check import Step, traced, walk
from optimizer.planning.plan import plan_run
from optimizer.run_file import load_run_file
from task_agent.models import WireModel, WireReply, WireRequest
from task_agent.models.loopback import LoopbackServer
from task_agent.models.scripted import wire_error, wire_message
from traces.event import EventKind, TokenUsage
from traces.recorder import MemoryRecorder

ROOT = Path(__file__).parents[3]
SUITE = {"kind": "pitfalls", "seed": 1, "tasks": 24, "families": ["csv_totals", "json_flatten"]}
TASK, STRONG = "claude-haiku-5-5", "claude-opus-5-5"
ASKED = (f"model {TASK}", f"model {STRONG} at high", f"model {TASK} at high")
KEY = "ANTHROPIC_API_KEY"
SIMULATED = SimulatedModel(load_suite(SUITE, ROOT))


@contextmanager
def key(value: str) -> Iterator[None]:
    before = os.environ.get(KEY)
    os.environ[KEY] = value
    try:
        yield
    finally:
        os.environ.pop(KEY)
        os.environ.update({KEY: before} if before is not None else {})


def run_file(folder: Path, base_url: str, **changes: Any) -> Path:
    strong = {"model": STRONG, "base_url": base_url, "effort": "high", "fallback": [TASK]}
    config = {
        "suite": SUITE,
        "harness": str(ROOT / "configs/harnesses/bash-only"),
        "prices": str(ROOT / "configs/prices.yaml"),
        "models": {"task": {"model": TASK, "base_url": base_url}, "proposer": strong, "reflector": "same"},
        "splits": {"train": 6, "heldout": 10, "test": 8},
        "gate": {"min_tasks": 8, "force": True},
        "schedule": {"kind": "inline"},
        "sandbox": {"kind": "process", "allow_unsafe": True},
        **changes,
    }
    file = folder / "run.yaml"
    file.write_text(yaml.safe_dump(json.loads(json.dumps(config))))
    return file


def walked(
    folder: Path,
    *faults: dict[str, Any],
    model: WireModel = SIMULATED,
    mine: str = "right",
    models: tuple[str, ...] = (),
    max_usd: float = 1.0,
    **changes: Any,
) -> tuple[dict[str, Step], list[WireRequest]]:
    """Walk the path of a run file's night; gives the steps by name and what the provider was asked."""
    script = FaultScript(FaultFile.model_validate({"faults": faults}))
    with LoopbackServer(model, script=script, key="right", models=models) as server, key(mine):
        plan = plan_run(load_run_file(run_file(folder, server.base_url, **changes)), folder / "runs")
        steps = {step.need.need: step for step in walk(plan, max_usd=max_usd)}
    return steps, server.requests


def failing(steps: dict[str, Step]) -> dict[str, int]:
    """Name the steps that failed, with the exit code each leads to."""
    return {name: int(exit_code(step.need.error)) for name, step in steps.items() if step.need.error is not None}


def altered(change: Callable[[WireRequest, WireReply], WireReply]) -> WireModel:
    """Answer as the simulated model does, but for what `change` makes of it."""

    def answer(request: WireRequest, /) -> WireReply:
        return change(request, SIMULATED(request))

    return answer


def test_every_step_of_a_night_is_walked_and_says_what_it_cost(tmp_path: Path) -> None:
    steps, asked = walked(tmp_path)
    assert list(steps) == [
        f"price {TASK}",
        f"price {STRONG}",
        f"model {TASK}",
        f"cache {TASK}",
        f"model {STRONG} at high",
        f"cache {STRONG} at high",
        f"model {TASK} at high",
        f"cache {TASK} at high",
        "sandbox process",
        "attempt",
        "trace",
    ]
    assert {name: step.need.state for name, step in steps.items()} == dict.fromkeys(steps, "ok")
    assert "answers as task, reflector, analyst, reviewer" in steps[f"model {TASK}"].need.what
    paid = {name for name, step in steps.items() if step.cost_usd}
    assert paid == {name for name in steps if name.startswith(("model", "cache", "attempt"))}
    assert {request.body["model"] for request in asked} == {TASK, STRONG}
    assert not (tmp_path / "runs").exists()


NO_TOOL = altered(
    lambda request, reply: (
        wire_message({"type": "text", "text": "It is 1234."})
        if any(tool["name"] == "report_word" for tool in request.body.get("tools", ()))
        else reply
    )
)
NO_EFFORT = altered(
    lambda request, reply: (
        wire_error(400, "invalid_request_error", "effort is not supported")
        if "output_config" in request.body
        else reply
    )
)
NO_CACHE = altered(
    lambda request, reply: WireReply(
        200, {**reply.body, "usage": {**reply.body["usage"], "cache_read_input_tokens": 0}}
    )
)


@pytest.mark.parametrize(
    ("settings", "failed", "says"),
    [
        ({"mine": "wrong"}, dict.fromkeys(ASKED, 4), "the provider refused the key"),
        ({"models": (TASK,)}, {ASKED[1]: 5}, f"model: {STRONG}"),
        ({"model": NO_TOOL}, dict.fromkeys(ASKED, 5), "did not call the tool"),
        ({"model": NO_EFFORT}, dict.fromkeys(ASKED[1:], 5), "does not take `effort: high`"),
        ({"max_usd": 0.001}, {ASKED[1]: 8, ASKED[2]: 8, "attempt": 8}, "are spent, of $0.00"),
    ],
    ids=["a wrong key", "a model that is not served", "no tool use", "an effort", "too little money"],
)
def test_a_step_that_fails_says_why_and_the_code_it_leads_to(
    settings: dict[str, Any], failed: dict[str, int], says: str, tmp_path: Path
) -> None:
    steps, _ = walked(tmp_path, **settings)
    assert failing(steps) == failed
    first = steps[next(iter(failed))].need
    assert says in first.what
    assert first.mend
    task_fails = any(name == f"model {TASK}" for name in failed)
    assert (steps["attempt"].need.what == "not tried: mend the rows above first") == task_fails


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        (
            {"fault": "rate_limited", "retry_after_s": 0.01, "tool": "report_word", "model": STRONG},
            {ASKED[1]: 7},
        ),
        ({"fault": "overloaded", "tool": "bash"}, {"attempt": 5}),
        ({"fault": "refusal", "tool": "report_word", "model": TASK}, {ASKED[0]: 5, ASKED[2]: 5}),
    ],
    ids=["a rate limit", "an outage in the attempt", "a refusal"],
)
def test_a_provider_that_fails_is_told_from_one_that_works(
    fault: dict[str, Any], failed: dict[str, int], tmp_path: Path
) -> None:
    steps, _ = walked(tmp_path, {**fault, "tries": 99})
    assert failing(steps) == failed


def test_without_a_price_a_model_is_not_asked_and_no_cache_is_a_warning(tmp_path: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text(
        f"checked: 2026-11-22\nmodels:\n  {TASK}:\n    - {{since: 2026-01-01, input: 1, output: 5, source: made up}}\n"
    )
    steps, asked = walked(tmp_path, model=NO_CACHE, prices=str(prices))
    assert failing(steps) == {f"price {STRONG}": 2}
    assert {request.body["model"] for request in asked} == {TASK}
    assert steps[f"cache {TASK}"].need.state == "warns"
    assert steps["attempt"].need.state == "ok"


def test_a_trace_that_lost_something_fails() -> None:
    recorder = MemoryRecorder()
    for kind in (EventKind.ATTEMPT_START, EventKind.MODEL, EventKind.VERIFIER, EventKind.ATTEMPT_END):
        usage = TokenUsage(10, 5) if kind is EventKind.MODEL else None
        recorder.emit(kind, usage=usage)
    spec = AttemptSpec("live", "c000", "h", "t", "train", 0, Purpose.SMOKE)
    result = AttemptResult(spec, AttemptStatus.SCORED, 1.0, None, "", TokenUsage(10, 5), 0.1, 0, 1.0, 1)
    assert traced(recorder.events, result).state == "ok"
    assert "lacks verifier" in traced([recorder.events[0], *recorder.events[1:2], recorder.events[3]], result).what
    lost = replace(result, usage=TokenUsage(20, 5))
    assert "holds 15 tokens, not 25" in traced(recorder.events, lost).what


@pytest.mark.parametrize(
    ("sandbox", "key", "code", "walks"),
    [
        ({"kind": "process", "allow_unsafe": True}, "right", 0, True),
        ({"kind": "process", "allow_unsafe": True}, "wrong", 4, True),
        ({"kind": "docker"}, "right", 6, False),
    ],
    ids=["all works", "a wrong key", "a broken sandbox"],
)
def test_the_command_walks_prints_and_ends_with_the_code_of_the_first_failure(
    sandbox: dict[str, Any], key: str, code: int, walks: bool, tmp_path: Path
) -> None:
    with LoopbackServer(SIMULATED, key="right") as server:
        file = run_file(tmp_path, server.base_url, sandbox=sandbox)
        words = ["doctor", str(file), "--live", "--json", "--runs-dir", str(tmp_path / "runs")]
        env = {**os.environ, KEY: key, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
        done = subprocess.run(
            [sys.executable, "-m", "optimizer", *words],
            capture_output=True,
            text=True,
            check=False,
            env=env,
            timeout=120,
        )
    assert done.returncode == code, done.stdout + done.stderr
    data = json.loads(done.stdout)["data"]
    assert bool(data["live"]) == walks
    assert (data["cost_usd"] > 0) == (code == 0)
