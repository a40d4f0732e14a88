"""Faults on a real socket, through the real SDK: each ends as its own error."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from task_agent.errors import OutOfTimeError, ProviderRateLimitedError, ProviderUnavailableError
from task_agent.models import Message, ModelRequest, PriceTable, ScriptedWire, ToolSchema
from task_agent.models.anthropic_client import AnthropicClient
from task_agent.models.loopback import Asked, Fault, LoopbackServer
from task_agent.models.scripted import wire_message
from traces.errors import CredentialsError, RatchetError

PRICES = PriceTable.load(Path(__file__).parents[3] / "configs" / "prices.yaml")
BASH = ToolSchema("bash", "Run a command", {"type": "object"})
Serve = Callable[..., tuple[LoopbackServer, AnthropicClient]]


def ask(timeout_s: float = 20) -> ModelRequest:
    hi = Message("user", [{"type": "text", "text": "hi"}])
    return ModelRequest(model="simulated", system="s", messages=[hi], tools=[BASH], timeout_s=timeout_s)


@contextmanager
def answering(content: bytes) -> Iterator[str]:
    """Serve these bytes as the answer to whatever is posted."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    opened: list[tuple[LoopbackServer, AnthropicClient]] = []

    def start(
        *faults: Fault | None, retries: int = 0, key: str | None = None
    ) -> tuple[LoopbackServer, AnthropicClient]:
        server = LoopbackServer(ScriptedWire(wire_message({"type": "text", "text": "hello"})), faults=faults, key=key)
        client = AnthropicClient(prices=PRICES, api_key="k", base_url=server.base_url, max_retries=retries)
        opened.append((server, client))
        return opened[-1]

    yield start
    for server, client in opened:
        await client.close()
        server.close()
        server.close()


def user(text: str) -> Message:
    return Message("user", [{"type": "text", "text": text}])


@pytest.mark.parametrize("in_process", [True, False])
async def test_half_a_surrogate_pair_in_an_answer_does_not_break_the_next_request(in_process: bool) -> None:
    text = {"type": "text", "text": "cut \ud83d here"}
    calls = {"type": "tool_use", "id": "t1", "name": "bash", "input": {"command": "echo \ud83d", "\udc00": ["\udfff"]}}
    wire = ScriptedWire(wire_message(text, calls, stop_reason="tool_use"))
    with LoopbackServer(wire) as server:
        where: dict[str, Any] = {"wire": wire} if in_process else {"base_url": server.base_url, "api_key": "k"}
        client = AnthropicClient(prices=PRICES, max_retries=0, **where)
        reply = await client.create(ask())
        again = await client.create(
            replace(ask(), messages=[user("hi"), Message("assistant", reply.content), user("on")])
        )
        await client.close()
    assert (reply.text, again.text) == ("cut \ufffd here",) * 2
    assert reply.tool_calls[0]["input"] == {"command": "echo \ufffd", "\ufffd": ["\ufffd"]}
    assert wire.requests[1].body["messages"][1]["content"] == list(reply.content)


@pytest.mark.parametrize("deep", [300, 100_000])
async def test_an_answer_that_is_nested_too_deeply_is_an_answer_or_garbled_and_never_a_crash(deep: int) -> None:
    nested = "[" * deep + "]" * deep
    call = f'{{"type": "tool_use", "id": "t1", "name": "bash", "input": {{"deep": {nested}}}}}'
    body = f'{{"content": [{call}], "stop_reason": "tool_use", "usage": {{"input_tokens": 1, "output_tokens": 1}}}}'
    with answering(body.encode()) as url:
        client = AnthropicClient(prices=PRICES, api_key="k", base_url=url, max_retries=0)
        if deep == 300:
            assert (await client.create(ask())).tool_calls[0]["name"] == "bash"
        else:
            with pytest.raises(ProviderUnavailableError, match="nested too deeply"):
                await client.create(ask())
        await client.close()


