"""A whole message as the server-sent events that a streaming client of the Messages API expects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]  # Any: JSON of the Messages API
_EMPTY: Mapping[str, Json] = {"text": {"text": ""}, "tool_use": {"input": {}}}
PIECE = 48
"""Characters in one delta."""


def events(message: Json) -> bytes:
    """Render a message as its stream of events."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
        for event in _events(message)
    )


def _events(message: Json) -> Iterator[Json]:
    usage = dict(message["usage"])
    opening: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": {**usage, "output_tokens": 1}}
    yield {"type": "message_start", "message": {**message, **opening}}
    yield {"type": "ping"}
    for index, block in enumerate(message["content"]):
        yield from _block(index, block)
    ending = {key: message.get(key) for key in ("stop_reason", "stop_sequence", "stop_details") if key in message}
    yield {"type": "message_delta", "delta": ending, "usage": {"output_tokens": usage["output_tokens"]}}
    yield {"type": "message_stop"}


def _block(index: int, block: Json) -> Iterator[Json]:
    empty = _EMPTY.get(block["type"], {})
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **empty}}
    for delta in _deltas(block):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _deltas(block: Json) -> Iterator[Json]:
    """Cut a block's text or input into pieces; a block of any other type stands whole in its start."""
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in _pieces(block["text"]))
    elif block["type"] == "tool_use":
        given = json.dumps(block["input"], ensure_ascii=False)
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in _pieces(given))


def _pieces(text: str) -> Iterator[str]:
    return (text[at : at + PIECE] for at in range(0, len(text), PIECE))
