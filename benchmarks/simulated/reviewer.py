"""The simulated reviewer: looks for a second mechanism and an empty refutation, and errs as configured."""

from __future__ import annotations

import json
import re

from benchmarks.simulated.conversation import Call, Conversation, Turn
from benchmarks.simulated.draws import uniform
from benchmarks.simulated.settings import SimulatedSettings

_CONTRACT = re.compile(r"<contract>(.*?)</contract>", re.DOTALL)
_TOUCHED = re.compile(r"^(?:\+\+\+ b|--- a)/(\S+)", re.MULTILINE)


def reply(conversation: Conversation, settings: SimulatedSettings) -> Turn:
    """Say what a reviewer says next: one report."""
    if any(call.name == "report_review" for call in conversation.calls()):
        return Turn("That is my review.")
    asked = conversation.ask(0)
    single, refutable = len(mechanisms(asked)) < 2, _names_something(asked)
    sound = single and refutable
    rates = settings.reviewer
    pushes_back = uniform(conversation.user_id, "review") < (rates.false_alarm if sound else rates.detection)
    if not pushes_back:
        return Turn("", (_report(True, True),))
    return Turn("", (_report(single, refutable and not sound),))


def mechanisms(asked: str) -> set[str]:
    """Name the mechanisms a diff touches: the prompt, each tool or skill, the orchestration with its own prompts."""
    return {_mechanism(path) for path in _TOUCHED.findall(asked)}


def _mechanism(path: str) -> str:
    parts = path.split("/")
    if parts[0] in ("tools", "skills"):
        return "/".join(parts[:2])
    return "prompt" if path == "prompts/system.md" else "orchestration"


def _names_something(asked: str) -> bool:
    """Say whether what would refute the claim names a task that it should fix."""
    found = _CONTRACT.search(asked)
    try:
        contract = json.loads(found.group(1)) if found else {}
    except json.JSONDecodeError:
        return False
    return any(task in contract.get("refuted_by", "") for task in contract.get("predicted_fixes", ()))


def _report(single: bool, refutable: bool) -> Call:
    wanted = [] if single else ["Leave the second mechanism out: nobody would learn which of them worked."]
    wanted += [] if refutable else ["Name the tasks whose failing again would refute the claim."]
    return Call("report_review", {"one_mechanism": single, "refutable": refutable, "objection": " ".join(wanted)})
