"""How each agent of an attempt begins: its system prompt, its tools, and the first thing it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from task_agent.agent import AgentSetup, build_request, text_block
from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.errors import HarnessError
from task_agent.harness.pattern import PATTERNS
from task_agent.harness.yaml_source import nearest
from task_agent.models.base import Message, ModelRequest, ToolSchema
from task_agent.tools.bash import BASH
from task_agent.tools.edit_file import EDIT_FILE
from task_agent.tools.read_skill import READ_SKILL, skill_list
from task_agent.tools.report_check import REPORT_CHECK
from task_agent.tools.script import script_schema

BUILTIN_TOOLS: Mapping[str, ToolSchema] = {"bash": BASH, "edit_file": EDIT_FILE}

VERIFIER_PROMPT = """\
You check the result of someone else's work on a Linux machine, with the bash tool. Read the task, then look at what \
is there and test it against every requirement: existence, place, format, content. Work out what the result should be \
by your own means where you can. Do not change the result. Finish with report_check; name each problem so that it can \
be mended.
"""


@dataclass(frozen=True, slots=True)
class TaskView:
    """Hold all that an agent may know of a task.

    `workdir` is the working directory as commands write it (`Sandbox.path` of the environment's).
    """

    instruction: str
    workdir: str


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Say which model the attempt's agents ask, how hard it thinks, and under which opaque token."""

    model: str
    effort: str | None = None
    user_id: str | None = None


def roles(bundle: HarnessBundle) -> tuple[str, ...]:
    """List the agent roles of the harness's pattern; the first one begins."""
    pattern = PATTERNS.get(bundle.spec.orchestration.pattern)
    if pattern is None:
        raise HarnessError(f"unknown pattern {bundle.spec.orchestration.pattern!r}; {nearest('', PATTERNS)}")
    if not pattern.open_roles:
        return pattern.roles
    return tuple(dict.fromkeys((*pattern.roles, *bundle.roles)))


def system_prompt(bundle: HarnessBundle, role: str) -> str:
    """Give a role's system prompt: its file as it is, and for `main` the list of skills after it."""
    if role == "verifier":
        return bundle.prompt(role, default=VERIFIER_PROMPT)
    text = bundle.prompt(role)
    if role == "main" and bundle.skills:
        return f"{text.rstrip()}\n\n{skill_list(bundle.skills)}\n"
    return text


def tool_schemas(bundle: HarnessBundle, role: str) -> tuple[ToolSchema, ...]:
    """List what a role is offered: all the harness has for `main`, a shell and its report for `verifier`."""
    if role == "verifier":
        return (BASH, REPORT_CHECK)
    builtin = tuple(BUILTIN_TOOLS[name] for name in bundle.spec.tools)
    skills = (READ_SKILL,) if bundle.skills else ()
    return (*builtin, *(script_schema(tool) for tool in bundle.tools), *skills)


def first_message(role: str, task: TaskView) -> str:
    """Word the first thing a role is told."""
    text = f"<task>\n{task.instruction}\n</task>\nWorking directory: {task.workdir}"
    return f"{text}\nWork finished; check the result in the working directory." if role == "verifier" else text


def agent_setup(
    bundle: HarnessBundle, role: str, choice: ModelChoice, *, name: str | None = None, prompt: str | None = None
) -> AgentSetup:
    """Put together who an agent of `role` is."""
    spec = bundle.spec
    own = spec.models.get(role)
    return AgentSetup(
        model=choice.model,
        system=system_prompt(bundle, role) if prompt is None else prompt,
        name=name or role,
        effort=own.effort if own and own.effort else choice.effort,
        max_tokens=spec.limits.max_output_tokens,
        user_id=choice.user_id,
        max_tool_output_chars=spec.context.max_tool_output_chars,
    )


def render_first_request(
    bundle: HarnessBundle,
    task: TaskView,
    *,
    role: str = "main",
    model: str = "simulated",
    effort: str | None = None,
    user_id: str | None = None,
) -> ModelRequest:
    """Give the first request an agent of `role` sends in an attempt, without making one.

    It is the very request of the loop, but for `timeout_s`, which there also depends on the time left.

    Raises:
        HarnessError: The harness's pattern has no such role.
    """
    if role not in roles(bundle):
        raise HarnessError(f"pattern `{bundle.spec.orchestration.pattern}` has no role {role!r}")
    setup = agent_setup(bundle, role, ModelChoice(model, effort, user_id))
    opening = Message("user", [text_block(first_message(role, task))])
    return build_request(setup, tool_schemas(bundle, role), [opening])
