from __future__ import annotations

import socket

import pytest

from task_agent.models import ScriptedWire
from task_agent.models.loopback import LoopbackServer
from task_agent.models.mark import HEADER, is_simulated
from task_agent.models.scripted import wire_message


@pytest.mark.parametrize(("headers", "marked"), [({HEADER: "1"}, True), ({}, False)])
@pytest.mark.parametrize("key", [None, "another"])
def test_only_a_server_that_says_so_is_simulated(headers: dict[str, str], marked: bool, key: str | None) -> None:
    with LoopbackServer(ScriptedWire(wire_message()), headers=headers, key=key) as server:
        assert is_simulated(server.base_url) is marked
        assert is_simulated(f"{server.base_url}/") is marked


@pytest.mark.parametrize(
    "address", ["https://api.example.invalid", "http://api.example.invalid", "nonsense", "http://127.0.0.1:x"]
)
def test_no_other_machine_is_asked(address: str) -> None:
    assert not is_simulated(address)


def test_a_server_that_does_not_answer_is_taken_for_a_provider() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    assert not is_simulated(f"http://127.0.0.1:{port}")
