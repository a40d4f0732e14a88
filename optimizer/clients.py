"""Makes the model client of each role; the simulated model answers through the real SDK's transport."""

from __future__ import annotations

from functools import partial

from pydantic import ValidationError

from benchmarks.judge import Judging, judge_answer
from benchmarks.simulated import SimulatedModel, SimulatedSettings
from benchmarks.suite import Suite
from optimizer.config import RunConfig
from optimizer.settings.roles import Role
from task_agent.harness.faults import dotted, faults_in
from task_agent.models import Fallback, FallbackClient, ModelClient, PriceTable, require_credentials
from task_agent.models.mark import is_simulated
from traces.errors import ConfigError

PROBED = 1
"""The number of the variants that a probe tries."""


def check_credentials(config: RunConfig) -> None:
    """Stop before anything is paid when a role's model needs a key that is not there.

    Raises:
        CredentialsError: Names the role, the model and what to set.
    """
    for name, role in config.models.roles.items():
        if name == "proposer" and config.proposer.program is not None:
            continue
        require_credentials(name, role.model, base_url=role.base_url)


def make_client(role: Role, config: RunConfig, suite: Suite) -> ModelClient:
    """Make one role's client (imports the SDK, which takes a second or two)."""
    from task_agent.models.anthropic_client import AnthropicClient

    prices = PriceTable.load(config.prices)
    if role.simulated:
        known = suite.with_variants(PROBED) if config.reflection.probe_tasks else suite
        return AnthropicClient(wire=SimulatedModel(known, simulated_settings(config)), prices=prices)
    client = AnthropicClient(base_url=role.base_url, prices=prices)
    return FallbackClient(client, fallback_of(role)) if role.fallback else client


def fallback_of(role: Role) -> Fallback:
    """Read a role's policy."""
    return Fallback(role.fallback, on_refusal=role.on_refusal == "fallback", on_outage=role.on_outage == "fallback")


def make_clients(config: RunConfig, suite: Suite) -> dict[str, ModelClient]:
    """Make the client of every role; roles played by the same model share one."""
    made = {role: make_client(role, config, suite) for role in set(config.models.roles.values())}
    return {name: made[role] for name, role in config.models.roles.items()}


def served_by_simulated(config: RunConfig) -> list[str]:
    """Name the roles of real models that a server of the simulated model answers, by the mark of its answers."""
    asked = {
        name: role
        for name, role in config.models.roles.items()
        if not (role.simulated or (name == "proposer" and config.proposer.program is not None))
    }
    marked = {url: is_simulated(url) for url in {role.base_url for role in asked.values()}}
    return [name for name, role in asked.items() if marked[role.base_url]]


def make_judge(config: RunConfig, suite: Suite) -> Judging | None:
    """Make what grades answers, where the suite has tasks that a model grades; all of them name the same one."""
    spec = next((task.judge for task in suite.tasks if task.judge is not None), None)
    if spec is None:
        return None
    client = make_client(Role(model=spec.model, base_url=spec.base_url), config, suite)
    return partial(judge_answer, client=client)


def check_judge(suite: Suite) -> None:
    """Stop before anything is paid when a suite's judge needs a key that is not there.

    Raises:
        CredentialsError: Names the model and what to set.
    """
    for spec in {(task.judge.model, task.judge.base_url) for task in suite.tasks if task.judge is not None}:
        require_credentials("judge", spec[0], base_url=spec[1])


def simulated_settings(config: RunConfig) -> SimulatedSettings:
    """Read the settings of the simulated model.

    Raises:
        ConfigError: A key or value of `simulated` is wrong.
    """
    try:
        return SimulatedSettings.model_validate(config.simulated)
    except ValidationError as error:
        first, *more = (
            ConfigError(
                fault.message,
                key=dotted(fault.loc),
                hint=fault.hint or "see docs/simulated-model.md",
                allowed=fault.allowed,
            )
            for fault in faults_in(error, SimulatedSettings, ("simulated",))
        )
        first.more = tuple(more)
        raise first from None
