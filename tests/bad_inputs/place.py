"""What is wrong with the place of runs, or with the environment."""

from __future__ import annotations

from .bad import NAMED, Bad, swap

ROWS = [
    Bad(
        "a runs folder that is a file",
        ("prices.yaml", "--runs-dir"),
        words=(*NAMED, "--runs-dir", "prices.yaml"),
    ),
    Bad(
        "a runs folder below a file",
        ("prices.yaml/runs",),
        words=(*NAMED, "--runs-dir", "prices.yaml/runs"),
    ),
    Bad(
        "runs listed in a file",
        ("is a file, not a folder of runs",),
        words=("runs", "list", "--runs-dir", "prices.yaml"),
    ),
    Bad(
        "a variable that names a file",
        ("prices.yaml",),
        words=NAMED,
        env={"RATCHET_RUNS_DIR": "prices.yaml"},
    ),
    Bad(
        "a read-only place",
        ("/proc/ratchet",),
        words=NAMED,
        env={"RATCHET_RUNS_DIR": "/proc/ratchet"},
    ),
    Bad(
        "no docker engine",
        ("the docker sandbox does not work here", "ratchet doctor"),
        swap("sandbox: {kind: process}", "sandbox: {kind: docker}"),
        env={"DOCKER_HOST": "unix:///nowhere/docker.sock"},
        code=6,
    ),
    Bad(
        "no sandbox for a real model",
        ("the process sandbox isolates nothing", "allow_unsafe"),
        swap("task: {model: simulated}", "task: {model: claude-haiku-5-5}"),
        env={"ANTHROPIC_API_KEY": "not-a-key"},
        code=6,
    ),
]
