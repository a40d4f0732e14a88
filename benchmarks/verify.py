"""Grade finished work, and run reference solutions."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Callable, Mapping
from typing import TypeAlias

from benchmarks.task import Reward, Task
from task_agent.errors import TamperedError, VerifierBrokenError
from task_agent.sandbox.base import ExecResult, Sandbox, SandboxSpec, VerifyRun

SandboxFactory: TypeAlias = Callable[[SandboxSpec], Sandbox]

VERIFY_COMMAND = 'bash "${TESTS_DIR:-/tests}/test.sh"'
SOLUTION_FOLDER = "/solution"
OUTPUT_SHOWN = 4000
TESTS_KEPT = 500
_NOT_FOUND = 127


def _number(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise VerifierBrokenError(f"{name} holds {value!r}, which is not a number")
    if not math.isfinite(value):
        raise VerifierBrokenError(f"{name} holds {value!r}, which is not a finite number")
    return float(value)


def _reward(value: float, name: str) -> float:
    if not 0.0 <= value <= 1.0:
        raise VerifierBrokenError(f"{name} holds {value!r}, which is not between 0 and 1")
    return value


def _parse_json(content: bytes, key: str | None) -> tuple[float, dict[str, float]]:
    """Read one number, or several of which `key`, `reward` or the only one counts."""
    try:
        found = json.loads(content)
    except ValueError as problem:
        raise VerifierBrokenError(f"reward.json is not JSON: {problem}") from problem
    if not isinstance(found, dict):
        return _reward(_number(found, "reward.json"), "reward.json"), {}
    parts = {str(name): _number(value, f"`{name}` of reward.json") for name, value in found.items()}
    only = next(iter(parts)) if len(parts) == 1 else None
    wanted = key or ("reward" if "reward" in parts else only)
    if wanted not in parts:
        missing = f"none of it is `{key or 'reward'}`"
        advice = "" if key else "; name the one that counts under `reward_key`"
        raise VerifierBrokenError(f"reward.json names {', '.join(parts) or 'nothing'}, and {missing}{advice}")
    return _reward(parts[wanted], f"`{wanted}` of reward.json"), parts


def _parse_text(content: bytes) -> float:
    text = content.decode("utf-8", "replace").strip()
    if not text:
        raise VerifierBrokenError("reward.txt is empty")
    try:
        value = float(text)
    except ValueError as problem:
        raise VerifierBrokenError(f"reward.txt holds {text[:80]!r}, which is not a number") from problem
    return _reward(_number(value, "reward.txt"), "reward.txt")


def _tests(content: bytes | None) -> dict[str, str]:
    """Read each test's status from a ctrf.json; it is detail for people, so a bad one is left out."""
    try:
        found = json.loads(content or b"{}")["results"]["tests"][:TESTS_KEPT]
        return {str(test["name"]): str(test["status"]) for test in found}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def read_reward(run: VerifyRun, key: str | None = None) -> Reward:
    """Read the reward a verifier left: `reward.json`, and only without it `reward.txt`.

    Args:
        run: The verifier's run.
        key: The reward that counts where reward.json names several.

    Raises:
        VerifierBrokenError: It ran out of time, or left no single number between 0 and 1.
    """
    if run.result.timed_out:
        raise VerifierBrokenError(f"the verifier ran out of time after {run.result.duration_s:.0f} s")
    shown, tests = run.result.output[-OUTPUT_SHOWN:], _tests(run.logs.get("ctrf.json"))
    if "reward.json" in run.logs:
        value, parts = _parse_json(run.logs["reward.json"], key)
        return Reward(value, shown, parts, tests)
    if "reward.txt" in run.logs:
        return Reward(_parse_text(run.logs["reward.txt"]), shown, tests=tests)
    if run.result.exit_code == _NOT_FOUND and "bash" in shown:
        raise VerifierBrokenError("there is no `bash` in the sandbox, and test.sh is run with it")
    raise VerifierBrokenError(f"the verifier left neither reward.json nor reward.txt; it printed {shown[-300:]!r}")


async def grade(task: Task, sandbox: Sandbox) -> Reward:
    """End the agent's phase and grade what it left; the verifier's exit code does not matter.

    Raises:
        VerifierBrokenError: No valid reward came of it.
        TamperedError: The agent changed what it would have been graded with.
        SandboxLostError: The sandbox died.
    """
    env = dict(task.verifier_env)
    run = await sandbox.verify(task.tests, VERIFY_COMMAND, timeout_s=task.verifier_timeout_s, env=env)
    if run.tampered:
        raise TamperedError(f"not graded, since the agent changed it: {', '.join(run.tampered)}")
    return read_reward(run, task.reward_key)


def _assignments(env: Mapping[str, str]) -> str:
    return " ".join(f"{name}={shlex.quote(value)}" for name, value in env.items())


async def run_solution(task: Task, sandbox: Sandbox, script: str = "solve.sh") -> ExecResult:
    """Put the reference solution in place and run one script of it from the work directory."""
    await sandbox.put(task.solution, SOLUTION_FOLDER)
    path = shlex.quote(f"{sandbox.path(SOLUTION_FOLDER)}/{script}")
    env = _assignments({"DEBIAN_FRONTEND": "noninteractive", **task.solution_env})
    return await sandbox.exec(f"env {env} bash {path}", timeout_s=task.agent_timeout_s)
