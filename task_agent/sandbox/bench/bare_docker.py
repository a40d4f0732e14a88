"""The bare loop over the engine's SDK: no limits of time or output, no shell that lasts, no clean-up after a fault."""

from __future__ import annotations

from task_agent.sandbox._container import DEFAULT_IMAGE
from task_agent.sandbox._engine import engine
from task_agent.sandbox._tar import below, pack, unpack
from task_agent.sandbox.bench.work import COMMANDS, FILES, REWARD, TEST

_WAIT = ["/bin/sh", "-c", 'trap "" CHLD; while :; do read -r _ || sleep 60; done']


def attempt() -> bool:
    """Create, copy in, solve, copy the tests, grade, read the reward, remove; say whether it was earned."""
    api = engine()
    host = api.create_host_config(
        network_mode="none", cap_drop=["ALL"], security_opt=["no-new-privileges"], mem_limit="512m", pids_limit=128
    )
    made = api.create_container(DEFAULT_IMAGE, entrypoint=_WAIT, stdin_open=True, working_dir="/app", host_config=host)
    container = str(made["Id"])
    api.put_archive(container, "/", pack(below("/app", FILES), folders=["app", "app/notes", "logs", "logs/verifier"]))
    api.start(container)
    _run(container, "\n".join(COMMANDS))
    api.put_archive(container, "/", pack({"tests/test.sh": TEST}, folders=["tests"]))
    _run(container, "bash /tests/test.sh")
    chunks, _ = api.get_archive(container, "/logs/verifier")
    found = unpack(chunks, 1_000_000).files
    api.remove_container(container, force=True, v=True)
    return found.get("reward.txt") == REWARD


def _run(container: str, script: str) -> None:
    made = engine().exec_create(container, ["bash", "-c", script], workdir="/app")
    engine().exec_start(made["Id"])
