"""`ratchet simulate serve`: any client of the Messages API is led to it by what it prints."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import pytest
import yaml

from optimizer.cli.main import main
from optimizer.facts import read_facts
from optimizer.run_folder import RunFolder

ROOT = Path(__file__).parents[3]


@contextmanager
def served(*words: str) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """Run the command; gives what it says of itself, and the process."""
    command = [sys.executable, "-m", "optimizer", "simulate", "serve", *words, "--json", "--compact"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("ANTHROPIC_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout is not None
            yield dict(json.loads(process.stdout.readline())["data"]), process
        finally:
            process.kill()


def test_a_client_of_its_own_streams_from_it_meets_the_scripted_faults_and_ctrl_c_is_the_end(tmp_path: Path) -> None:
    faults = tmp_path / "faults.yaml"
    faults.write_text("faults:\n  - {fault: overloaded}\n  - {fault: refusal, turn: 2, tries: 2}\n")
    with served(str(ROOT / "tests/finished.yaml"), "--faults", str(faults), "--key", "mine") as (told, process):
        assert told["env"] == {"ANTHROPIC_BASE_URL": told["base_url"], "ANTHROPIC_API_KEY": "mine"}
        with anthropic.Anthropic(api_key="mine", base_url=told["base_url"]) as client:
            bash: Any = {"name": "bash", "description": "Run.", "input_schema": {"type": "object"}}
            said: list[Any] = [{"role": "user", "content": "<task>unknown</task>"}]
            with client.messages.stream(model="any", max_tokens=99, messages=said, tools=[bash]) as stream:
                first = stream.get_final_message()
            said += [{"role": "assistant", "content": "Hm."}, {"role": "user", "content": "Go on."}]
            second = client.messages.create(model="any", max_tokens=99, messages=said, tools=[bash])
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert [block.model_dump()["text"] for block in first.content] == ["I do not see how to do this task."]
    assert second.stop_reason == "refusal"
    assert process.returncode == 0
    assert errors == "4 requests; faults: overloaded 2, refusal 1\n"


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--faults", "none.yaml"), 3, "no file of faults 'none.yaml'"),
        (("none-such.yaml",), 3, "none-such.yaml"),
        (("--port", "70000"), 2, "less than or equal to 65535"),
    ],
    ids=["no faults", "no run file", "no port"],
)
def test_what_cannot_be_served_is_said_at_once(
    words: tuple[str, ...], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "serve", *words])
    assert ended.value.code == code
    assert says in capsys.readouterr().err


def test_a_port_that_is_taken_is_said_with_a_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as ended:
        main(["simulate", "serve", str(ROOT / "tests/finished.yaml"), "--port", str(taken.getsockname()[1])])
    assert ended.value.code == 2
    assert "take `--port 0`" in capsys.readouterr().err


@pytest.mark.slow
def test_a_night_against_it_is_labelled_simulated_though_its_models_have_other_names(tmp_path: Path) -> None:
    night = yaml.safe_load((ROOT / "tests/finished.yaml").read_text())
    with served(str(ROOT / "tests/finished.yaml")) as (told, _):
        role = {"model": "claude-haiku-5-5", "base_url": told["base_url"]}
        paths = {"harness": str(ROOT / "configs/harnesses/bash-only"), "prices": str(ROOT / "configs/prices.yaml")}
        night |= {**paths, "models": dict.fromkeys(("task", "proposer", "reflector"), role)}
        night |= {"simulated": {}, "stop": {"iterations": 1, "budget_usd": 20}}
        night |= {"splits": {"train": 3, "heldout": 6, "test": 3}, "sandbox": {"kind": "process", "allow_unsafe": True}}
        night["gate"] |= {"min_tasks": 5, "stages": [1], "futility": [], "pool_min": 1}
        night["replicates"] = dict.fromkeys(("preflight", "baseline", "screen", "certify"), 1)
        (tmp_path / "night.yaml").write_text(json.dumps(night))
        command = [sys.executable, "-m", "optimizer", "run", "night.yaml", "--yes"]
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | told["env"], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    (folder,) = tmp_path.glob("runs/run-*")
    banner = "SIMULATED MODEL: every score and gain below comes from a seeded stand-in"
    report = (folder / "report.md").read_text()
    assert banner in report
    assert re.search("the simulated model answers, under other models' names, for: .*proposer.*reflector.*task", report)
    assert "no number here is about any real model" in report
    assert "SIMULATED MODEL" in (folder / "report.html").read_text()
    facts = read_facts(RunFolder(folder))
    assert facts.simulated
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert next(event for event in events if event["kind"] == "started")["data"]["simulated"] is True