async def test_a_real_socket_gives_the_same_reply_as_the_in_process_transport(serve: Serve) -> None:
    server, over_socket = serve()
    in_process = AnthropicClient(prices=PRICES, wire=ScriptedWire(wire_message({"type": "text", "text": "hello"})))
    far, near = await over_socket.create(ask()), await in_process.create(ask())
    await in_process.close()
    assert (far.content, far.usage, far.cost_usd, far.raw_usage) == (
        near.content,
        near.usage,
        near.cost_usd,
        near.raw_usage,
    )
    assert server.requests[0].body["system"][0]["text"] == "s"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.rate_limited(retry_after_ms=1), ProviderRateLimitedError),
        (Fault.overloaded(), ProviderUnavailableError),
        (Fault.server_error(), ProviderUnavailableError),
        (Fault.disconnect(), ProviderUnavailableError),
        (Fault.truncated(), ProviderUnavailableError),
        (Fault.garbled(), ProviderUnavailableError),
    ],
    ids=["429", "529", "500", "disconnect", "truncated", "garbled"],
)
async def test_every_fault_has_its_error(serve: Serve, fault: Fault, expected: type[RatchetError]) -> None:
    _, client = serve(fault)
    with pytest.raises(expected):
        await client.create(ask())
    assert (await client.create(ask())).text == "hello"


@pytest.mark.parametrize("fault", [Fault.rate_limited(retry_after_ms=5), Fault.truncated()], ids=["429", "truncated"])
async def test_a_passing_fault_is_retried_unnoticed(serve: Serve, fault: Fault) -> None:
    server, client = serve(fault, retries=1)
    assert (await client.create(ask())).text == "hello"
    assert len(server.requests) == 2


async def test_a_slow_answer_runs_out_of_time_and_is_not_asked_again(serve: Serve) -> None:
    server, client = serve(Fault.slow(30), retries=2)
    started = time.monotonic()
    with pytest.raises(OutOfTimeError, match=r"within 0\.2 s"):
        await client.create(ask(timeout_s=0.2))
    assert time.monotonic() - started < 5
    assert len(server.requests) == 1


async def test_endless_retry_after_is_cut_at_the_request_s_time(serve: Serve) -> None:
    _, client = serve(Fault.rate_limited(retry_after_s=3600), retries=2)
    with pytest.raises(ProviderRateLimitedError, match="status 429"):
        await client.create(ask(timeout_s=0.2))


async def test_a_refused_key_is_a_credentials_error(serve: Serve) -> None:
    _, client = serve(key="another")
    with pytest.raises(CredentialsError, match="refused the key"):
        await client.create(ask())


async def test_no_server_is_an_unavailable_provider(serve: Serve) -> None:
    server, client = serve()
    server.close()
    with pytest.raises(ProviderUnavailableError, match=r"127\.0\.0\.1"):
        await client.create(ask())


async def test_many_calls_share_one_client(serve: Serve) -> None:
    server, client = serve(*[Fault.rate_limited(retry_after_ms=1)] * 3, retries=5)
    replies = await asyncio.gather(*(client.create(ask()) for _ in range(30)))
    assert {reply.text for reply in replies} == {"hello"}
    assert len(server.requests) == 33


