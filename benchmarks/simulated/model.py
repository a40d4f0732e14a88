"""The simulated model: one callable that answers the Messages API for every role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.simulated import advisor, agent, analyst, checker, chooser, looker, proposer, reflector, reviewer
from benchmarks.simulated.conversation import Conversation, Turn, parse, problem, render
from benchmarks.simulated.library import HasTasks, Library
from benchmarks.simulated.roles import role_of
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
        if wrong := problem(body):
            return _refuse(400, "invalid_request_error", wrong)
        conversation = parse(body)
        return WireReply(200, render(conversation, self._turn(conversation)))

    def _turn(self, conversation: Conversation) -> Turn:
        library = self._library
        match role_of(conversation):
            case "proposer":
                return proposer.reply(conversation, library.settings)
            case "reflector":
                return reflector.reply(conversation, library)
            case "reviewer":
                return reviewer.reply(conversation, library.settings)
            case "analyst":
                return analyst.reply(conversation)
            case "verifier":
                return checker.reply(conversation, library)
            case "chooser":
                return chooser.reply(conversation, library)
            case "probe":
                return looker.reply(conversation)
            case "planner" | "sub_agent":
                return advisor.reply(conversation, library)
            case "task":
                return agent.reply(conversation, library)


def _refuse(status: int, kind: str, message: str) -> WireReply:
    return WireReply(status, {"type": "error", "error": {"type": kind, "message": message}})
