"""How each agent of an attempt begins: its system prompt, its tools, and the first thing it is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from task_agent.agent import AgentSetup, build_request, text_block
from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.errors import HarnessError
from task_agent.harness.pattern import (
    PATTERNS,
    DelegateParams,
    PatternParams,
    PlanThenActParams,
    SubAgent,
)
from task_agent.harness.yaml_source import nearest
from task_agent.models.base import Message, ModelRequest, ToolSchema
from task_agent.orchestration.default_prompts import DEFAULT_PROMPTS
from task_agent.tools.bash import BASH
from task_agent.tools.delegate import delegate_schema
from task_agent.tools.edit_file import EDIT_FILE
from task_agent.tools.read_skill import READ_SKILL, skill_list
from task_agent.tools.report_check import REPORT_CHECK
from task_agent.tools.report_choice import REPORT_CHOICE
from task_agent.tools.script import script_schema
from task_agent.tools.view import VIEW

BUILTIN_TOOLS: Mapping[str, ToolSchema] = {"bash": BASH, "edit_file": EDIT_FILE, "view": VIEW}

PLAN_ASK = "Write the plan; another agent will carry it out."
CHECK_ASK = "Work finished; check the result in the working directory."
CHOICE_ASK = (
    "The work has been done several times, each time from the same beginning. Every draft is a copy of the working "
    "directory, shown with what it changed in the directory as it was at the start. Choose one."
)


@dataclass(frozen=True, slots=True)
class TaskView:
    """Hold all that an agent may know of a task.

    `workdir` is the working directory as commands write it (`Sandbox.path` of the environment's), and
    `environment` what a snapshot of it showed before the first turn.
    """

    instruction: str
    workdir: str
    environment: str = ""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Say which model the attempt's agents ask, how hard it thinks, and under which opaque token."""

    model: str
    effort: str | None = None
    user_id: str | None = None


def roles(bundle: HarnessBundle) -> tuple[str, ...]:
    """List the agent roles of the harness's pattern; the first one begins."""
    chosen = bundle.spec.orchestration
    pattern = PATTERNS.get(chosen.pattern)
    if pattern is None:
        raise HarnessError(f"unknown pattern {chosen.pattern!r}; {nearest('', PATTERNS)}")
    own = pattern.roles_under(chosen.params)
    return tuple(dict.fromkeys((*own, *bundle.roles))) if pattern.open_roles else own


def system_prompt(bundle: HarnessBundle, role: str) -> str:
    """Give a role's system prompt: its file as it is, and for `main` the list of skills after it."""
    text = bundle.prompt(role, default=DEFAULT_PROMPTS.get(role))
    if role == "main" and bundle.skills:
        return f"{text.rstrip()}\n\n{skill_list(bundle.skills)}\n"
    return text


def tool_schemas(bundle: HarnessBundle, role: str) -> tuple[ToolSchema, ...]:
    """List what a role is offered: all the harness has for `main`, what their work needs for the others."""
    params = _params(bundle)
    delegation = params if isinstance(params, DelegateParams) else None
    if delegation is not None and role in delegation.agents:
        return _lent(bundle, delegation, delegation.agents[role])
    if role == "verifier":
        return (BASH, REPORT_CHECK)
    if role == "chooser":
        return (BASH, REPORT_CHOICE)
    if role == "planner":
        return () if isinstance(params, PlanThenActParams) and not params.look else (VIEW,)
    return (*_own_tools(bundle), *((delegate_schema(delegation.agents),) if delegation else ()))


def _params(bundle: HarnessBundle) -> PatternParams:
    chosen = bundle.spec.orchestration
    return PATTERNS[chosen.pattern].params.model_validate(chosen.params)


def _own_tools(bundle: HarnessBundle) -> tuple[ToolSchema, ...]:
    builtin = tuple(BUILTIN_TOOLS[name] for name in bundle.spec.tools)
    skills = (READ_SKILL,) if bundle.skills else ()
    return (*builtin, *(script_schema(tool) for tool in bundle.tools), *skills)


def _lent(bundle: HarnessBundle, delegation: DelegateParams, agent: SubAgent) -> tuple[ToolSchema, ...]:
    """List a sub-agent's tools: the ones named for it, or all; `delegate` too where it may delegate in turn."""
    own = _own_tools(bundle)
    if agent.tools is not None:
        there = {tool.name: tool for tool in (*BUILTIN_TOOLS.values(), *own)}
        own = tuple(there[name] for name in agent.tools)
    return (*own, delegate_schema(delegation.agents)) if delegation.depth > 1 else own


def first_message(role: str, task: TaskView, said: str = "") -> str:
    """Word the first thing a role is told; `said` is what the pattern has for it, such as a plan.

    Who looks at finished work is not shown the environment as it was before.
    """
    shown = f"\n<environment>\n{task.environment}\n</environment>" if task.environment else ""
    text = f"<task>\n{task.instruction}\n</task>\nWorking directory: {task.workdir}"
    if role == "verifier":
        return f"{text}\n{CHECK_ASK}"
    if role == "chooser":
        return "\n\n".join(filter(None, [f"{text}\n{CHOICE_ASK}", said]))
    if role == "planner":
        return f"{text}{shown}\n{PLAN_ASK}"
    return f"{text}{shown}\n{said}" if said else f"{text}{shown}"


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
        trim=spec.context.trim,
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
