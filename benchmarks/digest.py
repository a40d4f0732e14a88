"""The content hash of a task: equal tasks have equal digests, however they are stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from benchmarks.task import Task
from task_agent.sandbox.base import Program, SandboxSpec


def _file_hashes(files: Mapping[str, bytes] | None) -> dict[str, str] | None:
    if files is None:
        return None
    return {name: _file_hash(files[name]) for name in sorted(files)}


def _file_hash(content: bytes) -> str:
    """Hash a file; one that is executable by its mode alone has another hash than the same bytes without it."""
    mark = "program " if isinstance(content, Program) and not content.startswith(b"#!") else ""
    return mark + hashlib.sha256(content).hexdigest()


def _place(place: SandboxSpec) -> dict[str, object]:
    rare: dict[str, object] = {
        "verifier_network": place.verifier_network,
        "user": place.user,
        "verifier_user": place.verifier_user,
        "keep_processes": place.keep_processes or None,
        "root_powers": place.root_powers or None,
        "system_changes": place.system_changes or None,
        "apart": place.apart or None,
    }
    return {
        "workdir": place.workdir,
        "files": _file_hashes(place.files),
        "env": dict(place.env),
        "image": place.image,
        "build_context": _file_hashes(place.build_context),
        "network": place.network,
        "limits": [place.memory_mb, place.cpus, place.pids, place.disk_mb, place.output_limit_bytes],
    } | {name: value for name, value in rare.items() if value is not None}


def _given(task: Task) -> dict[str, object]:
    """List what only some tasks have; others keep the hashes they had before there was such a thing."""
    rare: dict[str, object] = {
        "steps": [[task_digest(step.task), _file_hashes(step.files), dict(step.min_reward)] for step in task.steps],
        "step_reward": task.step_reward if task.steps else None,
        "healthcheck": task.healthcheck,
        "artifacts": task.artifacts,
        "hooks": task.hooks,
        "verifier_place": task.verifier_place and _place(task.verifier_place),
        "reward_key": task.reward_key,
        "judge": task.judge and [task.judge.rubric, task.judge.model, dict(task.judge.row)],
    }
    return {name: value for name, value in rare.items() if value}


def task_digest(task: Task) -> str:
    """Hash everything of a task that can change an attempt or its grade, its id included."""
    content = {
        "id": task.id,
        "instruction": task.instruction,
        "environment": _place(task.environment),
        "tests": _file_hashes(task.tests),
        "solution": _file_hashes(task.solution),
        "category": task.category,
        "cluster": task.cluster,
        "timeouts": [task.agent_timeout_s, task.verifier_timeout_s],
        "verifier_env": dict(task.verifier_env),
        "solution_env": dict(task.solution_env),
        "metadata": dict(task.metadata),
        **_given(task),
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
