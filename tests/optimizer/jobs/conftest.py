"""Harbor jobs as Harbor leaves them, made by hand; and the command line on a copy of the finished run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from optimizer.cli.main import main

Json = dict[str, Any]  # Any: JSON


class Said(NamedTuple):
    """Hold how a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Json:
        return dict(json.loads(self.out)["data"])


@dataclass
class HarborJob:
    """Write trials into a job folder, in the shape that Harbor gives them."""

    path: Path
    count: int = 0

    def trial(
        self,
        task: str,
        reward: float | None = 1.0,
        *,
        error: str | None = None,
        says: str | None = "I look first.",
        agent: str = "claude-code",
        **more: Any,  # Any: fields of a result
    ) -> Path:
        self.count += 1
        name = f"{task.rpartition('/')[2][:32]}__{self.count:07d}"
        folder = self.path / name
        result: Json = {
            "id": f"00000000-0000-0000-0000-{self.count:012d}",
            "task_name": task,
            "trial_name": name,
            "trial_uri": f"file:///elsewhere/{name}",
            "task_id": {"path": f"tasks/{task}"},
            "source": None,
            "task_checksum": "c0ffee",
            "config": {"task": {"path": task}},
            "agent_info": {
                "name": agent,
                "version": "2.0.1",
                "model_info": {"name": "claude-opus-5-5", "provider": "anthropic"},
            },
            "agent_result": {"n_input_tokens": 900, "n_cache_tokens": 500, "n_output_tokens": 100, "cost_usd": 0.25},
            "verifier_result": None if reward is None else {"rewards": {"reward": reward}},
            "verifier_environment_mode": "shared",
            "exception_info": _error(error),
            "started_at": "2026-11-20T07:30:00.000000",
            "finished_at": "2026-11-20T07:32:30.500000Z",
            "a_field_of_next_year": {"anything": 1},
            **more,
        }
        write(folder / "result.json", result)
        write(folder / "config.json", {"task": {"path": task}})
        write(folder / "verifier" / "test-stdout.txt", "2 passed\n")
        if says is not None:
            write(folder / "agent" / "trajectory.json", trajectory(says))
        return folder


def _error(kind: str | None) -> Json | None:
    if kind is None:
        return None
    return {
        "exception_type": kind,
        "exception_message": "as it said",
        "exception_traceback": "Traceback",
        "occurred_at": "2026-11-20T07:32:00",
    }


def trajectory(says: str) -> Json:
    step: Json = {"timestamp": "2026-11-20T07:31:00Z"}
    call = {"tool_call_id": "t1", "function_name": "bash", "arguments": {"command": "ls"}}
    return {
        "schema_version": "ATIF-v1.6",
        "session_id": "s1",
        "agent": {"name": "claude-code", "version": "2.0.1", "model_name": "claude-opus-5-5"},
        "steps": [
            {"step_id": 1, "source": "user", "message": "Do the work.", **step},
            {
                "step_id": 2,
                "source": "agent",
                "message": says,
                "tool_calls": [call],
                "observation": {"results": [{"source_call_id": "t1", "content": "a.csv"}]},
                "metrics": {"prompt_tokens": 900, "cached_tokens": 500, "completion_tokens": 100, "cost_usd": 0.25},
                **step,
            },
        ],
    }


def write(path: Path, content: Mapping[str, Any] | str) -> None:  # Any: JSON
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.fixture
def job(tmp_path: Path) -> HarborJob:
    """Give an empty job, `jobs/night`."""
    made = HarborJob(tmp_path / "jobs" / "night")
    write(made.path / "config.json", {"job_name": "night"})
    write(made.path / "result.json", {"id": "j", "n_total_trials": 0, "stats": {}})
    return made


@pytest.fixture
def runs(finished_run: tuple[Path, str], tmp_path: Path) -> Path:
    """Give a folder of runs with the finished run in it, to write into."""
    return Path(shutil.copytree(finished_run[0], tmp_path / "runs"))


@pytest.fixture
def ratchet(runs: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Give a function that runs `ratchet WORDS...` in these runs."""

    def run(*words: object) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words), "--runs-dir", str(runs)])
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run