def test_any_client_can_talk_to_it() -> None:
    with LoopbackServer(ScriptedWire(wire_message({"type": "text", "text": "hello"}))) as server:
        request = urllib.request.Request(f"{server.base_url}/v1/messages", data=json.dumps({"model": "m"}).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert json.load(answer)["content"][0]["text"] == "hello"


# Any client: streams, token counts, models ----------------------------------------------------------

CALL = {"type": "tool_use", "id": "toolu_1", "name": "bash", "input": {"command": "echo " + "x" * 200}}
HALF = json.dumps(CALL["input"])[: len(json.dumps(CALL["input"])) // 2]
ANSWER = wire_message({"type": "text", "text": "first " * 30}, CALL, stop_reason="tool_use")


@contextmanager
def client_of(*faults: Fault | None, retries: int = 0, **more: Any) -> Iterator[anthropic.Anthropic]:
    with (
        LoopbackServer(ScriptedWire(ANSWER), faults=faults, **more) as server,
        anthropic.Anthropic(api_key="k", base_url=server.base_url, max_retries=retries) as client,
    ):
        yield client


def streamed(client: anthropic.Anthropic) -> anthropic.types.Message:
    with client.messages.stream(
        model="simulated", max_tokens=99, messages=[{"role": "user", "content": "hi"}]
    ) as stream:
        return stream.get_final_message()


def test_a_streaming_client_puts_together_the_very_message_that_a_plain_one_gets() -> None:
    with client_of() as client:
        whole = client.messages.create(model="simulated", max_tokens=99, messages=[{"role": "user", "content": "hi"}])
        pieces = streamed(client)
    keys = {"id", "content", "stop_reason", "usage", "model", "role"}
    assert pieces.model_dump(include=keys) == whole.model_dump(include=keys)
    assert pieces.content[1].model_dump()["input"] == CALL["input"]


@pytest.mark.parametrize("fault", [Fault.truncated(), Fault.disconnect()], ids=["truncated", "disconnect"])
def test_a_broken_stream_is_seen_by_its_client(fault: Fault) -> None:
    with client_of(fault) as client:
        with pytest.raises((anthropic.APIConnectionError, httpx2.RemoteProtocolError)):
            streamed(client)
        assert streamed(client).stop_reason == "tool_use"


def test_models_are_listed_found_and_refused_and_tokens_counted() -> None:
    with client_of(models=("claude-a", "claude-b")) as client:
        assert [model.id for model in client.models.list()] == ["claude-a", "claude-b"]
        assert client.models.retrieve("claude-b").id == "claude-b"
        with pytest.raises(anthropic.NotFoundError, match="model: claude-c"):
            client.models.retrieve("claude-c")
        with pytest.raises(anthropic.NotFoundError, match="model: simulated"):
            streamed(client)


def test_a_key_in_either_header_is_let_in_and_any_other_is_not() -> None:
    with LoopbackServer(ScriptedWire(ANSWER), key="right") as server:
        for mine, works in (({"api_key": "right"}, True), ({"auth_token": "right"}, True), ({"api_key": "no"}, False)):
            with anthropic.Anthropic(**mine, base_url=server.base_url, max_retries=0) as client:
                if works:
                    assert client.models.list().data
                else:
                    with pytest.raises(anthropic.AuthenticationError):
                        client.models.list()


@pytest.mark.parametrize(
    ("fault", "stop", "content"),
    [
        (Fault.refusal(), "refusal", []),
        (Fault.cut_off(), "max_tokens", [None, {}]),
        (Fault.context_full(), "model_context_window_exceeded", [None]),
        (
            Fault.malformed_input(),
            "tool_use",
            [None, {"INVALID_JSON": HALF}],
        ),
    ],
    ids=["refusal", "cut off", "context full", "malformed"],
)
def test_a_fault_of_the_answer_stops_it_as_its_name_says(fault: Fault, stop: str, content: list[object]) -> None:
    with client_of(fault) as client:
        answer = client.messages.create(model="simulated", max_tokens=99, messages=[{"role": "user", "content": "hi"}])
    assert answer.stop_reason == stop
    assert [block.input if block.type == "tool_use" else None for block in answer.content] == content


def test_what_a_client_says_of_its_tries_is_believed_and_else_they_are_counted() -> None:
    seen: list[tuple[int, int]] = []

    def script(asked: Asked) -> Fault | None:
        seen.append((asked.number, asked.tries))
        return Fault.overloaded() if asked.tries == 0 else None

    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    with LoopbackServer(ScriptedWire(ANSWER), script=script) as server:
        with anthropic.Anthropic(api_key="k", base_url=server.base_url, max_retries=1) as client:
            assert streamed(client).stop_reason == "tool_use"
        plain = urllib.request.Request(f"{server.base_url}/v1/messages", data=body)
        with pytest.raises(urllib.error.HTTPError, match="529"):
            urllib.request.urlopen(plain)
        assert urllib.request.urlopen(plain).status == 200
    assert seen == [(1, 0), (2, 1), (3, 0), (4, 1)]
