"""What the simulated proposer does in a shell where it is offered one: it reads traces and writes files there."""

from __future__ import annotations

import posixpath
import shlex

from benchmarks.simulated.conversation import Call, ToolCall
from traces.texts import text_path

_READS = "cat traces/text/"
_SAYS = "# "


def in_shell(call: Call) -> Call:
    """Word a call of `read_trace` or `edit_file` as a command; any other stays as it is."""
    if call.tool == "read_trace":
        attempt = str(call.input["attempt"])
        return Call("bash", {"command": f"{_READS}{shlex.quote(text_path(attempt))} {_SAYS}{attempt}"})
    if call.tool != "edit_file":
        return call
    path, text = f"harness/{call.input['path']}", str(call.input["new"])
    if not text:
        return Call("bash", {"command": f"rm -f {shlex.quote(path)}"})
    folder = shlex.quote(posixpath.dirname(path))
    return Call("bash", {"command": f"mkdir -p {folder} && printf %s {shlex.quote(text)} > {shlex.quote(path)}"})


def attempt_shown(call: ToolCall) -> str:
    """Name the attempt whose trace a command showed; empty for any other call."""
    command = str(call.input.get("command", "")) if call.name == "bash" else ""
    return command.partition(_SAYS)[2] if command.startswith(_READS) else ""
