"""The simulated model: one callable that answers the Messages API for every role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.simulated import advisor, agent, analyst, checker, chooser, looker, proposer, reflector, reviewer
from benchmarks.simulated.conversation import Conversation, Turn, parse, render
from benchmarks.simulated.library import HasTasks, Library
from benchmarks.simulated.settings import SimulatedSettings
from task_agent.models.base import WireReply, WireRequest

Json = Mapping[str, Any]  # Any: JSON of the Messages API


class SimulatedModel:
    """Answer the Messages API as a pure function of the request.

    The tools offered tell the role; a planner and a sub-agent are known by what they are asked. The only
    randomness is the request's `metadata.user_id`; what is kept between calls are caches of pure functions.
    Safe to copy to other processes.
    """

    def __init__(self, suite: HasTasks, settings: SimulatedSettings | None = None) -> None:
        """Know the suite's tasks, with their reference solutions and slips."""
        self._library = Library(suite, settings or SimulatedSettings())

    def __call__(self, request: WireRequest, /) -> WireReply:
        """Answer one request."""
        body = request.body
        if request.path.rstrip("/").endswith("/messages/count_tokens"):
            return WireReply(200, {"input_tokens": len(str(body)) // 4 + 1})
        if not request.path.rstrip("/").endswith("/messages"):
            return _refuse(404, "not_found_error", f"there is no {request.path!r} here")
        if body.get("stream"):
            return _refuse(400, "invalid_request_error", "the simulated model does not stream")
        if not isinstance(body.get("messages"), list | tuple) or not body["messages"]:
            return _refuse(400, "invalid_request_error", "`messages` must be a list with at least one message")
        conversation = parse(body)
        return WireReply(200, render(conversation, self._turn(conversation)))

    def _turn(self, conversation: Conversation) -> Turn:
        offered = conversation.tool_names
        if "submit_change" in offered:
            return proposer.reply(conversation, self._library.settings)
        if "report_reflection" in offered:
            return reflector.reply(conversation, self._library)
        if "report_review" in offered:
            return reviewer.reply(conversation, self._library.settings)
        if "report_digest" in offered:
            return analyst.reply(conversation)
        if "report_check" in offered:
            return checker.reply(conversation, self._library)
        if "report_choice" in offered:
            return chooser.reply(conversation, self._library)
        if "report_word" in offered:
            return looker.reply(conversation)
        if advisor.is_asked(conversation):
            return advisor.reply(conversation, self._library)
        return agent.reply(conversation, self._library)


def _refuse(status: int, kind: str, message: str) -> WireReply:
    return WireReply(status, {"type": "error", "error": {"type": kind, "message": message}})
